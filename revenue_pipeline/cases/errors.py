"""Refusals of the cases."""

from revenue_pipeline.domain.errors import RevenueError


class CaseFileError(RevenueError):
    """A case file cannot be read or is no case; nothing was run."""

    exit_code = 2
