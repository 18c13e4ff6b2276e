"""Estimates, credits, lost disputes, lapsed rights and gates (IFRS 15.9-16, 59, 87-90, B44-B47)."""

from collections.abc import Callable
from datetime import date
from fractions import Fraction
from functools import partial

from tests.oracle.allocation import share_pool
from tests.oracle.billing import BilledLine
from tests.oracle.events import Event
from tests.oracle.money import ZERO, parse_money, shares
from tests.oracle.months import ONE_DAY, month_end
from tests.oracle.obligations import Obligation
from tests.oracle.price import estimated, returned_line, value_of
from tests.oracle.progress import is_time_based
from tests.oracle.segments import restart
from tests.oracle.state import Gate, State
from tests.oracle.terms import Data, Variable, money, number
from tests.oracle.units import Unit
from tests.oracle.usage import earned_variable


def reprice(state: State, unit: Unit, on: date, event_id: str, change: Callable[[], None]) -> None:
    """Apply a change of the price: same segment, new shares, catch-up (IFRS 15.88)."""

    def apply() -> None:
        change()
        share_pool(unit, state.convention)
        for obligation in unit.obligations:
            obligation.variable = earned_variable(state, unit, obligation, on - ONE_DAY)

    state.catch_up(on, event_id, list(unit.obligations), apply)


def estimate_variable(state: State, event: Event) -> None:
    """Replace the estimate, or the quantity expected (units bought, or units returned)."""
    data = event.data
    for unit in state.units:
        variable = unit.variables.get(data["vc_id"])
        if variable is not None and data["contract_id"] in _contracts(unit):
            change = partial(_reestimate, state, unit, variable, data)
            reprice(state, unit, event.occurred_on, event.id, change)


def _reestimate(state: State, unit: Unit, variable: Variable, data: Data) -> None:
    """Replace the estimate; what was promised before a prospective change stays with its promises.

    Each obligation of that time takes its part by its weight of that time: at once where it is
    satisfied, else with what remains (IFRS 15.90(a), Example 6).
    """
    before = value_of(variable, unit, state.convention)
    _replace_estimate(variable, data)
    promised = unit.promised.get(variable.id)
    if promised is None or variable.obligations is not None:
        return
    change = state.convention.money(value_of(variable, unit, state.convention) - before)
    parts = shares(change, [weight for _, weight in promised], state.convention.unit)
    for (obligation, _), part in zip(promised, parts, strict=True):
        if obligation.stopped or obligation.weight == 0:
            obligation.own += part
            unit.reference[variable.id] = unit.reference.get(variable.id, ZERO) + part


def _replace_estimate(variable: Variable, data: Data) -> None:
    told = number(data, "expected_quantity")
    if told is not None and variable.kind == "returns":
        variable.expected_returns = told
    elif told is not None:
        variable.expected_quantity = told
    if "estimate" in data:
        variable.estimate = money(data, "estimate")
        variable.expected_returns = None


def _contracts(unit: Unit) -> set[str]:
    return {*unit.contract_ids, *(item.contract_id for item in unit.obligations)}


def estimate_breakage(state: State, event: Event) -> None:
    """Replace the number of units expected to be used."""
    found = state.find_line(event.data["line_id"])
    if found is None:
        return
    unit, obligation, _ = found

    def change() -> None:
        obligation.expected_units = number(event.data, "expected_units_used")

    reprice(state, unit, event.occurred_on, event.id, change)


def take_credit(state: State, item: BilledLine) -> None:
    """Find what a credit is for: a refund owed, a change already counted, else the price."""
    amount = -item.amount - item.rebilled
    found = state.find_line(item.line_id)
    line = found[2] if found else state.loose_lines.get(item.line_id)
    contract = state.contracts.get(line.contract_id) if line else None
    if line is None or contract is None or amount <= 0:
        return
    if line.kind == "discount" and not item.is_note:
        return  # an invoice bills a discount by a negative line
    ending = state.ending.get(contract.contract_id)
    if ending is not None and item.on >= ending:
        return
    unit = found[0] if found else state.unit_of(contract.contract_id)
    amount -= _pay_refund(state, unit, item, amount)
    planned = min(amount, contract.credit_budget)
    contract.credit_budget -= planned
    amount -= planned
    amount -= _settle_expected(unit, amount)
    if amount > 0:
        _cut_price(state, unit, found[1] if found else None, item, amount)


def _pay_refund(state: State, unit: Unit, item: BilledLine, amount: Fraction) -> Fraction:
    """Let a credit pay an expected refund (rebate, returned goods); return how much it paid."""
    for variable in unit.variables.values():
        if variable.kind not in ("returns", "rebate") or variable.lapsed:
            continue
        open_refund = _refund_left(state, unit, variable)
        paid = amount if variable.kind == "returns" else min(amount, open_refund)
        if paid <= 0 or open_refund <= 0:
            continue

        reprice(state, unit, item.on, item.event_id, partial(_give_back, variable, paid))
        state.settled[item.event_id, item.line_id] = paid
        _goods_back(state, unit, variable, item.on, paid)
        return paid
    return ZERO


def _settle_expected(unit: Unit, amount: Fraction) -> Fraction:
    """Let a credit settle concessions and penalties that the price expects; return how much."""
    settled = ZERO
    for variable in unit.variables.values():
        if variable.kind in ("price_concession", "penalty"):
            left = max(ZERO, -estimated(variable) - variable.credited)
            part = min(left, amount - settled)
            variable.credited += part
            settled += part
    return settled


