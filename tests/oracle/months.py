"""Calendar arithmetic: month ends, elapsed months, weights of a term (README, proration)."""

import calendar
from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction

ONE_DAY = timedelta(days=1)


def month_end(day: date) -> date:
    """Return the last day of the month of ``day``."""
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def month_ends(first: date, last: date) -> Iterator[date]:
    """List the month ends from the month of ``first`` to that of ``last``."""
    day = month_end(first)
    while day <= month_end(last):
        yield day
        day = month_end(day + ONE_DAY)


def add_months(day: date, months: int) -> date:
    """Move ``day`` by whole months; a day the month does not have becomes its last."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))


def period_bounds(period: str) -> tuple[date, date]:
    """Return first and last day of ``YYYY-MM``, ``YYYY-Qn``, ``YYYY-Hn`` or ``YYYY``."""
    year = int(period[:4])
    rest = period[5:]
    if not rest:
        first, count = 1, 12
    elif rest[0] == "Q":
        first, count = 3 * int(rest[1]) - 2, 3
    elif rest[0] == "H":
        first, count = 6 * int(rest[1]) - 5, 6
    else:
        first, count = int(rest), 1
    return date(year, first, 1), month_end(date(year, first + count - 1, 1))


def days_weight(start: date, end: date) -> Fraction:
    """Count the days from ``start`` to ``end``, both included; none when the end lies before."""
    return Fraction(max(0, (end - start).days + 1))


def months_weight(start: date, end: date) -> Fraction:
    """Count months from ``start`` to ``end``: 1 for a full month, a part by its days."""
    total = Fraction(0)
    if end < start:
        return total
    for last in month_ends(start, end):
        first = last.replace(day=1)
        total += days_weight(max(first, start), min(last, end)) / last.day
    return total


def started_months(start: date, end: date) -> int:
    """Count the months a term has begun, from anniversary to anniversary."""
    count = 0
    while add_months(start, count) <= end:
        count += 1
    return count


def elapsed_years(start: date, end: date, months_per_period: int) -> tuple[int, date]:
    """Count full periods that ended by ``end`` (a period ends the day before its anniversary).

    Returns the count and the first day of the period that is running.
    """
    count = 0
    while add_months(start, (count + 1) * months_per_period) - ONE_DAY <= end:
        count += 1
    return count, add_months(start, count * months_per_period)
