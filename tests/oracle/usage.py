"""Revenue of usage, royalties and goods sold by the piece (IFRS 15.85, B16, B63)."""

from datetime import date
from fractions import Fraction

from tests.oracle.convention import Convention
from tests.oracle.money import ONE, ZERO, parse_money
from tests.oracle.months import ONE_DAY, add_months
from tests.oracle.obligations import Obligation
from tests.oracle.price import pieces_value, rebates
from tests.oracle.progress import unit_progress
from tests.oracle.state import State
from tests.oracle.terms import Line, Variable
from tests.oracle.units import Unit


def earned_variable(state: State, unit: Unit, obligation: Obligation, on: date) -> Fraction:
    """Return usage, royalties and pieces earned by ``on``, rounded."""
    total = ZERO
    for line in obligation.lines:
        variables = rebates(line, obligation, unit)
        if line.is_piece:
            total += pieces_earned(line, variables, unit, state.convention)
        if line.is_usage and not _shared(line, unit):
            total += usage_earned(state, line, variables, on)
    total += _royalty_part(state, unit, obligation, on)
    return state.convention.money(total)


def pieces_earned(
    line: Line, variables: list[Variable], unit: Unit, convention: Convention
) -> Fraction:
    """Return the price of pieces sold, an agent's or a paid customer's part taken off."""
    gross = line.pieces_before + pieces_value(line, line.pieces, variables, convention)
    return gross * line.commission * (ONE - unit.payable_rate)


def usage_earned(state: State, line: Line, variables: list[Variable], on: date) -> Fraction:
    """Return usage above what is included each month, at its price, and what lacks to a minimum."""
    if not available(state, line):
        return ZERO
    by_month: dict[tuple[int, int], Fraction] = {}
    priced = billable = ZERO
    for month, quantity, amount in _monthly(line):
        by_month[month] = by_month.get(month, ZERO) + amount
        billable += quantity
        priced += amount
    if variables:
        priced = pieces_value(line, billable, variables, state.convention)
    return (priced + shortfall(line, by_month, on)) * line.commission


def available(state: State, line: Line) -> bool:
    """Tell whether the customer has what it uses: from its start, else from its transfer."""
    if line.start is not None or line.transferred_on is not None:
        return True
    return line.id not in state.fulfilled


def _monthly(line: Line) -> list[tuple[tuple[int, int], Fraction, Fraction]]:
    """Return per month of use: billable quantity, and its price with royalties."""
    terms = line.terms("usage_terms")
    included = Fraction(terms.get("included_quantity", "0"))
    royalty = Fraction(terms.get("royalty_rate", "0"))
    months = sorted({(item.since.year, item.since.month) for item in line.usage})
    found = []
    for month in months:
        reports = [item for item in line.usage if (item.since.year, item.since.month) == month]
        quantity = sum((item.quantity for item in reports), ZERO)
        free = included * max(item.months for item in reports)
        over = max(ZERO, quantity - free)
        sales = sum((item.sales for item in reports), ZERO)
        found.append((month, over, over * reports[-1].price + sales * royalty))
    return found


def shortfall(line: Line, by_month: dict[tuple[int, int], Fraction], on: date) -> Fraction:
    """Return what lacks to the minimum of each quarter that has ended within the term."""
    terms = line.terms("usage_terms")
    if "minimum_per_quarter" not in terms or line.start is None:
        return ZERO
    minimum = parse_money(terms["minimum_per_quarter"])[0] * line.rate
    total, first = ZERO, line.start
    last = on if line.end is None else min(on, line.end)
    while add_months(first, 3) - ONE_DAY <= last:
        after = add_months(first, 3)
        used = sum(
            (
                amount
                for (year, month), amount in by_month.items()
                if (first.year, first.month) <= (year, month) < (after.year, after.month)
            ),
            ZERO,
        )
        total += max(ZERO, minimum - used)
        first = after
    return total


def _shared(line: Line, unit: Unit) -> bool:
    """Tell whether the royalty of a line belongs to several obligations (15.85 not met)."""
    return bool(line.terms("usage_terms").get("royalty_rate")) and len(_royalty_keys(unit)) > 1


def _royalty_keys(unit: Unit) -> list[str]:
    for item in unit.variables.values():
        if item.kind == "royalty":
            return [owner.key for owner in unit.obligations if item.concerns(owner.key)]
    return []


def _royalty_part(state: State, unit: Unit, obligation: Obligation, on: date) -> Fraction:
    """Return an obligation's part of shared royalties, as far as it is satisfied."""
    keys = _royalty_keys(unit)
    if len(keys) < 2 or obligation.key not in keys:
        return ZERO
    lines = [line for line in unit.lines() if line.is_usage and _shared(line, unit)]
    total = sum((usage_earned(state, line, [], on) for line in lines), ZERO)
    whole = sum((item.weight for item in unit.obligations if item.key in keys), ZERO)
    if not whole:
        return ZERO
    own = any(line in lines for line in obligation.lines)
    done = ONE if own else unit_progress(obligation)
    return total * obligation.weight / whole * done
