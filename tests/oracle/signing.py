"""Step 1: contracts, packages and their first allocation (IFRS 15.9-17, 60-72, B48-B51)."""

from collections.abc import Sequence
from datetime import date
from fractions import Fraction

from tests.oracle.allocation import expected_renewals, share_pool, weight_at_inception
from tests.oracle.events import Event
from tests.oracle.money import ZERO, parse_money
from tests.oracle.months import ONE_DAY
from tests.oracle.obligations import Obligation, group_lines
from tests.oracle.price import financed_price, value_of
from tests.oracle.state import Gate, State
from tests.oracle.terms import Contract, Data, Line, Variable
from tests.oracle.units import Unit


def sign(state: State, event: Event) -> None:
    """Take a signed contract: into the package it names, or into one of its own."""
    data, on = event.data, event.occurred_on
    named = data.get("combined_with", [])
    mates = [
        item
        for item in state.contracts.values()
        if item.contract_id in named or data["contract_id"] in item.data.get("combined_with", [])
    ]
    contract = _contract(data, on, mates)
    state.contracts[contract.contract_id] = contract
    if mates:
        unit = state.unit_of(mates[0].contract_id)
        unit.contract_ids.append(contract.contract_id)
    else:
        unit = Unit([contract.contract_id])
        state.units.append(unit)
    _close_gates(state, contract)
    lines = read_lines(state, contract, data["lines"], on)
    touched = list(unit.obligations)

    def join() -> None:
        _take_terms(unit, contract, lines)
        add_obligations(state, unit, lines, on)
        for obligation in unit.obligations:
            obligation.weight = weight_at_inception(obligation, unit)
        share_pool(unit, state.convention)

    state.catch_up(on, event.id, touched, join)
    begin(state, unit, on, event.id, touched)


def begin(
    state: State, unit: Unit, on: date, event_id: str, known: Sequence[Obligation] = ()
) -> None:
    """Book what new obligations with service before the day of their contract have earned."""
    for obligation in unit.obligations:
        if obligation in known or state.gate(obligation.contract_id, on):
            continue
        earned = state.to_date(obligation, on - ONE_DAY) - state.booked(obligation, "fixed")
        if earned:
            state.post(on, obligation, "fixed", earned)
            state.tell(on, event_id, obligation, earned)


def _contract(data: Data, on: date, mates: Sequence[Contract]) -> Contract:
    own = data["contract_id"]
    currencies = {parse_money(line["amount"])[1] for line in data["lines"]}
    functional = data.get("functional_currency", data["currency"])
    mixed = bool(currencies - {data["currency"]})
    return Contract(
        data=data,
        contract_id=own,
        customer_id=data["customer_id"],
        entity=data.get("entity_id", ""),
        currency=functional if mixed else data["currency"],
        functional=functional,
        signed_on=on,
        package=mates[0].package if mates else own,
        arrangement=mates[0].arrangement if mates else own,
    )


def read_lines(state: State, contract: Contract, raw: Sequence[Data], on: date) -> list[Line]:
    """Read lines into the currency of the contract, at the rate of the day (IAS 21.21)."""
    lines = []
    for item in raw:
        rate = state.rates.rate(parse_money(item["amount"])[1], contract.currency, on)
        entity = item.get("entity_id", contract.entity)
        state.orders += 1
        lines.append(Line(item, contract.contract_id, entity, rate, state.orders))
    return lines


def add_obligations(
    state: State, unit: Unit, lines: Sequence[Line], on: date, *, join: bool = True
) -> list[Obligation]:
    """Group lines into obligations; those an obligation of the unit already names join it."""
    added = []
    grouped = group_lines(lines)
    placed = {line.id for _, members in grouped for line in members}
    for line in lines:
        if line.id not in placed:
            state.loose_lines[line.id] = line
    for key, members in grouped:
        same = [item for item in unit.obligations if item.key == key and not item.stopped]
        if same and join:
            same[0].lines.extend(members)
            continue
        starts = [line.start for line in members if line.start]
        main = next((line for line in members if line.kind == "good_or_service"), members[0])
        obligation = Obligation(key, main.contract_id, main.entity, members, min([on, *starts]))
        unit.obligations.append(obligation)
        added.append(obligation)
    return added


def fixed_price(lines: Sequence[Line]) -> Fraction:
    """Return the fixed price of lines: net for an agent, expected renewals included (B43)."""
    total = ZERO
    for line in lines:
        total += line.amount * line.commission
        if line.is_practical_option:
            periods = line.terms("renewal_terms").get("periods")
            # Periods that tell the whole contract replace the stated price of its first period.
            total += expected_renewals(line)
            if periods:
                total -= _told_twice(line, lines)
    return total


def _told_twice(option: Line, lines: Sequence[Line]) -> Fraction:
    """Return the stated price of lines whose period is among the expected periods already."""
    sure = [
        item
        for item in option.terms("renewal_terms")["periods"]
        if Fraction(item["probability"]) == 1
    ]
    if not sure:
        return ZERO
    told = parse_money(sure[0]["consideration"])[0]
    return told if any(line.amount == told for line in lines if line is not option) else ZERO


def _take_terms(unit: Unit, contract: Contract, lines: Sequence[Line]) -> None:
    data = contract.data
    unit.discount_to.extend(data.get("discount_allocation", {}).get("to", []))
    stated = fixed_price(lines)
    price = financed_price(data.get("financing", {}), stated)
    payable = data.get("consideration_payable")
    if payable and not payable["distinct_good_received"]:
        sales = parse_money(payable["expected_total_sales"])[0]
        unit.payable_rate = parse_money(payable["amount"])[0] / sales
        unit.payable += unit.payable_rate * stated
        price -= unit.payable_rate * stated
    unit.pool += price
    for item in data.get("variable_consideration", []):
        unit.variables[item["vc_id"]] = Variable(item)


def add_variables(state: State, unit: Unit, raw: Sequence[Data]) -> Fraction:
    """Add variable amounts of a modification; return what the price includes of those for all."""
    total = ZERO
    for item in raw:
        variable = Variable(item)
        unit.variables[variable.id] = variable
        value = value_of(variable, unit, state.convention)
        if variable.obligations is None:
            unit.reference[variable.id] = value
            total += value
    return total


def _close_gates(state: State, contract: Contract) -> None:
    data, on = contract.data, contract.signed_on
    if data.get("collectability_probable") is False:
        state.gates.append(Gate("collectability", contract.contract_id, "deposit_liability", on))
    if any(
        item["kind"] == "returns" and item.get("method") == "not_estimated"
        for item in data.get("variable_consideration", [])
    ):
        state.gates.append(Gate("return", contract.contract_id, "refund_liability", on))
    if "repurchase" in data:
        state.gates.append(Gate("repurchase", contract.contract_id, "financial_liability", on))
