"""Refusals of the ledger."""

from revenue_pipeline.domain.errors import RevenueError


class LedgerError(RevenueError):
    """A posting or a close was refused; nothing was written."""
