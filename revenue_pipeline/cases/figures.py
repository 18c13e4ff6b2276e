"""What was computed for one case, as plain rows that a comparison can ask. No database here.

Amounts are integer minor units of the currency beside them; of a posting debit is positive.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from revenue_pipeline.cases.seeds import REVENUE
from revenue_pipeline.domain.periods import last_day


@dataclass(frozen=True)
class Posting:
    """One side of a movement: `period` is the month whose books hold it, `day` its date there."""

    entity_id: str
    contract_id: str
    obligation_id: str
    account: str
    day: date
    period: date
    currency: str
    amount_minor: int
    functional_currency: str
    functional_minor: int

    def amount_in(self, currency: str) -> int:
        """The amount in a currency: the books' own if they are kept in it, else the contract's."""
        if currency == self.functional_currency:
            return self.functional_minor
        return self.amount_minor if currency == self.currency else 0


@dataclass(frozen=True)
class Obligation:
    """A performance obligation: the lines in it and when it is satisfied."""

    contract_id: str
    obligation_id: str
    obligation_key: str
    lines: frozenset[str]
    timing: str


@dataclass(frozen=True)
class Version:
    """A figure of a package from a date on, in force until a higher version."""

    package_id: str
    version_no: int
    effective_date: date
    obligation_key: str
    amount_minor: int


@dataclass(frozen=True)
class Remaining:
    """Price of what is unsatisfied at the end of `as_of`, by the month it is expected in."""

    contract_id: str
    as_of: date
    expected_period: date | None
    amount_minor: int


@dataclass(frozen=True)
class CatchUp:
    """Revenue of a change that belongs to what was done before."""

    package_id: str
    effective_date: date
    period: date
    obligation_key: str
    amount_minor: int


@dataclass(frozen=True)
class Figures:
    """Everything computed for one case.

    `packages` gives the package of each contract, `currencies` the currency of each package.
    `late` are the postings that arrived for closed months; `postings` has them in the first open
    month. `classifications` by modification. `periods` are the renewal periods of allocations that
    expect renewals, in order, their label as obligation key. `unreadable`: kinds of figures that
    could not be read, and why.
    """

    postings: tuple[Posting, ...] = ()
    late: tuple[Posting, ...] = ()
    obligations: tuple[Obligation, ...] = ()
    packages: Mapping[str, str] = field(default_factory=dict)
    classifications: Mapping[str, str] = field(default_factory=dict)
    prices: tuple[Version, ...] = ()
    allocations: tuple[Version, ...] = ()
    periods: tuple[Version, ...] = ()
    catch_ups: tuple[CatchUp, ...] = ()
    remaining: tuple[Remaining, ...] = ()
    ignored: Mapping[str, int] = field(default_factory=dict)
    rejected: frozenset[str] = frozenset()
    currencies: Mapping[str, str] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)

    def contracts_of(self, contract_id: str) -> set[str]:
        """The contracts whose figures a case tells under an id: its package, else itself."""
        members = {name for name, package in self.packages.items() if package == contract_id}
        return members or {contract_id}

    def revenue(
        self, contract_id: str, currency: str, obligations: frozenset[str] | None = None
    ) -> dict[date, int]:
        """Revenue by month, of a contract or of those obligations (ids) of it."""
        contracts = self.contracts_of(contract_id)
        months: dict[date, int] = {}
        for posting in self.postings:
            if (
                posting.account == REVENUE
                and posting.contract_id in contracts
                and (obligations is None or posting.obligation_id in obligations)
            ):
                amount = -posting.amount_in(currency)
                months[posting.period] = months.get(posting.period, 0) + amount
        return months

    def in_force(
        self, rows: Iterable[Version], contract_id: str, as_of: date
    ) -> list[Version] | None:
        """Rows of the newest version of a package at a date; None where there is none yet."""
        package = self.packages.get(contract_id, contract_id)
        known = [row for row in rows if row.package_id == package and row.effective_date <= as_of]
        if not known:
            return None
        newest = max(row.version_no for row in known)
        return [row for row in known if row.version_no == newest]


def booked_month(
    period: date, derived: Iterable[Posting], ledger: Iterable[Posting]
) -> tuple[list[Posting], list[Posting]]:
    """What the ledger holds of a closed month, with the days of the movements it was posted from.

    The ledger knows months only. Where it says other than the movements of the month, it is right:
    that second part (what came late for earlier months) stands on the month's last day.
    """
    moved = [posting for posting in derived if posting.period == period]
    rest = _sums(ledger)
    for key, amount in _sums(moved).items():
        rest[key] = rest.get(key, 0) - amount
    odd = [_on(key, last_day(period), period, amount) for key, amount in rest.items() if amount]
    return moved, odd


def late_postings(
    closed: Iterable[date],
    derived: Iterable[Posting],
    booked: Iterable[Posting],
    period: date,
    day: date,
) -> list[Posting]:
    """What is now derived for closed months beyond what is booked: due in the first open month."""
    months = set(closed)
    difference: dict[_Key, tuple[int, int]] = {}
    for sign, postings in ((1, derived), (-1, booked)):
        for posting in postings:
            if posting.period in months:
                key = _key(posting)
                amount, functional = difference.get(key, (0, 0))
                difference[key] = (
                    amount + sign * posting.amount_minor,
                    functional + sign * posting.functional_minor,
                )
    return [
        replace(_on(key, day, period, amount), functional_minor=functional)
        for key, (amount, functional) in difference.items()
        if amount or functional
    ]


_Key = tuple[str, str, str, str, str, str]


def _key(posting: Posting) -> _Key:
    return (
        posting.entity_id,
        posting.contract_id,
        posting.obligation_id,
        posting.account,
        posting.currency,
        posting.functional_currency,
    )


def _sums(postings: Iterable[Posting]) -> dict[_Key, int]:
    sums: dict[_Key, int] = {}
    for posting in postings:
        sums[_key(posting)] = sums.get(_key(posting), 0) + posting.amount_minor
    return sums


def _on(key: _Key, day: date, period: date, amount: int) -> Posting:
    entity_id, contract_id, obligation_id, account, currency, functional = key
    return Posting(
        entity_id,
        contract_id,
        obligation_id,
        account,
        day,
        period,
        currency,
        amount,
        functional,
        # a difference the ledger alone knows has no rate
        amount if currency == functional else 0,
    )
