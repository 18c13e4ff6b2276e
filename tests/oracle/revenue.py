"""Revenue of one contract: allocation, progress, modification and termination.

Amounts are integer minor units of the contract's currency. Dates are inclusive. What belongs here
is the rule as the standard and our decisions tell it; how the product stores it does not.
"""

import calendar
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Literal

Method = Literal["ratable_daily", "ratable_monthly", "point_in_time"]
Component = Literal["fixed", "termination"]

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Line:
    """One obligation on the terms of one version.

    Attributes:
        amount: Price from the start of the contract to ``end``, over all versions so far.
        ssp: Standalone selling price of what this version still promises; >= 0.
        end: Last day of service; None for what is transferred at a point in time.
    """

    obligation: str
    method: Method
    amount: int
    ssp: int
    start: date
    end: date | None


@dataclass(frozen=True)
class Version:
    """The terms in force from ``effective`` on; ``lines`` restates all of them.

    Attributes:
        term_months: Length of one renewing term, counted from ``effective``; amounts and standalone
            prices are then those of one term. None: the lines carry their own end.
        last_day: Last day on which a renewing contract runs; None while it goes on.
    """

    effective: date
    lines: tuple[Line, ...]
    term_months: int | None = None
    last_day: date | None = None


@dataclass(frozen=True)
class Termination:
    """``effective`` is the first day without service, ``refund`` what goes back, without tax.

    A refund of None gives back all that was not earned: the new contract of an early renewal
    takes it over. ``billed`` is what was invoiced of the price, None: all of it. What was neither
    billed nor earned is owed by nobody any more.
    """

    effective: date
    refund: int | None = 0
    billed: int | None = None


@dataclass(frozen=True)
class Contract:
    """Versions in the order in which they take effect, at most one termination after them.

    Attributes:
        carried: Price that an old contract, cut short by this renewal, left unearned and nobody
            gave back.
    """

    contract_id: str
    versions: tuple[Version, ...]
    termination: Termination | None = None
    fulfilled: Mapping[str, date] = field(default_factory=dict)
    carried: int = 0


@dataclass(frozen=True)
class Posting:
    """Revenue of one obligation, component and month; ``month`` is its first day."""

    obligation: str
    component: Component
    month: date
    amount: int


def rounded(value: Fraction) -> int:
    """Round to the nearest integer, halves away from zero."""
    magnitude = abs(value) + Fraction(1, 2)
    whole = magnitude.numerator // magnitude.denominator
    return whole if value >= 0 else -whole


def allocate(price: int, ssps: Sequence[int]) -> list[int]:
    """Split ``price`` in proportion to ``ssps``; the parts add up to it.

    Each share is rounded; what is over or short goes to the largest share, the first of them on
    a tie.

    Source:
        ASC 606-10-32-31; docs/decisions/0001-allocation-residual.md.
    """
    whole = sum(ssps)
    if whole <= 0:
        message = "at least one standalone selling price must be positive"
        raise ValueError(message)
    shares = [rounded(Fraction(price * ssp, whole)) for ssp in ssps]
    largest = max(range(len(shares)), key=lambda i: (abs(shares[i]), -i))
    shares[largest] += price - sum(shares)
    return shares


def progress(method: Method, start: date, end: date, through: date) -> Fraction:
    """Fraction of the window ``start`` to ``end`` that has passed when ``through`` is over.

    Source:
        ASC 606-10-25-31. By month a full calendar month weighs one, a partial one its days over
        the days of that month.
    """
    if through < start:
        return Fraction(0)
    through = min(through, end)
    weigh = _month_weight if method == "ratable_monthly" else _day_weight
    return weigh(start, through) / weigh(start, end)


def _day_weight(first: date, last: date) -> Fraction:
    return Fraction((last - first).days + 1)


def _month_weight(first: date, last: date) -> Fraction:
    return sum(
        (
            Fraction(
                (min(last, _month_end(month)) - max(first, month)).days + 1, _month_end(month).day
            )
            for month in months(first, last)
        ),
        Fraction(0),
    )


def months(first: date, last: date) -> Iterator[date]:
    """First days of the months that ``first`` to ``last`` touches, in order."""
    month = first.replace(day=1)
    while month <= last:
        yield month
        month = _month_end(month) + ONE_DAY


def _month_end(day: date) -> date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def price(version: Version) -> int:
    """Fixed transaction price from the start of the contract, on the terms of ``version``."""
    return sum(line.amount for line in version.lines)


def standalone_for_days(yearly: int, quantity: int, days: int) -> int:
    """Standalone price of ``days`` of service from a list price per unit and year of 365 days."""
    return rounded(Fraction(yearly * quantity * days, 365))


@dataclass(frozen=True)
class Segment:
    """What one version, or one term of it, gives one obligation to earn.

    Attributes:
        start: First day of the window; ``end`` its last one, None at a point in time.
        until: First day on which other terms hold; None when it runs to its end.
    """

    line: Line
    allocated: int
    start: date
    end: date | None
    until: date | None
    fulfilled: date | None

    def earned(self, through: date) -> int:
        """Revenue this segment has earned when ``through`` is over, in minor units."""
        if self.until is not None:
            through = min(through, self.until - ONE_DAY)
        if self.line.method == "point_in_time":
            passed = self.fulfilled is not None and self.fulfilled <= through
            return self.allocated if passed else 0
        assert self.end is not None
        if self.end < self.start:  # served before these terms began
            return self.allocated if through >= self.start else 0
        return rounded(self.allocated * progress(self.line.method, self.start, self.end, through))


