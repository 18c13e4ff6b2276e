"""The figures of a case, in the shape of ``expected`` (README, expected figures)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

from tests.oracle.balances import DEBIT_NATURE, trial_balance
from tests.oracle.closing import Books, book
from tests.oracle.convention import Convention, read_convention
from tests.oracle.events import Event, Inbox, accept
from tests.oracle.fx import first_rate
from tests.oracle.money import ONE, ZERO
from tests.oracle.months import add_months, period_bounds
from tests.oracle.obligations import Obligation
from tests.oracle.postings import Posting
from tests.oracle.progress import period_parts, renewal_periods
from tests.oracle.recognition import fulfilled_lines
from tests.oracle.state import State


@dataclass
class Report:
    """Answers about one case. Amounts are fractions in the functional currency of the contract."""

    case: Mapping[str, Any]
    convention: Convention
    inbox: Inbox
    horizon: date
    books: Books
    _views: dict[date, Books] = field(default_factory=dict)

    @property
    def state(self) -> State:
        return self.books.ledger.state

    def view(self, as_of: date) -> Books:
        """Return the books from the events that had occurred by a day."""
        if as_of not in self._views:
            known = [
                item
                for item in self.inbox.events
                if item.occurred_on <= as_of or item.type == "period_closed"
            ]
            whole = known == list(self.inbox.events)
            lines = fulfilled_lines(self.inbox.events)
            self._views[as_of] = (
                self.books if whole else book(known, self.convention, self.horizon, lines)
            )
        return self._views[as_of]

    def obligations(self, contract_id: str) -> list[Obligation]:
        """Return the obligations reported under a contract: its package's, or its own."""
        package = self.state.contracts[contract_id].package
        members = {
            item.contract_id for item in self.state.contracts.values() if item.package == package
        }
        own = members if package == contract_id else {contract_id}
        return [item for _, item in self.state.obligations() if item.contract_id in own]

    def lines(self, contract_id: str) -> dict[str, set[str]]:
        """Return the lines of each obligation."""
        found: dict[str, set[str]] = {}
        for item in self.obligations(contract_id):
            found.setdefault(item.key, set()).update(line.id for line in item.lines)
        return found

    def timing(self, contract_id: str, key: str) -> str:
        """Return ``over_time`` or ``point_in_time``."""
        return next(item.timing for item in self.obligations(contract_id) if item.key == key)

    def _revenue(self, contract_id: str, key: str | None) -> list[Posting]:
        package = self.state.contracts[contract_id].package
        wanted = {
            item.contract_id
            for item in self.state.contracts.values()
            if item.contract_id == contract_id
            or (item.package == package and (package == contract_id or key is not None))
        }
        return [
            item
            for item in self.books.postings
            if item.credit == "revenue"
            and item.contract_id in wanted
            and (key is None or item.obligation == key)
        ]

    def revenue(self, contract_id: str, key: str | None, first: date, last: date) -> Fraction:
        """Return revenue booked from ``first`` to ``last``; all obligations without a key."""
        return sum(
            (
                item.functional or ZERO
                for item in self._revenue(contract_id, key)
                if first <= item.on <= last
            ),
            ZERO,
        )

    def revenue_months(self, contract_id: str, key: str | None) -> set[str]:
        """Return the months with revenue."""
        months: dict[str, Fraction] = {}
        for item in self._revenue(contract_id, key):
            month = item.on.isoformat()[:7]
            months[month] = months.get(month, ZERO) + (item.functional or ZERO)
        return {month for month, amount in months.items() if amount}

    def allocation(
        self, contract_id: str, as_of: date, *, with_royalties: bool = False
    ) -> dict[str, Fraction]:
        """Return the price per obligation after the events of a day, in contract currency."""
        package = self.state.contracts[contract_id].package
        past = [item for item in self.state.history if item[1] == package and item[0] <= as_of]
        if not past:
            return {}
        _, _, parts, royalties = past[-1]
        if not with_royalties:
            return dict(parts)
        return {key: amount + royalties[key] for key, amount in parts.items()}

    def price(self, contract_id: str, as_of: date) -> Fraction:
        """Return the transaction price after the events of a day, in contract currency."""
        return sum(self.allocation(contract_id, as_of).values(), ZERO)

    def rate(self, contract_id: str, currency: str) -> Fraction:
        """Return the factor from the contract's currency to one of its two currencies."""
        contract = self.state.contracts[contract_id]
        return ONE if currency == contract.currency else first_rate(self.state, contract_id)

    def renewal_shares(self, contract_id: str, as_of: date) -> list[Fraction]:
        """Return the price of each expected period of the practical alternative, in order."""
        found: list[Fraction] = []
        for item in self.obligations(contract_id):
            if renewal_periods(item):
                price = self.allocation(contract_id, as_of).get(item.key, ZERO)
                found += period_parts(item, price, self.convention)
        return found

    def classification(self, modification_id: str) -> str | None:
        """Return what a modification was concluded to be."""
        return self.state.classifications.get(modification_id)

    def catch_up(self, event_id: str, period: str) -> dict[str, Fraction]:
        """Return catch-up revenue by obligation that an event (with its day's others) brought."""
        first, last = period_bounds(period)
        found: dict[str, Fraction] = {}
        closed = self.books.closed_until
        for item in self.state.catch_ups.values():
            if event_id not in item.events or not first <= item.on <= last:
                continue
            if closed is not None and item.on <= closed and self._is_late(event_id):
                continue
            for key, amount in item.amounts.items():
                found[key] = found.get(key, ZERO) + amount
        for (late_id, on), parts in self.books.late.items():
            if late_id == event_id and first <= on <= last:
                for key, amount in parts.items():
                    found[key] = found.get(key, ZERO) + amount
        return found

    def _is_late(self, event_id: str) -> bool:
        return any(late_id == event_id for late_id, _ in self.books.late)

    def interest(self, account: str, first: date, last: date) -> Fraction:
        """Return interest income or expense of a period, positive on its natural side."""
        sign = 1 if account in DEBIT_NATURE else -1
        total = ZERO
        for item in self.books.postings:
            if first <= item.on <= last:
                side = (item.debit == account) - (item.credit == account)
                total += sign * side * (item.functional or ZERO)
        return total

    def balances(self, as_of: date, entity: str | None = None) -> dict[str, Fraction]:
        """Return the trial balance at the end of a day."""
        books = self.view(as_of)
        return trial_balance(
            books.ledger.state,
            books.postings,
            as_of,
            entity=entity,
            opening=self.case.get("opening_balances"),
        )

    def rpo(self, as_of: date, contract_id: str | None) -> dict[date | None, Fraction]:
        """Return unsatisfied price by the day it is due to be revenue (None: no day is known)."""
        view = self.view(as_of)
        state = view.ledger.state
        found: dict[date | None, Fraction] = {}
        for _, item in state.obligations():
            contract = state.contracts[item.contract_id]
            told = contract_id in (None, item.contract_id, contract.package)
            excluded = any(line.data.get("billing_excluded_from_rpo") for line in item.lines)
            if not told or excluded or item.stopped or state.gate(item.contract_id, as_of):
                continue
            for on, amount in _outlook(state, item, as_of).items():
                found[on] = found.get(on, ZERO) + amount
        return found


