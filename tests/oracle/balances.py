"""The trial balance at a date (IFRS 15.105-109, IAS 21.23; README, expected figures)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from fractions import Fraction

from tests.oracle.fx import MONETARY
from tests.oracle.money import ONE, ZERO, parse_money
from tests.oracle.postings import Posting
from tests.oracle.state import State

DEBIT_NATURE = {
    "cash",
    "receivable",
    "contract_asset",
    "return_asset",
    "inventory",
    "customer_incentive_asset",
    "due_from_entity",
    "opening_equity",
    "cost_of_sales",
    "bad_debt_expense",
    "interest_expense",
}
Sums = dict[str, list[Fraction]]


def trial_balance(
    state: State,
    postings: Iterable[Posting],
    as_of: date,
    *,
    entity: str | None = None,
    opening: Mapping[str, str] | None = None,
) -> dict[str, Fraction]:
    """Return all accounts at the end of a day, positive on their natural side.

    Amounts are in functional currency. What remeasurement of monetary accounts leaves open is
    the exchange difference.
    """
    groups: dict[tuple[str, str], Sums] = defaultdict(lambda: defaultdict(lambda: [ZERO, ZERO]))
    for item in postings:
        if item.on > as_of or (entity is not None and item.entity != entity):
            continue
        contract = state.contracts.get(item.contract_id)
        sums = groups[contract.arrangement if contract else "", item.entity]
        value = item.amount if item.functional is None else item.functional
        for account, sign in ((item.debit, 1), (item.credit, -1)):
            sums[account][0] += sign * item.amount
            sums[account][1] += sign * value
    total: dict[str, Fraction] = defaultdict(lambda: ZERO)
    for (arrangement, _), sums in groups.items():
        rate = _rate(state, arrangement, as_of)
        _net(state, arrangement, sums)
        for account, (amount, value) in sums.items():
            total[account] += amount * rate if account in MONETARY else value
    for account, text in (opening or {}).items():
        amount = parse_money(text)[0]
        total[account] += amount if account in DEBIT_NATURE else -amount
    gap = sum(total.values(), ZERO)
    if gap:
        total["fx_gain_loss"] -= gap
    return {
        account: amount if account in DEBIT_NATURE else -amount for account, amount in total.items()
    }


def _rate(state: State, arrangement: str, as_of: date) -> Fraction:
    for contract in state.contracts.values():
        if contract.arrangement == arrangement and contract.currency != contract.functional:
            return state.rates.rate(contract.currency, contract.functional, as_of, "closing")
    return ONE


def _net(state: State, arrangement: str, sums: Sums) -> None:
    """Turn position, unapplied cash and the receivable into what the trigger shows of them."""
    trigger = state.convention.trigger
    unapplied = -sums["unapplied"][0]
    used = max(ZERO, min(unapplied, sums["receivable"][0]))
    _move(sums, "unapplied", "receivable", used)
    _move(sums, "unapplied", "position" if arrangement else "customer_credit", unapplied - used)
    owed = sums["receivable"][0]
    if trigger == "payment" or (owed < 0 and trigger == "performance"):
        _move(sums, "receivable", "position", -owed)
    elif owed < 0:
        _move(sums, "receivable", "customer_credit", -owed)
    if sums["customer_incentive_asset"][0] < 0:
        _move(
            sums,
            "customer_incentive_asset",
            "refund_liability",
            -sums["customer_incentive_asset"][0],
        )
    if sums["refund_liability"][0] > 0:
        _move(sums, "refund_liability", "position", -sums["refund_liability"][0])
    side = "contract_asset" if sums["position"][0] > 0 else "contract_liability"
    amount, value = sums.pop("position")
    sums[side][0] += amount
    sums[side][1] += value


def _move(sums: Sums, source: str, target: str, amount: Fraction) -> None:
    """Move a credit of ``amount`` from one account to another, with its functional value."""
    if not amount:
        return
    whole, value = sums[source]
    part = -value * amount / -whole if whole else amount
    sums[source][0] += amount
    sums[source][1] += part
    sums[target][0] -= amount
    sums[target][1] -= part
