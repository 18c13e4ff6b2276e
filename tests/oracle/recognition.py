"""The walk through the events of a case, day by day: state in, dated increments out."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import partial

from tests.oracle.billing import match_rebills, read_billing
from tests.oracle.changes import measure_costs, modify
from tests.oracle.convention import Convention
from tests.oracle.endings import renew, settle_termination, terminate
from tests.oracle.estimates import (
    begin_credited,
    estimate_breakage,
    estimate_variable,
    lapse,
    lose_dispute,
    reassess,
    split_dispute,
    take_credit,
)
from tests.oracle.events import Event
from tests.oracle.money import ZERO, parse_money
from tests.oracle.months import month_ends
from tests.oracle.obligations import Obligation
from tests.oracle.options import exercise
from tests.oracle.progress import is_time_based
from tests.oracle.rates import Rates
from tests.oracle.signing import sign
from tests.oracle.state import State
from tests.oracle.terms import Line, Usage, day, money
from tests.oracle.units import Unit
from tests.oracle.usage import earned_variable
from tests.oracle.withheld import targets

# Changes of a day come before that day's performance, the end of the month last.
RANKS = {
    "contract_signed": 0,
    "option_exercised": 1,
    "contract_modified": 2,
    "contract_renewed": 3,
    "variable_consideration_estimated": 4,
    "breakage_estimated": 5,
    "dispute_closed": 6,
    "collectability_reassessed": 8,
    "contract_terminated": 9,
    "usage_reported": 10,
    "progress_reported": 11,
    "fulfilment_recorded": 12,
    "right_lapsed": 13,
}
CREDIT_RANK, INVOICE_RANK, MONTH_END_RANK = 7, 14, 20


@dataclass(frozen=True)
class Step:
    """Something that happens on a day; ``rank`` and ``id`` put one day's steps in order."""

    on: date
    rank: int
    id: str
    apply: Callable[[], None]
    contract_id: str = ""
    is_month_end: bool = False


def walk(
    events: Sequence[Event], convention: Convention, horizon: date, fulfilled: frozenset[str]
) -> State:
    """Work through events up to the ``horizon`` and return the books.

    ``fulfilled`` names the lines some fulfilment of the case concerns, seen or not.
    """
    state = State(
        convention=convention,
        rates=read_rates(events),
        billing=read_billing(events, home_of(events)),
        fulfilled=fulfilled,
    )
    _prepare(state, events)
    steps = [*_event_steps(state, events), *_credit_steps(state), *_invoice_steps(state)]
    if not steps:
        return state
    first = min(step.on for step in steps)
    steps += [
        Step(last, MONTH_END_RANK, "", lambda: None, is_month_end=True)
        for last in month_ends(_first_service(events, first), horizon)
    ]
    for step in sorted(steps, key=lambda item: (item.on, item.rank, item.id)):
        if step.contract_id in ("", *state.contracts) or step.rank == 0:
            step.apply()
        synchronise(state, step.on, at_month_end=step.is_month_end)
        if not step.is_month_end:
            record(state, step.on)
    return state


def _first_service(events: Sequence[Event], first: date) -> date:
    return min([first, *(item.occurred_on for item in events)])


def fulfilled_lines(events: Iterable[Event]) -> frozenset[str]:
    """Name the lines that fulfilments concern."""
    return frozenset(item.data["line_id"] for item in events if item.type == "fulfilment_recorded")


def read_rates(events: Iterable[Event]) -> Rates:
    """Read the published exchange rates."""
    rates = Rates()
    for event in events:
        if event.type == "fx_rate_published":
            data = event.data
            on = date.fromisoformat(data["date"])
            rates.publish(on, data["base"], data["quote"], Fraction(data["rate"]), data["kind"])
    return rates


def home_of(events: Sequence[Event]) -> dict[str, str]:
    """Tell the contract of each payment and refund, by event id ('' where none is known)."""
    invoices = {
        item.data["invoice_id"]: item.data["contract_id"]
        for item in events
        if item.type == "invoice_issued"
    }
    notes = {
        item.data["credit_note_id"]: item.data["contract_id"]
        for item in events
        if item.type == "credit_note_issued"
    }
    customers: dict[str, list[str]] = {}
    for item in events:
        if item.type == "contract_signed":
            customers.setdefault(item.data["customer_id"], []).append(item.data["contract_id"])
    found = {}
    for item in events:
        data = item.data
        if item.type in ("payment_received", "refund_paid"):
            owned = customers.get(data.get("customer_id", ""), [])
            found[item.id] = (
                data.get("contract_id")
                or invoices.get(data.get("invoice_id", ""))
                or notes.get(data.get("credit_note_id", ""))
                or (owned[0] if len(owned) == 1 else "")
            )
    return found


