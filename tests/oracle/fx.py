"""Translation into the functional currency (IAS 21.21-28, IFRIC 22).

The contract liability and revenue released from it stay at the rate of what created it, first in
first out; revenue ahead of billing is at the rate of its day.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction

from tests.oracle.money import ZERO
from tests.oracle.postings import Posting
from tests.oracle.state import State

MONETARY = {
    "receivable",
    "contract_asset",
    "customer_credit",
    "refund_liability",
    "deposit_liability",
    "tax_payable",
    "supplier_payable",
    "financial_liability",
    "due_from_entity",
    "due_to_entity",
    "external_settlement",
    "unapplied",
}


@dataclass
class Layers:
    """Open contract position of one arrangement and entity, oldest first, as (amount, value).

    Liabilities are positive; values are in functional currency.
    """

    open: list[tuple[Fraction, Fraction]] = field(default_factory=list)

    def move(self, amount: Fraction, value: Fraction) -> Fraction:
        """Bill (positive) or earn: settle the other side first, the rest opens at its value.

        Returns what the move is worth in functional currency.
        """
        before = self.carrying()
        left = amount + self._take(-amount)
        if left:
            self.open.append((left, value * left / amount))
        return self.carrying() - before

    def carrying(self) -> Fraction:
        """Return the carrying amount in functional currency."""
        return sum((value for _, value in self.open), ZERO)

    def _take(self, amount: Fraction) -> Fraction:
        """Take up to ``amount`` from layers of the same sign; return what was taken."""
        left = amount
        kept = []
        for size, value in self.open:
            same = size * left > 0
            part = (min(size, left) if left > 0 else max(size, left)) if same else ZERO
            left -= part
            if size != part:
                kept.append((size - part, value * (size - part) / size))
        self.open = kept
        return amount - left


def translate(state: State, postings: Sequence[Posting]) -> list[Posting]:
    """Give each posting its functional amount; revenue is rounded cumulatively by obligation."""
    layers: dict[tuple[str, str], Layers] = {}
    exact: dict[tuple[str, str], Fraction] = {}
    booked: dict[tuple[str, str], Fraction] = {}
    found = []
    for item in sorted(postings, key=_order):
        contract = state.contracts.get(item.contract_id)
        if contract is None or contract.currency == contract.functional:
            found.append(replace(item, functional=item.amount))
            continue
        rate = state.rates.rate(contract.currency, contract.functional, item.on)
        value = state.convention.money(item.amount * rate)
        stack = layers.setdefault((contract.arrangement, item.entity), Layers())
        if "position" in (item.debit, item.credit):
            value = _through(stack, item, value)
        if item.credit == "revenue":
            key = (item.contract_id, item.obligation)
            exact[key] = exact.get(key, ZERO) + value
            now = state.convention.money(exact[key])
            value = now - booked.get(key, ZERO)
            booked[key] = now
        found.append(replace(item, functional=value))
    return found


def _order(item: Posting) -> tuple[date, bool]:
    """Bill before earning on the same day."""
    return item.on, item.debit == "position"


def _through(stack: Layers, item: Posting, value: Fraction) -> Fraction:
    """Move the position; a credit to it bills, a debit earns."""
    sign = 1 if item.credit == "position" else -1
    return sign * stack.move(sign * item.amount, sign * value)


def first_rate(state: State, contract_id: str) -> Fraction:
    """Return the rate of the day a contract was signed."""
    contract = state.contracts[contract_id]
    return state.rates.rate(contract.currency, contract.functional, contract.signed_on)
