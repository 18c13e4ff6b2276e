"""Usage as CloudEvents 1.0."""

from revenue_pipeline.sources.cloudevents.adapter import UsageEventsAdapter

__all__ = ["UsageEventsAdapter", "adapter"]


def adapter() -> UsageEventsAdapter:
    """The adapter, as the registry asks for it."""
    return UsageEventsAdapter()
