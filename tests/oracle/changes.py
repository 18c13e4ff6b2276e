"""Contract modifications, renewals, options and terminations (IFRS 15.18-21, B39-B43)."""

from collections.abc import Sequence
from datetime import date
from fractions import Fraction

from tests.oracle.allocation import share_pool, standalone, weight_at_inception
from tests.oracle.events import Event
from tests.oracle.money import ONE, ZERO, shares
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
from tests.oracle.signing import add_obligations, add_variables, begin, fixed_price, read_lines
from tests.oracle.state import State
from tests.oracle.terms import REPORTED, Contract, Data, Line, day, money, number
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


def start_segment(state: State, unit: Unit, pool: Fraction, on: date) -> None:
    """Share the pool over what remains, by its standalone prices.

    Where nothing remains it is a change of price for what was delivered, shared as at inception.
    """
    unit.first_segment = False
    unit.pool = pool
    unit.reference = {
        key: value_of(item, unit, state.convention) for key, item in unit.variables.items()
    }
    for obligation in unit.open_obligations:
        obligation.weight = remaining_weight(state, obligation, on)
    if not any(item.weight for item in unit.open_obligations):
        for obligation in unit.open_obligations:
            obligation.weight = weight_at_inception(obligation, unit)
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
            total -= line.amount * _left(state, _owner(unit, line), line, on)
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
        total += standalone(line) * _left(state, obligation, line, on)
    return total


def _whole_price(state: State, obligation: Obligation, line: Line, on: date) -> Fraction:
    left = _left(state, obligation, line, on)
    return (line.remaining_ssp or ZERO) / left if left else ZERO


def _left(state: State, obligation: Obligation, line: Line, on: date) -> Fraction:
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
    metered = {line.id for unit in state.units for line in unit.lines() if _is_metered(line)}
    lines = set().union(*(state.lines_of(item) for item in mates)) - metered
    own = state.lines_of(contract.contract_id) - metered
    given = max(contract.refund_due, state.billing.credits_from(own, since))
    found = [item for item in state.billing.lines if item.line_id in lines and item.on <= on]
    billed = sum((item.amount for item in found if item.amount > 0 or item.on < since), ZERO)
    if not any(item.line_id in lines for item in state.billing.lines):
        billed = state.billing.paid(mates, on)
    earned = sum(
        (item.allocated for _, item in state.obligations() if item.contract_id in mates), ZERO
    )
    return billed - given - earned


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
    state.ended[contract.contract_id] = ended or [(item, ONE) for _, item in owned]
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
    """Set termination revenue to what is billed by ``on``, not given back and not earned."""
    ended = state.ended[contract.contract_id]
    total = max(ZERO, unearned(state, contract, on))
    parts = shares(total, [abs(left) for _, left in ended], state.convention.unit)
    for (obligation, _), part in zip(ended, parts, strict=True):
        obligation.extra = part


def exercise(state: State, event: Event) -> None:
    """An option used: its deferred price is added to the goods bought (IFRS 15.B40, B41)."""
    data, on = event.data, event.occurred_on
    found = state.find_line(data["line_id"])
    if found is None:
        return
    unit, option, line = found
    lines = read_lines(state, state.contracts[data["contract_id"]], data["add_lines"], on)
    if line.is_practical_option:
        for item in lines:  # the price expects this renewal already; its lines carry the billing
            item.removed = True
        option.lines.extend(lines)
        return

    def change() -> None:
        line.removed = True
        if any(item.data.get("performance_obligation") == option.key for item in lines):
            restart(state, option, on)
            add_obligations(state, unit, lines, on)
            _add_own(unit, lines)
            return
        left = stop(state, unit, option, on) if not option.live_lines else ZERO
        add_obligations(state, unit, lines, on, join=False)
        _add_own(unit, lines)
        bought = [item for item in unit.obligations if item.lines[0] in lines]
        weights = [sum((standalone(part) for part in item.lines), ZERO) for item in bought]
        parts = shares(left, weights, state.convention.unit)
        for obligation, part in zip(bought, parts, strict=True):
            obligation.own += part

    state.catch_up(on, event.id, list(unit.obligations), change)


def _add_own(unit: Unit, lines: Sequence[Line]) -> None:
    """Give obligations the price of lines bought later; the pool stays as it is."""
    for obligation in unit.obligations:
        obligation.own += fixed_price([item for item in obligation.lines if item in lines])
