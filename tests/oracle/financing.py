"""Significant financing, both ways, and repurchase agreements (IFRS 15.60-65, B66-B78).

Interest is exact inside and rounded cumulatively when booked. A full period ends the day before
its anniversary, counted from the first day on which one side financed the other.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from tests.oracle.money import ONE, ZERO, parse_money
from tests.oracle.months import ONE_DAY, add_months, month_ends
from tests.oracle.postings import Posting
from tests.oracle.price import period_rate
from tests.oracle.state import Entry, Gate, State
from tests.oracle.terms import Contract, Data


@dataclass
class Loan:
    """What one side owes the other: ``balance`` > 0 the customer, < 0 the entity.

    Attributes:
        start: Day from which periods count; None while nothing is financed.
        since: Day up to which interest of the running period is counted.
        pending: Interest of the running period not yet added to the balance.
        interest: Booked so far, by side; exact and rounded.
    """

    terms: Data
    unit: Fraction
    start: date | None = None
    since: date | None = None
    periods: int = 0
    balance: Fraction = ZERO
    pending: Fraction = ZERO
    exact: dict[bool, Fraction] = field(default_factory=lambda: {True: ZERO, False: ZERO})
    booked: dict[bool, Fraction] = field(default_factory=lambda: {True: ZERO, False: ZERO})
    charges: list[tuple[date, bool, Fraction]] = field(default_factory=list)

    @property
    def months(self) -> int:
        return 1 if self.terms.get("compounding") == "monthly" else 12

    def next_start(self) -> date:
        """Return the first day of the period after the running one."""
        return add_months(self.start or date.max, (self.periods + 1) * self.months)

    def part(self, on: date) -> Fraction:
        """Return which part of a period lies between the last count and ``on``."""
        since = self.since or on
        for months in range(self.months + 1):
            if add_months(since, months) == on:
                return Fraction(months, self.months)
        first = add_months(self.start or on, self.periods * self.months)
        return Fraction((on - since).days, (self.next_start() - first).days)

    def count(self, on: date) -> None:
        """Count interest of the running period up to the beginning of ``on``."""
        self.pending += self.balance * period_rate(self.terms) * self.part(on)
        self.since = on

    def charge(self, on: date) -> None:
        """Add counted interest to the balance and book it."""
        self.balance += self.pending
        self.book(on, self.pending)
        self.pending = ZERO

    def book(self, on: date, interest: Fraction) -> None:
        """Book interest on a day: income of the entity when positive."""
        self.book_on(on, interest > 0, abs(interest))

    def book_on(self, on: date, side: bool, amount: Fraction) -> None:
        """Book more interest on a side, or less."""
        self.exact[side] += amount
        steps = (self.exact[side] / self.unit + Fraction(1, 2)).__floor__() * self.unit
        if steps != self.booked[side]:
            self.charges.append((on, side, steps - self.booked[side]))
            self.booked[side] = steps

    def advance(self, on: date) -> None:
        """Charge every full period that ends on or before ``on``."""
        while self.start is not None and self.next_start() - ONE_DAY <= on:
            end = self.next_start()
            self.count(end)
            self.charge(end - ONE_DAY)
            self.periods += 1

    def move(self, on: date, amount: Fraction) -> None:
        """Change the balance on a day, after the interest of the days before."""
        self.advance(on)
        if self.start is None:
            self.start = self.since = on
        elif self.since is not None and self.since < on:
            self.count(on)
        self.balance += amount


def finance(state: State, horizon: date) -> list[Posting]:
    """Return interest postings; customer's interest becomes revenue entries on transfer."""
    found = []
    for contract in list(state.contracts.values()):
        terms = contract.data.get("financing", {})
        if terms.get("significant") and period_rate(terms):
            found += _loan_postings(state, contract, terms, horizon)
    for gate in state.gates:
        if gate.kind == "repurchase":
            found += _repurchase(state, gate, horizon)
    return found


def _loan_postings(state: State, contract: Contract, terms: Data, horizon: date) -> list[Posting]:
    loan = Loan(terms, state.convention.unit)
    moves = _moves(state, contract)
    promised = sum((parse_money(item["amount"])[0] for item in contract.data["lines"]), ZERO)
    if "instalment" in terms and "instalments" in terms:
        promised = parse_money(terms["instalment"])[0] * Fraction(terms["instalments"])
    paid = ZERO
    for on, cash, entry in moves:
        if entry is None:
            paid += cash
            loan.move(on, -cash)
            if paid >= promised and loan.balance and _all_transferred(state, contract, on):
                _close(loan, on)
        else:
            loan.move(on, ZERO)
            _transfer(state, contract, loan, on, entry)
    loan.advance(horizon)
    return [_interest(state, contract, *charge) for charge in loan.charges]