def remaining_standalone(contract: Contract, index: int) -> list[int]:
    """Standalone prices of what version ``index`` still promises; delivered weighs nothing."""
    version = contract.versions[index]
    if index == 0:
        return [line.ssp for line in version.lines]

    def delivered(line: Line) -> bool:
        point = line.method == "point_in_time"
        day = contract.fulfilled.get(line.obligation) if point else line.end
        return day is not None and day < version.effective

    return [0 if delivered(line) else line.ssp for line in version.lines]


def segments(contract: Contract, last: date = date.max) -> list[Segment]:
    """Everything the contract may earn; renewing terms are listed while they start by ``last``."""
    if any(version.term_months for version in contract.versions):
        return _renewing_segments(contract, last)
    return _pooled_segments(contract)


def _renewing_segments(contract: Contract, last: date) -> list[Segment]:
    """Each term is priced afresh; a term that is cut earns the days it ran."""
    result: list[Segment] = []
    for index, version in enumerate(contract.versions):
        assert version.term_months is not None
        until = _until(contract, index)
        if version.last_day is not None:
            until = min(until or date.max, version.last_day + ONE_DAY)
        number = 0
        shares = allocate(price(version), [line.ssp for line in version.lines])
        while True:
            start = add_months(version.effective, version.term_months * number)
            number += 1
            if start > last or (until is not None and start >= until):
                break
            end = add_months(version.effective, version.term_months * number) - ONE_DAY
            result += [
                Segment(line, share, start, end, until, None)
                for line, share in zip(version.lines, shares, strict=True)
            ]
    return result


def add_months(day: date, count: int) -> date:
    """The same day of a later month, or that month's last day where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + count, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _pooled_segments(contract: Contract) -> list[Segment]:
    """Allocate the price of each version over what it still promises.

    The pool of a version is what the version before left unearned at the change, plus the change
    in price: a prospective modification.

    Source:
        ASC 606-10-25-13(a), 32-31.
    """
    result: list[Segment] = []
    pool = contract.carried
    price_before = 0
    for index, version in enumerate(contract.versions):
        pool += price(version) - price_before
        until = _until(contract, index)
        current = [
            Segment(
                line,
                share,
                max(line.start, version.effective),
                line.end,
                until,
                contract.fulfilled.get(line.obligation),
            )
            for line, share in zip(
                version.lines, allocate(pool, remaining_standalone(contract, index)), strict=True
            )
        ]
        result += current
        if until is not None:
            pool -= sum(segment.earned(until - ONE_DAY) for segment in current)
        price_before = price(version)
    return result


def _until(contract: Contract, index: int) -> date | None:
    if index + 1 < len(contract.versions):
        return contract.versions[index + 1].effective
    return contract.termination.effective if contract.termination else None


def earned_until_terminated(contract: Contract) -> int:
    """Revenue of the days before the termination."""
    assert contract.termination is not None
    last_day = contract.termination.effective - ONE_DAY
    return sum(segment.earned(last_day) for segment in segments(contract))


def released_on_termination(contract: Contract) -> int:
    """What was billed, not refunded and not earned when the contract ended; revenue at once.

    Below zero where more is refunded than was left: no more than was earned is given up.

    Source:
        ASC 606-10-25-13(a).
    """
    ending = contract.termination
    if ending is None or ending.refund is None:
        return 0
    if any(version.term_months for version in contract.versions):
        return 0
    billed = price(contract.versions[-1]) if ending.billed is None else ending.billed
    earned = earned_until_terminated(contract)
    left = billed - ending.refund - earned
    return max(left, -earned if ending.refund else 0)


def worth(contract: Contract) -> int:
    """Price that the obligations share in the end: stated and carried, or earned and released."""
    if contract.termination is None:
        return price(contract.versions[-1]) + contract.carried
    return earned_until_terminated(contract) + released_on_termination(contract)


def schedule(
    contract: Contract, first: date, last: date, renew_until: date | None = None
) -> list[Posting]:
    """Revenue per obligation, component and month from ``first`` to ``last``; no zero rows.

    Renewing terms are counted while they start by ``renew_until`` (default ``last``), and each is
    scheduled to its end.

    A month's revenue is the difference of two rounded running totals. What a termination releases
    is revenue of the month of its first day without service and names no obligation.
    """
    to_date: dict[str, int] = defaultdict(int)
    postings: list[Posting] = []
    parts = segments(contract, renew_until or last)
    for month in months(first, last):
        totals: dict[str, int] = defaultdict(int)
        for segment in parts:
            totals[segment.line.obligation] += segment.earned(_month_end(month))
        for obligation, total in totals.items():
            amount = total - to_date[obligation]
            to_date[obligation] = total
            if amount:
                postings.append(Posting(obligation, "fixed", month, amount))
    released = released_on_termination(contract)
    if contract.termination is not None and released:
        month = contract.termination.effective.replace(day=1)
        postings.append(Posting("", "termination", month, released))
    return postings


def position(billed: int, recognized: int) -> tuple[int, int]:
    """Contract asset and contract liability of a contract; at least one of them is zero."""
    return max(recognized - billed, 0), max(billed - recognized, 0)
