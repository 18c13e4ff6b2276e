"""Why a gate is closed."""

from revenue_pipeline.domain.errors import RevenueError


class SuiteError(RevenueError):
    """The rules of a gate cannot be read, or cannot be judged at all. The gate is closed."""


class GateClosedError(RevenueError):
    """No verdict allows these rows: none was given, it was negative, or rows or rules changed."""
