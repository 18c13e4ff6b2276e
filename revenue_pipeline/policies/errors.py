"""Refusals of a comparison of policies."""

from revenue_pipeline.domain.errors import RevenueError


class PolicyVersionError(RevenueError):
    """A version of the policies cannot be had or cannot be derived; nothing was compared."""

    exit_code = 2
