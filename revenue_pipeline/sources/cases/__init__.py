"""Acceptance cases: worked examples whose events are told like those of any other source."""

from revenue_pipeline.sources.cases.adapter import CasesAdapter

__all__ = ["CasesAdapter", "adapter"]


def adapter() -> CasesAdapter:
    """The adapter, as the registry asks for it."""
    return CasesAdapter()
