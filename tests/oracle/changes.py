"""Contract modifications: classified from facts, applied by class (IFRS 15.18-21)."""

from datetime import date
from fractions import Fraction

from tests.oracle.allocation import share_pool, weight_at_inception
from tests.oracle.events import Event
from tests.oracle.money import ONE, ZERO, shares
from tests.oracle.months import ONE_DAY, days_weight, months_weight
from tests.oracle.obligations import Obligation
from tests.oracle.progress import (
    recognised,
)
from tests.oracle.segments import left_of, round_off, start_segment
from tests.oracle.signing import add_obligations, add_variables, begin, fixed_price, read_lines
from tests.oracle.state import State
from tests.oracle.terms import REPORTED, Data, Line, day, money, number
from tests.oracle.units import Unit


def classify(state: State, data: Data) -> str:
    """Conclude what a modification is from its facts (IFRS 15.20-21)."""
    facts = data.get("facts", {})
    if "classification" in data:
        return str(data["classification"])
    added = data.get("add_lines", [])
    at_price = all(item.get("ssp") == item["amount"] for item in added)
    adds = facts.get("adds_distinct", bool(added))
    if adds and facts.get("added_at_ssp", bool(added) and at_price):
        return "separate_contract"
    unit = state.unit_of(data["contract_id"])
    series = not any(item.method in REPORTED for item in unit.open_obligations)
    return "prospective" if facts.get("remaining_distinct", series) else "cumulative_catch_up"


def modify(state: State, event: Event) -> None:
    """Apply a modification as its classification says."""
    data = event.data
    kind = classify(state, data)
    state.classifications[data["modification_id"]] = kind
    on = day(data, "effective_date") or event.occurred_on
    if kind == "separate_contract":
        _separate(state, event, on)
        return
    unit = _unit_of_change(state, data)
    touched = list(unit.obligations)

    def change() -> None:
        if kind == "prospective":
            _modify_forward(state, unit, data, on)
        else:
            _modify_from_inception(state, unit, data, on)

    state.catch_up(on, event.id, touched, change)
    begin(state, unit, on, event.id, touched)


def _unit_of_change(state: State, data: Data) -> Unit:
    """Find the accounting contract of the changed lines, else the contract's first one."""
    for item in data.get("change_lines", []):
        found = state.find_line(item["line_id"])
        if found:
            return found[0]
    return state.unit_of(data["contract_id"])


def _separate(state: State, event: Event, on: date) -> None:
    contract = state.contracts[event.data["contract_id"]]
    unit = Unit([])
    state.units.append(unit)
    lines = read_lines(state, contract, event.data.get("add_lines", []), on)
    add_obligations(state, unit, lines, on)
    for obligation in unit.obligations:
        obligation.weight = weight_at_inception(obligation, unit)
    unit.pool = fixed_price(lines) + add_variables(
        state, unit, event.data.get("variable_consideration", [])
    )
    share_pool(unit, state.convention)
    begin(state, unit, on, event.id)


def _modify_forward(state: State, unit: Unit, data: Data, on: date) -> None:
    change = price_change(state, unit, data, on)
    pool = sum((round_off(state, item, on) for item in unit.open_obligations), ZERO)
    credit = data.get("price_credit", {})
    amount = money(credit, "amount") or ZERO
    if credit.get("relates_to") == "delivered":
        _credit_delivered(state, unit, amount)
    else:
        change -= amount
    for item in data.get("change_lines", []):
        _change_line(state, item)
    _remove_lines(state, unit, data, on)
    _set_costs(state, unit, data)
    contract = state.contracts[data["contract_id"]]
    lines = read_lines(state, contract, data.get("add_lines", []), on)
    add_obligations(state, unit, lines, on)
    start_segment(state, unit, pool + change + fixed_price(lines), on)
    unit.pool += add_variables(state, unit, data.get("variable_consideration", []))
    share_pool(unit, state.convention)


def _modify_from_inception(state: State, unit: Unit, data: Data, on: date) -> None:
    change = price_change(state, unit, data, on)
    credit = data.get("price_credit", {})
    amount = money(credit, "amount") or ZERO
    if credit.get("relates_to") == "delivered":
        _credit_delivered(state, unit, amount)
    else:
        change -= amount
    for item in data.get("change_lines", []):
        _change_line(state, item)
    _remove_lines(state, unit, data, on)
    _set_costs(state, unit, data)
    contract = state.contracts[data["contract_id"]]
    lines = read_lines(state, contract, data.get("add_lines", []), on)
    added = add_obligations(state, unit, lines, on)
    for obligation in unit.open_obligations:
        if unit.first_segment or obligation in added:
            obligation.weight = weight_at_inception(obligation, unit)
    unit.pool += change + fixed_price(lines)
    unit.pool += add_variables(state, unit, data.get("variable_consideration", []))
    share_pool(unit, state.convention)


