"""Stripe: API objects and events of any API version, from files."""

from revenue_pipeline.sources.stripe.adapter import StripeAdapter

__all__ = ["StripeAdapter", "adapter"]


def adapter() -> StripeAdapter:
    """The adapter, as the registry asks for it."""
    return StripeAdapter()