def _give_back(variable: Variable, paid: Fraction) -> None:
    variable.credited += paid


def _refund_left(state: State, unit: Unit, variable: Variable) -> Fraction:
    booked = sum((state.booked(item, "refund") for item in unit.obligations), ZERO)
    return booked - variable.credited


def _goods_back(state: State, unit: Unit, variable: Variable, on: date, paid: Fraction) -> None:
    """Goods credited are back in stock, at their cost."""
    line = returned_line(variable, unit)
    if variable.kind != "returns" or line is None or not line.unit_price:
        return
    cost = parse_money(line.data.get("unit_cost", "0 X"))[0] * paid / line.unit_price
    owner = next(item for item in unit.obligations if line in item.lines)
    state.post(on, owner, "restock", state.convention.money(cost))


def _cut_price(
    state: State, unit: Unit, obligation: Obligation | None, item: BilledLine, amount: Fraction
) -> None:
    """Lower the price of the line: as a whole, or of the service period that is credited.

    Service that lies ahead gets cheaper when it comes, service that is over at once.
    """

    def change() -> None:
        if obligation is None:
            unit.pool -= amount
            return
        timed = is_time_based(obligation) and not obligation.stopped
        if timed and item.service_start and item.service_start >= item.on:
            obligation.pending += amount
        if timed and item.service_end and item.service_end < item.on:
            obligation.base -= amount
        obligation.own -= amount

    reprice(state, unit, item.on, item.event_id, change)


def begin_credited(state: State, item: BilledLine) -> None:
    """On the first day of credited service its lower price begins."""
    found = state.find_line(item.line_id)
    if found and item.service_start and found[1].pending:
        restart(state, found[1], item.service_start)


def lose_dispute(state: State, on: date, event_id: str, parts: dict[str, Fraction]) -> None:
    """Take a lost dispute as a price concession on the lines that were paid (IFRS 15.52)."""
    for line_id, amount in parts.items():
        found = state.find_line(line_id)
        if found is None:
            continue
        unit, obligation, _ = found
        reprice(state, unit, on, event_id, partial(_concede, obligation, amount))


def _concede(obligation: Obligation, amount: Fraction) -> None:
    obligation.own -= amount


def lapse(state: State, event: Event) -> None:
    """End a right: of return, to buy, to sell back, or to use prepaid units."""
    data, on = event.data, event.occurred_on
    right = data["right"]
    if right in ("return", "repurchase"):
        kind = "return" if right == "return" else "repurchase"
        gates = [gate for gate in state.gates if gate.kind == kind]
        for gate in gates:
            if gate.contract_id == data["contract_id"] and gate.is_closed(on):
                open_gate(state, gate, on, event.id)
    if right == "return":
        for unit in state.units:
            if data["contract_id"] in _contracts(unit):
                _lapse_returns(state, unit, event)
    for _, obligation in state.obligations():
        if obligation.contract_id == data["contract_id"] and _lapses(obligation, event):
            obligation.lapsed = True


def _lapses(obligation: Obligation, event: Event) -> bool:
    told = event.data.get("line_id")
    if told is not None and all(line.id != told for line in obligation.lines):
        return False
    if event.data["right"] == "prepaid_units":
        return obligation.method == "prepaid_drawdown"
    options = all(line.kind == "option" for line in obligation.main_lines)
    return event.data["right"] == "option" and options


def _lapse_returns(state: State, unit: Unit, event: Event) -> None:
    if not any(item.kind == "returns" for item in unit.variables.values()):
        return

    def change() -> None:
        for variable in unit.variables.values():
            variable.lapsed = variable.lapsed or variable.kind == "returns"

    reprice(state, unit, event.occurred_on, event.id, change)


def reassess(state: State, event: Event) -> None:
    """Open or close the gate of collectability (IFRS 15.13-14)."""
    data, on = event.data, event.occurred_on
    closed = state.gate(data["contract_id"], on)
    if data["probable"] and closed is not None and closed.kind == "collectability":
        open_gate(state, closed, on, event.id)
    if data["probable"] or closed is not None:
        return
    eve = on - ONE_DAY
    for _, obligation in state.obligations():
        if obligation.contract_id == data["contract_id"] and is_time_based(obligation):
            earned = state.to_date(obligation, eve) - obligation.variable
            state.post_to(month_end(eve), obligation, "fixed", earned)
    state.gates.append(Gate("collectability", data["contract_id"], "deposit_liability", on))


def open_gate(state: State, gate: Gate, on: date, event_id: str) -> None:
    """Recognise what was performed while the gate was closed."""
    gate.opened_on, gate.opened_by = on, event_id
    for _, obligation in state.obligations():
        if obligation.contract_id != gate.contract_id:
            continue
        earned = state.to_date(obligation, on - ONE_DAY)
        missing = earned - state.booked(obligation, "fixed", "variable")
        fixed = earned - obligation.variable
        state.post_to(on, obligation, "fixed", fixed)
        state.tell(on, event_id, obligation, missing)


def split_dispute(
    amount: Fraction, lines: list[tuple[str, Fraction, Fraction]], unit: Fraction
) -> dict[str, Fraction]:
    """Share a disputed payment over invoice lines (id, net, tax); tax is no concession."""
    sizes = [net + tax for _, net, tax in lines]
    found: dict[str, Fraction] = {}
    for (line_id, net, tax), part in zip(lines, shares(amount, sizes, unit), strict=True):
        whole = net + tax
        concession = part * net / whole if whole else ZERO
        found[line_id] = found.get(line_id, ZERO) + concession
    return found
