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
    """Open contract position of one arrangement and entity, oldest first; liability positive."""

    open: list[tuple[Fraction, Fraction]] = field(default_factory=list)

    def credit(self, amount: Fraction, rate: Fraction) -> Fraction:
        """Bill: what was earned ahead is settled, the rest is a liability at ``rate``."""
        before = self.value()
        self._add(amount + self._take(-amount), rate)
        return self.value() - before

    def debit(self, amount: Fraction, rate: Fraction) -> Fraction:
        """Earn: out of liabilities at their rates, the rest ahead of billing at ``rate``."""
        before = self.value()
        self._add(-(amount - self._take(amount)), rate)
        return before - self.value()

    def value(self) -> Fraction:
        """Return the carrying amount in functional currency."""
        return sum((amount * rate for amount, rate in self.open), ZERO)

    def _take(self, amount: Fraction) -> Fraction:
        """Take up to ``amount`` from layers of the same sign; return what was taken."""
        left = amount
        kept = []
        for size, rate in self.open:
            same = size * left > 0
            part = (min(size, left) if left > 0 else max(size, left)) if same else ZERO
            left -= part
            if size != part:
                kept.append((size - part, rate))
        self.open = kept
        return amount - left

    def _add(self, amount: Fraction, rate: Fraction) -> None:
        if amount:
            self.open.append((amount, rate))


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
        value = item.amount * rate
        stack = layers.setdefault((contract.arrangement, item.entity), Layers())
        if "position" in (item.debit, item.credit):
            value = _through(stack, item, rate)
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


def _through(stack: Layers, item: Posting, rate: Fraction) -> Fraction:
    """Move the position; negative amounts go the other way."""
    grows = (item.credit == "position") == (item.amount > 0)
    move = stack.credit if grows else stack.debit
    value = move(abs(item.amount), rate)
    return value if item.amount > 0 else -value


def first_rate(state: State, contract_id: str) -> Fraction:
    """Return the rate of the day a contract was signed."""
    contract = state.contracts[contract_id]
    return state.rates.rate(contract.currency, contract.functional, contract.signed_on)