def _moves(state: State, contract: Contract) -> list[tuple[date, Fraction, Entry | None]]:
    """List cash (before transfers of the day) and transfers; goods on trial count when sent."""
    moves: list[tuple[date, Fraction, Entry | None]] = [
        (on, cash, None) for on, owner, cash in state.billing.cash if owner == contract.contract_id
    ]
    for entry in state.entries:
        if entry.obligation.contract_id == contract.contract_id and entry.component == "fixed":
            sent = [line.transferred_on for line in entry.obligation.lines if line.transferred_on]
            waited = any(
                gate.kind == "return" and gate.opened_on == entry.on for gate in state.gates
            )
            on = min(sent) if waited and sent else entry.on
            moves.append((on, ZERO, entry))
    return sorted(moves, key=lambda item: (item[0], item[2] is not None))


def _transfer(state: State, contract: Contract, loan: Loan, on: date, entry: Entry) -> None:
    """What the customer financed is earned with its interest, in proportion."""
    owed = -sum(loan.exact.values(), ZERO) if loan.balance < 0 else ZERO
    if owed or (loan.balance < 0 and loan.pending):
        loan.charge(on)
        fixed = [
            item.amount
            for item in state.entries
            if item.component == "fixed"
            and item.obligation.contract_id == contract.contract_id
            and item.on > entry.on
        ]
        left = entry.amount + sum(fixed, ZERO)
        unreleased = loan.booked[False] - _released(state, contract)
        part = state.convention.money(unreleased * entry.amount / left) if left else unreleased
        state.post(on, entry.obligation, "financing", part)
        exact = loan.exact[False] - loan.booked[False] if left == entry.amount else ZERO
        loan.balance += part + exact
    loan.balance += entry.amount


def _released(state: State, contract: Contract) -> Fraction:
    return sum(
        (
            item.amount
            for item in state.entries
            if item.component == "financing" and item.obligation.contract_id == contract.contract_id
        ),
        ZERO,
    )


def _all_transferred(state: State, contract: Contract, on: date) -> bool:
    owned = [item for _, item in state.obligations() if item.contract_id == contract.contract_id]
    promised = sum((item.allocated for item in owned), ZERO)
    moves = _moves(state, contract)
    sent = sum((entry.amount for day, _, entry in moves if entry and day <= on), ZERO)
    return sent >= promised


def _close(loan: Loan, on: date) -> None:
    """All is paid and transferred: what is left of the loan corrects the interest of the lender."""
    loan.pending = ZERO
    side = loan.booked[True] > loan.booked[False]
    loan.book_on(on, side, -loan.balance if side else loan.balance)
    loan.balance = ZERO


def _interest(
    state: State, contract: Contract, on: date, is_income: bool, amount: Fraction
) -> Posting:
    asset = "receivable" if state.convention.trigger == "performance" else "position"
    debit, credit = (asset, "interest_income") if is_income else ("interest_expense", "position")
    return Posting(on, contract.entity, contract.contract_id, "", debit, credit, amount)


def _repurchase(state: State, gate: Gate, horizon: date) -> list[Posting]:
    """Interest up to a higher repurchase price, by days; on lapse it is revenue with the cash.

    A way back at a lower price is a lease: the difference is revenue by days (IFRS 15.B66, B70).
    """
    contract = state.contracts[gate.contract_id]
    terms = contract.data["repurchase"]
    until = date.fromisoformat(terms["until"])
    received = [
        (on, cash)
        for on, owner, cash in state.billing.cash
        if owner == gate.contract_id and gate.is_closed(on) and cash > 0
    ]
    held = sum((cash for _, cash in received), ZERO)
    total = parse_money(terms["price"])[0] - held
    if not received:
        return []
    owner = next(item for _, item in state.obligations() if item.contract_id == gate.contract_id)
    start, stop = min(on for on, _ in received), gate.opened_on or until
    last = min(stop, until)
    found, booked = [], ZERO
    for on in sorted({*_ends(start, min(last, horizon)), last}):
        passed = Fraction((on - start).days, max(1, (until - start).days))
        now = state.convention.money(total * min(ONE, passed))
        if total > 0:
            found.append(_liability(contract, on, "interest_expense", gate.account, now - booked))
        else:
            found.append(_liability(contract, on, gate.account, "position", booked - now))
            state.post(on, owner, "financing", booked - now)
        booked = now
    if gate.opened_on is not None:
        state.post(gate.opened_on, owner, "financing", booked)
        found.append(_liability(contract, gate.opened_on, gate.account, "position", booked))
    return found


def _ends(start: date, stop: date) -> Iterable[date]:
    return [last for last in month_ends(start, stop) if last <= stop]


def _liability(contract: Contract, on: date, debit: str, credit: str, amount: Fraction) -> Posting:
    return Posting(on, contract.entity, contract.contract_id, "", debit, credit, amount)
