"""Renewals that follow or supersede a term, and terminations (IFRS 15.18-21)."""

from datetime import date
from fractions import Fraction

from tests.oracle.allocation import share_pool, weight_at_inception
from tests.oracle.events import Event
from tests.oracle.money import ONE, ZERO, shares
from tests.oracle.obligations import Obligation
from tests.oracle.progress import (
    is_time_based,
)
from tests.oracle.segments import round_off, start_segment, stop
from tests.oracle.signing import add_obligations, begin, fixed_price, read_lines
from tests.oracle.state import State
from tests.oracle.terms import Contract, Data, Line, day, money
from tests.oracle.units import Unit


def renew(state: State, event: Event) -> None:
    """A renewal: a contract of its own, or a change of the old one (IFRS 15.18-21)."""
    data = event.data
    old = state.contracts[data["contract_id"]]
    ends = day(data, "supersedes_prior_from")
    on = ends or date.fromisoformat(data["start_date"])
    new = _renewed(old, data, on, separate=ends is None)
    separate = ends is None and data.get("facts", {}).get("priced_at_ssp", True)
    state.contracts[new.contract_id] = new
    lines = read_lines(state, new, data["lines"], on)
    if separate:
        unit = Unit([new.contract_id])
        state.units.append(unit)
        new.arrangement = new.contract_id
        known: list[Obligation] = []
    else:
        unit = state.unit_of(old.contract_id)
        unit.contract_ids.append(new.contract_id)
        new.arrangement = old.arrangement
        known = list(unit.obligations)

    def change() -> None:
        left = ZERO
        if ends:
            old.superseded_on = ends
            left = _supersede(state, old, ends)
        left += sum((round_off(state, item, on) for item in unit.open_obligations), ZERO)
        add_obligations(state, unit, lines, on, join=False)
        if unit.first_segment and separate:
            for obligation in unit.obligations:
                obligation.weight = weight_at_inception(obligation, unit)
            unit.pool = fixed_price(lines)
            share_pool(unit, state.convention)
        else:
            start_segment(state, unit, left + fixed_price(lines), on)

    state.catch_up(on, event.id, known, change)
    begin(state, unit, on, event.id, known)


def _renewed(old: Contract, data: Data, on: date, *, separate: bool) -> Contract:
    new_id = data["new_contract_id"]
    return Contract(
        data={**data, "contract_id": new_id, "customer_id": old.customer_id},
        contract_id=new_id,
        customer_id=old.customer_id,
        entity=old.entity,
        currency=old.currency,
        functional=old.functional,
        signed_on=on,
        package=new_id,
        arrangement=new_id if separate else old.arrangement,
    )


def _supersede(state: State, old: Contract, on: date) -> Fraction:
    """End the time-based service of the old term; return what was billed for it and not given back.

    What was never billed is no longer owed.
    """
    ended = [
        item
        for _, item in state.obligations()
        if item.contract_id == old.contract_id and not item.stopped and is_time_based(item)
    ]
    left = ZERO
    for obligation in ended:
        left += round_off(state, obligation, on)
        obligation.stopped = True
    return max(ZERO, min(left, unearned(state, old, on)))


def unearned(state: State, contract: Contract, on: date) -> Fraction:
    """Return what was billed by ``on``, less what is given back, less revenue to date.

    Given back is what the end of the contract says or, if more, what is credited since the end
    was known. Without invoices cash counts. Contracts of one arrangement count together, others
    than the ended one with all they promise. Usage and pieces are earned and billed beside it.
    """
    since = state.ending.get(contract.contract_id, on)
    mates = [
        item.contract_id
        for item in state.contracts.values()
        if item.arrangement == contract.arrangement
    ]
    metered = _metered(state)
    lines = set().union(*(state.lines_of(item) for item in mates)) - metered
    given = given_back(state, contract, on)
    found = [item for item in state.billing.lines if item.line_id in lines and item.on <= on]
    billed = sum((item.amount for item in found if item.amount > 0 or item.on < since), ZERO)
    if not any(item.line_id in lines for item in state.billing.lines):
        billed = state.billing.paid(mates, on)
    earned = sum(
        (item.allocated for _, item in state.obligations() if item.contract_id in mates), ZERO
    )
    return billed - given - earned


def given_back(state: State, contract: Contract, on: date) -> Fraction:
    """Return what the end of the contract gives back or, if more, what is credited since."""
    since = state.ending.get(contract.contract_id, on)
    own = state.lines_of(contract.contract_id) - _metered(state)
    return max(contract.refund_due, state.billing.credits_from(own, since))


def _metered(state: State) -> set[str]:
    return {line.id for unit in state.units for line in unit.lines() if _is_metered(line)}


def _is_metered(line: Line) -> bool:
    return (line.is_usage or line.is_piece) and line.amount == 0


def terminate(state: State, event: Event) -> None:
    """End service: keep what is earned; what was billed and stays is revenue now."""
    data = event.data
    on = date.fromisoformat(data["effective_date"])
    contract = state.contracts[data["contract_id"]]
    contract.terminated_on = on
    contract.refund_due = money(data, "refund_due") or ZERO
    owned = [
        (unit, item)
        for unit, item in state.obligations()
        if item.contract_id == contract.contract_id
    ]
    ended = [(item, stop(state, unit, item, on)) for unit, item in owned if not item.stopped]
    fixed = [(item, left) for item, left in ended if not item.is_variable_only]
    state.ended[contract.contract_id] = fixed or ended or [(item, ONE) for _, item in owned]
    gate = state.gate(contract.contract_id, on)
    if gate is None:
        settle_termination(state, contract, on)
        return
    cash = state.billing.paid([contract.contract_id], on)
    gate.earned, gate.earned_on = max(ZERO, cash - contract.refund_due), on
    first = state.ended[contract.contract_id][0][0]
    first.extra = gate.earned
    state.post(on, first, "termination", gate.earned)


def settle_termination(state: State, contract: Contract, on: date) -> None:
    """Set termination revenue to what is billed by ``on``, not given back and not earned.

    Below zero only where something goes back: then what was earned shrinks in proportion.
    """
    ended = state.ended[contract.contract_id]
    total = unearned(state, contract, on)
    weights = [abs(left) for _, left in ended]
    if total < 0:  # who gives money back has no claim left beyond what was billed
        weights = [max(ZERO, obligation.allocated) for obligation, _ in ended]
        total = max(total, -sum(weights, ZERO)) if given_back(state, contract, on) else ZERO
    parts = shares(total, weights, state.convention.unit)
    for (obligation, _), part in zip(ended, parts, strict=True):
        obligation.extra = part