def price_change(state: State, unit: Unit, data: Data, on: date) -> Fraction:
    """Return the change beside added lines; untold, what the per-line view amounts to."""
    told = money(data, "consideration_change")
    if told is not None:
        return told
    total = ZERO
    for item in data.get("change_lines", []):
        found = state.find_line(item["line_id"])
        if found is None:
            continue
        _, obligation, line = found
        if "remaining_amount" in item:
            done = recognised(obligation, on - ONE_DAY, state.convention)
            total += (money(item, "remaining_amount") or ZERO) - (obligation.allocated - done)
        elif "amount" in item:
            total += (money(item, "amount") or ZERO) - line.amount
    for line in unit.lines():
        if line.id in data.get("remove_lines", []):
            total -= line.amount * left_of(state, _owner(unit, line), line, on)
    return total


def _owner(unit: Unit, line: Line) -> Obligation:
    return next(item for item in unit.obligations if line in item.lines)


def _credit_delivered(state: State, unit: Unit, amount: Fraction) -> None:
    """A credit for what was delivered reduces revenue at once, where revenue was recognised."""
    parts = shares(amount, [abs(item.base) for item in unit.obligations], state.convention.unit)
    if not any(item.base for item in unit.obligations):
        weights = [state.booked(item, "fixed") for item in unit.obligations]
        parts = shares(amount, weights, state.convention.unit)
    for obligation, part in zip(unit.obligations, parts, strict=True):
        obligation.base -= part
        obligation.own -= part


def _change_line(state: State, item: Data) -> None:
    found = state.find_line(item["line_id"])
    line = found[2] if found else state.loose_lines.get(item["line_id"])
    if line is None:
        return
    scale = ONE
    quantity, end = number(item, "quantity"), day(item, "end_date")
    if quantity is not None:
        scale *= quantity / line.target if line.quantity else ONE
        line.quantity = quantity
    if end is not None:
        scale *= _stretch(state, line, end)
        line.end = end
    if line.ssp is not None:
        line.ssp *= scale
    if "ssp" in item:
        line.ssp = (money(item, "ssp") or ZERO) * line.rate
    if "amount" in item:
        line.amount = (money(item, "amount") or ZERO) * line.rate
    elif line.ssp is None:
        line.amount *= scale
    if "unit_price" in item:
        _reprice(line, (money(item, "unit_price") or ZERO) * line.rate)
    if "remaining_ssp" in item:
        line.remaining_ssp = (money(item, "remaining_ssp") or ZERO) * line.rate


def _stretch(state: State, line: Line, end: date) -> Fraction:
    """Return how much longer a line gets, by the measure of its revenue."""
    months = state.convention.proration == "full_started_months"
    if not line.start or not line.end or (months and line.quantity):
        return ONE  # the quantity tells the months
    weigh = days_weight if line.method == "ratable_daily" else months_weight
    return weigh(line.start, end) / weigh(line.start, line.end)


def _reprice(line: Line, price: Fraction) -> None:
    """Units sold by the piece before a change keep their price."""
    if line.is_piece:
        line.pieces_before += line.pieces * (line.unit_price or ZERO)
        line.pieces = ZERO
    line.unit_price = price


def _remove_lines(state: State, unit: Unit, data: Data, on: date) -> None:
    """Lines that are gone promise nothing more; an obligation without lines keeps its revenue."""
    gone = set(data.get("remove_lines", []))
    for obligation in unit.open_obligations:
        left = [line for line in obligation.live_lines if line.id not in gone]
        if len(left) == len(obligation.live_lines):
            continue
        if not left:
            round_off(state, obligation, on)
            obligation.stopped = True
            unit.pool -= obligation.base
            continue
        for line in obligation.lines:
            line.removed = line.removed or line.id in gone


def _set_costs(state: State, unit: Unit, data: Data) -> None:
    """Replace the estimate of total cost; the measure of progress follows."""
    total = money(data, "total_expected_costs")
    if total is None:
        return
    for obligation in unit.open_obligations:
        if obligation.method in REPORTED:
            obligation.total_costs = total
            measure_costs(state, obligation)


def measure_costs(state: State, obligation: Obligation) -> None:
    """Measure progress by cost, uninstalled materials apart (IFRS 15.B19)."""
    total = obligation.total_costs
    if total is None or not obligation.costs:
        return
    left = total - obligation.uninstalled
    done = obligation.costs - obligation.uninstalled
    obligation.reported = state.convention.measure(done / left) if left else ONE
