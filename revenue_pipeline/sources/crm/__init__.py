"""Orders and fulfilments of a CRM: where contracts come from."""

from revenue_pipeline.sources.crm.adapter import CrmOrdersAdapter

__all__ = ["CrmOrdersAdapter", "adapter"]


def adapter() -> CrmOrdersAdapter:
    """The adapter, as the registry asks for it."""
    return CrmOrdersAdapter()
