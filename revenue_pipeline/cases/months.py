"""Periods of a case: a month, a quarter, a half or a year, each the sum of its months."""

import re
from datetime import date

from revenue_pipeline.domain.periods import PeriodError, parse_period

_LONG = re.compile(r"([0-9]{4})(?:-(?:Q([1-4])|H([12])))?", re.ASCII)


def months_of(text: str) -> list[date]:
    """First days of the months of "2025-04", "2025-Q2", "2025-H1" or "2025". Raises PeriodError."""
    long = _LONG.fullmatch(text)
    if long is None:
        return [parse_period(text)]
    year, quarter, half = long.groups()
    if year == "0000":
        raise PeriodError(f"{text!r} is not a period")
    first, count = 1, 12
    if quarter:
        first, count = 3 * int(quarter) - 2, 3
    elif half:
        first, count = 6 * int(half) - 5, 6
    return [date(int(year), month, 1) for month in range(first, first + count)]