def _prepare(state: State, events: Sequence[Event]) -> None:
    """Note since when ends are known, and which credits only bill again what was billed."""
    raised: dict[str, Fraction] = {}
    for event in events:
        data = event.data
        if event.type == "contract_terminated":
            effective = date.fromisoformat(data["effective_date"])
            state.ending[data["contract_id"]] = min(event.occurred_on, effective)
        if event.type == "contract_renewed" and "supersedes_prior_from" in data:
            effective = date.fromisoformat(data["supersedes_prior_from"])
            state.ending[data["contract_id"]] = min(event.occurred_on, effective)
        if event.type == "contract_modified":
            change = money(data, "consideration_change") or ZERO
            raised[data["contract_id"]] = raised.get(data["contract_id"], ZERO) + max(ZERO, change)
    for event in events:
        if "lines" in event.data and event.type in ("contract_signed", "contract_renewed"):
            contract = event.data.get("new_contract_id", event.data["contract_id"])
            lines = [Line(item, contract, "", Fraction(1), 0) for item in event.data["lines"]]
            match_rebills(state.billing, lines, raised.get(contract, ZERO))


def _event_steps(state: State, events: Sequence[Event]) -> list[Step]:
    appliers: dict[str, Callable[[State, Event], None]] = {
        "contract_signed": sign,
        "option_exercised": exercise,
        "contract_modified": modify,
        "contract_renewed": renew,
        "variable_consideration_estimated": estimate_variable,
        "breakage_estimated": estimate_breakage,
        "collectability_reassessed": reassess,
        "contract_terminated": terminate,
        "usage_reported": use,
        "progress_reported": report,
        "fulfilment_recorded": fulfil,
        "right_lapsed": lapse,
    }
    disputes = _disputes(events, state.convention.unit)
    steps = []
    for event in events:
        if event.type in appliers:
            apply = appliers[event.type]
            on = effective_day(event)
            rank = RANKS[event.type]
            steps.append(
                Step(on, rank, event.id, partial(apply, state, event), event.data["contract_id"])
            )
        if event.type == "contract_modified":
            steps.append(_budget_step(state, event))
        if event.type == "dispute_closed" and event.data["outcome"] == "lost":
            parts = disputes.get(event.data["dispute_id"], {})
            on = event.occurred_on
            steps.append(
                Step(
                    on,
                    RANKS[event.type],
                    event.id,
                    partial(lose_dispute, state, on, event.id, parts),
                )
            )
    return steps


def effective_day(event: Event) -> date:
    """Return the day from which an event counts."""
    data = event.data
    if event.type == "contract_renewed":
        return date.fromisoformat(data.get("supersedes_prior_from", data["start_date"]))
    return day(data, "effective_date") or event.occurred_on


def _budget_step(state: State, event: Event) -> Step:
    """From the day a price cut is agreed its credits are expected."""
    data = event.data
    cut = max(ZERO, -(money(data, "consideration_change") or ZERO))
    cut += money(data.get("price_credit", {}), "amount") or ZERO

    def apply() -> None:
        contract = state.contracts.get(data["contract_id"])
        if contract is not None:
            contract.credit_budget += cut

    return Step(min(event.occurred_on, effective_day(event)), 2, event.id, apply)


def _credit_steps(state: State) -> list[Step]:
    steps = []
    for item in state.billing.lines:
        if item.amount >= 0:
            continue
        act = partial(take_credit, state, item)
        steps.append(Step(item.on, CREDIT_RANK, item.event_id, act))
        if item.service_start is not None and item.service_start >= item.on:
            act = partial(begin_credited, state, item)
            steps.append(Step(item.service_start, CREDIT_RANK, item.event_id, act))
    return steps


def _invoice_steps(state: State) -> list[Step]:
    def bill(item_on: date, line_id: str) -> None:
        for contract in list(state.contracts.values()):
            ended = contract.terminated_on
            if ended is None or item_on < ended or contract.contract_id not in state.ended:
                continue
            if line_id in state.lines_of(contract.contract_id) and not state.gate(
                contract.contract_id, item_on
            ):
                settle_termination(state, contract, item_on)

    return [
        Step(
            item.on,
            INVOICE_RANK,
            item.event_id,
            partial(bill, item.on, item.line_id),
        )
        for item in state.billing.lines
        if item.amount > 0
    ]


def _disputes(events: Sequence[Event], unit: Fraction) -> dict[str, dict[str, Fraction]]:
    """Return for each dispute the concession it would be, by contract line."""
    invoices = {
        item.data["invoice_id"]: item.data for item in events if item.type == "invoice_issued"
    }
    payments = {
        item.data["payment_id"]: item.data for item in events if item.type == "payment_received"
    }
    signed = [item.data for item in events if item.type == "contract_signed"]
    found = {}
    for event in events:
        if event.type != "dispute_opened":
            continue
        payment = payments[event.data["payment_id"]]
        document = invoices.get(payment.get("invoice_id", ""))
        if document is None:
            contract = payment.get("contract_id")
            document = next((item for item in signed if item["contract_id"] == contract), None)
        if document is None:
            continue
        lines = [
            (
                item["line_id"],
                parse_money(item["amount"])[0],
                parse_money(item.get("tax", "0 X"))[0],
            )
            for item in document["lines"]
        ]
        amount = parse_money(event.data["amount"])[0]
        found[event.data["dispute_id"]] = split_dispute(amount, lines, unit)
    return found


