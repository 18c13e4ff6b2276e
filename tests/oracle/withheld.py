"""Value transferred that is not revenue, and the cost of goods (IFRS 15.70-72, B20-B27, B36)."""

from fractions import Fraction

from tests.oracle.money import ONE, ZERO, parse_money
from tests.oracle.obligations import Obligation
from tests.oracle.price import (
    billed_value,
    pieces_value,
    price_per_unit,
    rebates,
    returned_line,
    returns_value,
)
from tests.oracle.state import State
from tests.oracle.terms import Line
from tests.oracle.units import Unit


def targets(
    state: State, unit: Unit, obligation: Obligation, *, all_returnable: bool = False
) -> dict[str, Fraction]:
    """Return what should be booked by component, besides revenue.

    ``all_returnable``: returns cannot be estimated, so all goods may come back.
    """
    returned = returned_units(unit, obligation)
    cost = back = ZERO
    for line in obligation.lines:
        unit_cost = parse_money(line.data.get("unit_cost", "0 X"))[0]
        sent = line.pieces if line.is_piece else line.done
        units = sent if all_returnable else returned.get(line.id, ZERO)
        cost += unit_cost * sent
        back += unit_cost * min(units, sent)
    money = state.convention.money
    found = {"cost": money(cost) - money(back), "return_cost": money(back)}
    if all_returnable:
        return found
    found["refund"] = money(_refundable(state, unit, obligation))
    found["incentive"] = money(_incentive(state, unit, obligation))
    found["agent"] = money(_of_supplier(state, unit, obligation))
    found["billing"] = money(_billed_ahead(state, unit, obligation))
    return found


def returned_units(unit: Unit, obligation: Obligation) -> dict[str, Fraction]:
    """Return units of each line expected back out of those transferred."""
    found: dict[str, Fraction] = {}
    for variable in unit.variables.values():
        if variable.kind != "returns":
            continue
        line = returned_line(variable, unit)
        if line is None or line not in obligation.lines or not price_per_unit(line):
            continue
        units = returns_value(variable, unit) / price_per_unit(line)
        sent = line.pieces if line.is_piece else line.done
        part = min(units, sent) if line.is_piece else units * min(ONE, sent / line.target)
        found[line.id] = found.get(line.id, ZERO) + part
    return found


def _refundable(state: State, unit: Unit, obligation: Obligation) -> Fraction:
    """Return rebates and returns expected on what was transferred (IFRS 15.55)."""
    total = ZERO
    for line_id, units in returned_units(unit, obligation).items():
        line = next(item for item in obligation.lines if item.id == line_id)
        total += units * price_per_unit(line)
    for line in obligation.lines:
        variables = rebates(line, obligation, unit)
        if not variables or "tiers" in variables[0].data or line.is_usage:
            continue
        sent = line.pieces if line.is_piece else line.done
        price = pieces_value(line, sent, variables, state.convention)
        total += billed_value(line, sent, variables) - price
    return total


def _billed_ahead(state: State, unit: Unit, obligation: Obligation) -> Fraction:
    """Return what tiers bill above the average price so far; nothing of it goes back."""
    total = ZERO
    for line in obligation.lines:
        variables = rebates(line, obligation, unit)
        if variables and "tiers" in variables[0].data and line.is_piece:
            price = pieces_value(line, line.pieces, variables, state.convention)
            total += billed_value(line, line.pieces, variables) - price
    return total


def _incentive(state: State, unit: Unit, obligation: Obligation) -> Fraction:
    """Return the payment to the customer released so far, in proportion to sales."""
    if not unit.payable_rate:
        return ZERO
    total = ZERO
    price = sum((item.allocated for item in unit.obligations), ZERO)
    if price:
        total += state.booked(obligation, "fixed") * unit.payable / price
    for line in obligation.lines:
        if line.is_piece:
            total += _pieces(state, unit, obligation, line) * unit.payable_rate
    return total


def _pieces(state: State, unit: Unit, obligation: Obligation, line: Line) -> Fraction:
    variables = rebates(line, obligation, unit)
    return line.pieces_before + pieces_value(line, line.pieces, variables, state.convention)


def _of_supplier(state: State, unit: Unit, obligation: Obligation) -> Fraction:
    """Return what of the transferred price belongs to the supplier (IFRS 15.B36)."""
    total = ZERO
    for line in obligation.lines:
        share = ONE - line.commission
        if not share:
            continue
        if line.is_piece:
            total += _pieces(state, unit, obligation, line) * share
        elif obligation.allocated:
            done = state.booked(obligation, "fixed") / obligation.allocated
            total += line.amount * share * done
    return total
