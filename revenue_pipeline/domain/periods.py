"""Accounting periods: calendar months or weeks, known by their first day, named by a month."""

import calendar
import re
from collections.abc import Iterator
from datetime import date, timedelta

from revenue_pipeline.domain.errors import RevenueError

_PERIOD = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])", re.ASCII)


class PeriodError(RevenueError):
    """A text that names no month."""


def parse_period(text: str) -> date:
    """Read "2025-04" as 2025-04-01. Raises PeriodError."""
    if not _PERIOD.fullmatch(text) or text.startswith("0000"):
        raise PeriodError(f"{text!r} is not a month; write it as YYYY-MM, e.g. 2025-04")
    return date(int(text[:4]), int(text[5:]), 1)


def format_period(day: date) -> str:
    """The month of a day as "2025-04"."""
    return f"{day.year:04d}-{day.month:02d}"


def period_label(first: date) -> str:
    """Name of the period that begins on `first`, as "2025-04": the month of its fourteenth day.

    Of a calendar month that month; of four or five weeks the month that has most of them, so no
    two periods of a year of weeks have one name. As marts.dim_period.period_label.
    """
    return format_period(first + timedelta(days=13))


def first_day(day: date) -> date:
    """First day of the month."""
    return day.replace(day=1)


def last_day(day: date) -> date:
    """Last day of the month."""
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def add_months(anchor: date, months: int) -> date:
    """The same day `months` later, or the last day of a shorter month.

    Always count from the anchor: 31 January + 1 + 1 months is 28 March, + 2 months is 31 March.
    """
    index = anchor.year * 12 + anchor.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(anchor.day, calendar.monthrange(year, month + 1)[1]))


def term_end(start: date, months: int) -> date:
    """Last day of a term: 2025-01-15 for 12 months ends on 2026-01-14."""
    return add_months(start, months) - timedelta(days=1)


def months_between(first: date, last: date) -> int:
    """Calendar months from the month of `first` to the month of `last`; negative backwards."""
    return (last.year - first.year) * 12 + last.month - first.month


def periods(first: date, last: date) -> Iterator[date]:
    """First days of all months touched from `first` to `last`, both included."""
    for offset in range(months_between(first, last) + 1):
        yield add_months(first_day(first), offset)