def use(state: State, event: Event) -> None:
    """Take usage: of a metered line at its price, or of prepaid units."""
    data = event.data
    found = state.find_line(data["line_id"])
    if found is None:
        return
    _, obligation, line = found
    quantity = Fraction(data.get("quantity", "0"))
    if obligation.method == "prepaid_drawdown":
        obligation.used += quantity
        return
    start = date.fromisoformat(data["period_start"])
    end = date.fromisoformat(data["period_end"])
    if not _in_force(state, line, start, end):
        return
    months = (end.year - start.year) * 12 + end.month - start.month + 1
    price = line.terms("usage_terms").get("unit_price")
    told = line.unit_price if price is None else parse_money(price)[0] * line.rate
    sales = money(data, "customer_sales") or ZERO
    line.usage.append(Usage(start, quantity, sales, told or ZERO, months))


def _in_force(state: State, line: Line, start: date, end: date) -> bool:
    """Usage earns only while the line runs and its contract was not terminated."""
    terminated = state.contracts[line.contract_id].terminated_on
    begun = line.start is None or end >= line.start
    ended = line.end is not None and start > line.end
    return begun and not ended and (terminated is None or start < terminated)


def report(state: State, event: Event) -> None:
    """Take a report of progress: cumulative percentage or costs (IFRS 15.41-45)."""
    data = event.data
    found = state.find_line(data["line_id"])
    if found is None:
        return
    obligation = found[1]
    if "percent_complete" in data:
        share = Fraction(data["percent_complete"]) / 100
        obligation.reported = state.convention.measure(share)
        return
    if "costs_to_date" not in data:
        return
    terms = found[2].terms("progress_terms")
    known = obligation.total_costs or money(terms, "total_expected_costs")
    obligation.total_costs = money(data, "total_expected_costs") or known
    obligation.costs = money(data, "costs_to_date") or ZERO
    obligation.uninstalled = money(data, "uninstalled_costs") or ZERO
    measure_costs(state, obligation)


def fulfil(state: State, event: Event) -> None:
    """Take a transfer of control: of the whole line, some units, or a stated price of it."""
    data = event.data
    found = state.find_line(data["line_id"])
    if found is None:
        return
    line = found[2]
    if found[1].stopped:
        return
    line.transferred_on = line.transferred_on or event.occurred_on
    if line.is_piece:
        price = line.unit_price or ZERO
        units = Fraction(data.get("quantity", "1"))
        line.pieces += (money(data, "amount") or ZERO) / price if "amount" in data else units
        return
    if "quantity" in data:
        line.done += Fraction(data["quantity"])
    elif "amount" in data:
        stated = line.amount or Fraction(1)
        line.done += (money(data, "amount") or ZERO) * line.rate / stated * line.target
    else:
        line.done = line.target


def synchronise(state: State, on: date, *, at_month_end: bool) -> None:
    """Book what the state implies and is not booked yet; time-based revenue at month ends."""
    for unit, obligation in state.obligations():
        gate = state.gate(obligation.contract_id, on)
        if gate is not None:
            if gate.kind == "return":
                _book(state, on, obligation, targets(state, unit, obligation, all_returnable=True))
            continue
        obligation.variable = earned_variable(state, unit, obligation, on)
        if at_month_end or not is_time_based(obligation):
            fixed = state.to_date(obligation, on) - obligation.variable
            state.post_to(on, obligation, "fixed", fixed)
        state.post_to(on, obligation, "variable", obligation.variable)
        state.post_to(on, obligation, "termination", obligation.extra)
        _book(state, on, obligation, targets(state, unit, obligation))


def _book(state: State, on: date, obligation: Obligation, wanted: dict[str, Fraction]) -> None:
    for component, amount in wanted.items():
        state.post_to(on, obligation, component, amount)


def record(state: State, on: date) -> None:
    """Note the transaction price and its allocation at the end of the day.

    Usage, royalties and pieces earned are revenue beside it, not part of it.
    """
    packages: dict[str, dict[str, Fraction]] = {}
    expected: dict[str, dict[str, Fraction]] = {}
    for unit, obligation in state.obligations():
        package = state.contracts[obligation.contract_id].package
        booked = state.booked(obligation, "termination")
        parts = packages.setdefault(package, {})
        parts[obligation.key] = parts.get(obligation.key, ZERO) + obligation.allocated + booked
        royalties = expected.setdefault(package, {})
        royalties[obligation.key] = royalties.get(obligation.key, ZERO) + _expected(
            unit, obligation
        )
    for package, parts in packages.items():
        state.history.append((on, package, parts, expected[package]))


def _expected(unit: Unit, obligation: Obligation) -> Fraction:
    """Return royalties and usage expected of an obligation: used for allocation only."""
    total = ZERO
    for variable in unit.variables.values():
        if variable.kind not in ("royalty", "usage") or variable.estimate is None:
            continue
        keys = [item.key for item in unit.obligations if variable.concerns(item.key)]
        if obligation.key in keys:
            weights = {item.key: item.weight for item in unit.obligations}
            whole = sum((weights[key] for key in keys), ZERO)
            part = weights[obligation.key] / whole if whole else Fraction(1, len(keys))
            total += variable.estimate * part
    return total