def _outlook(state: State, item: Obligation, as_of: date) -> dict[date | None, Fraction]:
    """Return what an obligation will still bring: dated by its schedule, else by its last day."""
    mine = [entry for entry in state.entries if entry.obligation is item]
    fixed = [entry for entry in mine if entry.component == "fixed"]
    left = item.allocated - sum((entry.amount for entry in fixed if entry.on <= as_of), ZERO)
    found: dict[date | None, Fraction] = {}
    for entry in fixed:
        if entry.on > as_of:
            found[entry.on] = found.get(entry.on, ZERO) + entry.amount
            left -= entry.amount
    if left:
        end = _last_day(state, item)
        found[end] = found.get(end, ZERO) + left
    return found


def _last_day(state: State, item: Obligation) -> date | None:
    """Return when an undated obligation is expected to end: expiry, line, contract, if told."""
    for line in item.main_lines:
        told = line.terms("drawdown_terms").get("expires_on") or line.terms("option_terms").get(
            "expires_on"
        )
        if told:
            return date.fromisoformat(told)
        if line.end:
            return line.end
    told = state.contracts[item.contract_id].data.get("end_date")
    return date.fromisoformat(told) if told else None


def answer(case: Mapping[str, Any]) -> Report:
    """Work out a case."""
    convention = read_convention(case["convention"])
    inbox = accept(case["events"])
    horizon = add_months(_last_date(case), 12 * (2 + _renewals(inbox.events)))
    books = book(inbox.events, convention, horizon, fulfilled_lines(inbox.events))
    return Report(case, convention, inbox, horizon, books)


def _renewals(events: Iterable[Event]) -> int:
    most = ZERO
    for event in events:
        for line in event.data.get("lines", []):
            terms = line.get("renewal_terms", {})
            most = max(most, Fraction(terms.get("renewals_expected", "0")))
            most = max(most, Fraction(len(terms.get("periods", []))))
    return int(most)


def _last_date(value: Any) -> date:
    """Return the latest date written anywhere in a case."""
    if isinstance(value, Mapping):
        return max((_last_date(item) for item in value.values()), default=date.min)
    if isinstance(value, list | tuple):
        return max((_last_date(item) for item in value), default=date.min)
    text = str(value)
    if len(text) == 10 and text[4] == text[7] == "-" and text.replace("-", "").isdigit():
        return date.fromisoformat(text)
    return date.min
