"""Segments of an obligation: what is kept, what is left, and its standalone price (IFRS 15.21)."""

from datetime import date
from fractions import Fraction

from tests.oracle.allocation import share_pool, standalone, weight_at_inception
from tests.oracle.money import ONE, ZERO
from tests.oracle.months import ONE_DAY, days_weight, months_weight
from tests.oracle.obligations import Obligation
from tests.oracle.price import value_of
from tests.oracle.progress import (
    expected_units,
    is_time_based,
    month_count,
    recognised,
    renewal_periods,
    term,
)
from tests.oracle.state import State
from tests.oracle.terms import REPORTED, Line
from tests.oracle.units import Unit


def restart(state: State, obligation: Obligation, on: date) -> Fraction:
    """Begin a segment: revenue to the day before is rounded and kept. Returns that revenue."""
    obligation.base = recognised(obligation, on - ONE_DAY, state.convention)
    obligation.pending = ZERO
    obligation.since = on
    obligation.reported_before = obligation.reported
    obligation.uninstalled_before = obligation.uninstalled
    obligation.used_before = obligation.used
    obligation.unit_rounding = True
    for line in obligation.lines:
        line.done_before = line.done
    return obligation.base


def round_off(state: State, obligation: Obligation, on: date) -> Fraction:
    """Begin a segment with nothing but what is recognised; return what was left to recognise."""
    whole = obligation.allocated
    obligation.own = restart(state, obligation, on)
    obligation.share, obligation.targeted = ZERO, {}
    return whole - obligation.own


def stop(state: State, unit: Unit, obligation: Obligation, on: date) -> Fraction:
    """End an obligation; the pool of the others loses its part. Returns what was left."""
    unit.pool -= obligation.share
    left = round_off(state, obligation, on)
    obligation.stopped = True
    return left


def start_segment(state: State, unit: Unit, pool: Fraction, on: date) -> None:
    """Share the pool over what remains, by its standalone prices.

    Where nothing remains it is a change of price for what was delivered, shared as at inception.
    """
    unit.first_segment = False
    unit.pool = pool
    unit.reference = {
        key: value_of(item, unit, state.convention) for key, item in unit.variables.items()
    }
    for key in unit.variables:
        unit.promised.setdefault(key, [(item, item.weight) for item in unit.obligations])
    for obligation in unit.open_obligations:
        obligation.weight = remaining_weight(state, obligation, on)
    if not any(item.weight for item in unit.open_obligations):
        for obligation in unit.open_obligations:
            obligation.weight = weight_at_inception(obligation, unit)
    share_pool(unit, state.convention)


def remaining_weight(state: State, obligation: Obligation, on: date) -> Fraction:
    """Return the standalone price of what is left: told, or the line's in proportion."""
    total = ZERO
    lines = [line for line in obligation.live_lines if line.kind != "discount"]
    priced = any(line.ssp is not None for line in obligation.main_lines)
    for line in lines:
        if line.remaining_ssp is not None:
            total += line.remaining_ssp
            line.ssp = _whole_price(state, obligation, line, on)
            line.remaining_ssp = None
            continue
        if (line.is_usage or line.is_piece) and line.amount == 0:
            continue
        if priced and line.ssp is None and line.kind == "fee":
            continue
        total += standalone(line) * left_of(state, obligation, line, on)
    return total


def _whole_price(state: State, obligation: Obligation, line: Line, on: date) -> Fraction:
    left = left_of(state, obligation, line, on)
    return (line.remaining_ssp or ZERO) / left if left else ZERO


def left_of(state: State, obligation: Obligation, line: Line, on: date) -> Fraction:
    """Return the part of a line that is still to be transferred from ``on``."""
    if obligation.stopped or obligation.lapsed:
        return ZERO
    if is_time_based(obligation):
        return _time_left(state, obligation, line, on)
    if obligation.method in REPORTED:
        return ONE - obligation.reported
    if obligation.method == "prepaid_drawdown":
        expected = expected_units(obligation)
        return max(ZERO, ONE - obligation.used / expected) if expected else ZERO
    return max(ZERO, ONE - line.done / line.target)


def _time_left(state: State, obligation: Obligation, line: Line, on: date) -> Fraction:
    start, end = term(obligation)
    if state.convention.proration == "full_started_months":
        count = month_count(obligation, start, end)
        gone = (on.year - start.year) * 12 + on.month - start.month
        return Fraction(max(0, count - max(0, gone)), count)
    if not renewal_periods(obligation) and line.start and line.end:
        start, end = line.start, line.end
    weigh = days_weight if obligation.method == "ratable_daily" else months_weight
    whole = weigh(start, end)
    return weigh(max(start, on), end) / whole if whole else ZERO
