"""Step 5: how far an obligation is satisfied, and revenue to date (IFRS 15.31-45, B14-B19)."""

from datetime import date
from fractions import Fraction

from tests.oracle.convention import Convention
from tests.oracle.money import ONE, ZERO, parse_money, shares
from tests.oracle.months import (
    ONE_DAY,
    add_months,
    days_weight,
    month_end,
    months_weight,
    period_bounds,
    started_months,
)
from tests.oracle.obligations import Obligation
from tests.oracle.terms import REPORTED, Line


def term(obligation: Obligation) -> tuple[date, date]:
    """Return first and last day of service, expected renewals included (B43)."""
    lines = [line for line in obligation.main_lines if line.start and line.end]
    start = min((line.start for line in lines if line.start), default=obligation.since)
    end = max((line.end for line in lines if line.end), default=obligation.since)
    renewals = sum((_renewals(line) for line in obligation.live_lines), ZERO)
    if renewals:
        end = add_months(start, started_months(start, end) * (1 + int(renewals))) - ONE_DAY
    return start, end


def _renewals(line: Line) -> Fraction:
    terms = line.terms("renewal_terms")
    if not line.is_practical_option or "periods" in terms:
        return ZERO
    return Fraction(terms.get("renewals_expected", "0"))


def renewal_periods(obligation: Obligation) -> list[tuple[date, date, Fraction]]:
    """Return expected periods with their weights: expected cost, else consideration (B43)."""
    found = []
    for line in obligation.live_lines:
        if not line.is_practical_option:
            continue
        for item in line.terms("renewal_terms").get("periods", []):
            size = item.get("expected_cost", item["consideration"])
            weight = Fraction(item["probability"]) * parse_money(size)[0]
            found.append((*period_bounds(item["period"]), weight))
    return found


def time_progress(obligation: Obligation, on: date, convention: Convention) -> Fraction:
    """Return the part of the segment that has passed by the end of ``on``."""
    start, end = term(obligation)
    if convention.proration == "full_started_months":
        return _started(obligation, start, end, on)
    first = max(start, obligation.since)
    weigh = days_weight if obligation.method == "ratable_daily" else months_weight
    whole = weigh(first, end)
    return weigh(first, min(on, end)) / whole if whole else ONE


def period_parts(
    obligation: Obligation, amount: Fraction, convention: Convention
) -> list[Fraction]:
    """Share an amount over the expected periods left, by their weights."""
    weights = [
        weight * months_weight(max(first, obligation.since), last) / months_weight(first, last)
        for first, last, weight in renewal_periods(obligation)
    ]
    return shares(amount, weights, convention.unit, exact=convention.residual_to_largest)


def _period_revenue(obligation: Obligation, on: date, convention: Convention) -> Fraction:
    """Return revenue to date of the segment where periods carry amounts of their own."""
    parts = period_parts(obligation, obligation.allocated - obligation.base, convention)
    total = ZERO
    for (first, last, _), part in zip(renewal_periods(obligation), parts, strict=True):
        start = max(first, obligation.since)
        whole = months_weight(start, last)
        if whole:
            total += convention.money(part * months_weight(start, min(on, last)) / whole)
    return total


def month_count(obligation: Obligation, start: date, end: date) -> int:
    """Return in how many months a full-started-months line is recognised."""
    told = [line.quantity for line in obligation.main_lines if line.quantity]
    return int(told[0]) if told else started_months(start, end)


def _started(obligation: Obligation, start: date, end: date, on: date) -> Fraction:
    """Equal parts for each month begun; only months that have ended count on a day between."""
    count = month_count(obligation, start, end)
    before = after = 0
    for index in range(count):
        last = month_end(add_months(start.replace(day=1), index))
        before += last < obligation.since
        after += last <= on
    left = count - before
    return Fraction(max(0, after - before), left) if left > 0 else ONE


def unit_weights(obligation: Obligation) -> list[tuple[Line, Fraction]]:
    """Weigh the lines by units left in the segment; lines without quantity by price."""
    lines = obligation.main_lines
    if all(line.quantity for line in lines):
        return [(line, line.target - line.done_before) for line in lines]
    sized = []
    for line in lines:
        size = line.ssp if line.ssp is not None else line.amount
        sized.append((line, size * (ONE - line.done_before / line.target)))
    if not any(size for _, size in sized):
        return [(line, ONE - line.done_before / line.target) for line, _ in sized]
    return sized


def unit_progress(obligation: Obligation) -> Fraction:
    """Return the part of the segment's units that was transferred."""
    done = whole = ZERO
    for line, weight in unit_weights(obligation):
        whole += weight
        left = line.target - line.done_before
        if left > 0:
            done += weight * min(ONE, (line.done - line.done_before) / left)
    return done / whole if whole else ONE


def drawdown_progress(obligation: Obligation) -> Fraction:
    """Return units used over units expected to be used; bought ones if breakage waits (B44-B47)."""
    expected = expected_units(obligation) - obligation.used_before
    if expected <= 0:
        return ONE
    return min(ONE, (obligation.used - obligation.used_before) / expected)


def expected_units(obligation: Obligation) -> Fraction:
    """Return the units over which a prepaid price is spread."""
    total = ZERO
    for line in obligation.main_lines:
        terms = line.terms("drawdown_terms")
        bought = Fraction(terms.get("units_purchased", "0"))
        proportional = terms.get("breakage") == "proportional"
        total += Fraction(terms.get("expected_units_used", bought)) if proportional else bought
    told = obligation.expected_units
    return total if told is None or not _breaks_in_proportion(obligation) else told


def _breaks_in_proportion(obligation: Obligation) -> bool:
    return any(
        line.terms("drawdown_terms").get("breakage") == "proportional"
        for line in obligation.main_lines
    )


def progress(obligation: Obligation, on: date, convention: Convention) -> Fraction:
    """Return the satisfied part of the current segment at the end of ``on``."""
    if obligation.lapsed:
        return ONE
    if is_time_based(obligation):
        return time_progress(obligation, on, convention)
    if obligation.method in REPORTED:
        left = ONE - obligation.reported_before
        return (obligation.reported - obligation.reported_before) / left if left else ONE
    if obligation.method == "prepaid_drawdown":
        return drawdown_progress(obligation)
    if obligation.method == "usage":
        return ONE if any(line.transferred_on for line in obligation.main_lines) else ZERO
    return ZERO if obligation.is_open_option else unit_progress(obligation)


def is_time_based(obligation: Obligation) -> bool:
    """Tell whether the fixed price is earned by the calendar (also beside usage, over its term)."""
    dated = any(line.start and line.end for line in obligation.main_lines)
    return obligation.is_ratable or (obligation.method == "usage" and dated)


def recognised(obligation: Obligation, on: date, convention: Convention) -> Fraction:
    """Return rounded revenue to date of the fixed price (usage and pieces apart)."""
    if obligation.stopped:
        return obligation.allocated
    if renewal_periods(obligation):
        return obligation.base + _period_revenue(obligation, on, convention)
    left = obligation.allocated + obligation.pending - obligation.base
    share = progress(obligation, on, convention)
    if obligation.unit_rounding and share < 1 and obligation.method == "point_in_time":
        units = sum((weight for _, weight in unit_weights(obligation)), ZERO)
        left = convention.average(left / units) * units if units else left
    materials = obligation.uninstalled - obligation.uninstalled_before
    return obligation.base + convention.money(share * (left - materials) + materials)
