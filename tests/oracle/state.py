"""The books while they are written: accounting contracts, postings, what was recorded when."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from tests.oracle.billing import Billing
from tests.oracle.convention import Convention
from tests.oracle.money import ZERO
from tests.oracle.months import ONE_DAY
from tests.oracle.obligations import Obligation
from tests.oracle.progress import recognised
from tests.oracle.rates import Rates
from tests.oracle.terms import Contract, Line
from tests.oracle.units import Unit

REVENUE = ("fixed", "variable", "termination", "financing")


@dataclass
class Entry:
    """One increment of ``component`` on a day.

    Revenue components: fixed, variable, termination, financing. Others: refund, incentive, agent
    (transferred, but not revenue), billing (billed ahead of revenue by tiers), cost, return_cost,
    restock.
    """

    on: date
    obligation: Obligation
    component: str
    amount: Fraction


@dataclass
class CatchUp:
    """Revenue for earlier performance booked on a day, by obligation; joint for its events."""

    package: str
    on: date
    events: list[str] = field(default_factory=list)
    amounts: dict[str, Fraction] = field(default_factory=dict)


@dataclass
class Gate:
    """While closed nothing is recognised (IFRS 15.15-16, B22, B66-B68); cash waits in ``account``.

    ``earned``: part of the waiting cash that became revenue without the gate opening.
    """

    kind: str
    contract_id: str
    account: str
    closed_from: date
    opened_on: date | None = None
    opened_by: str = ""
    earned: Fraction = ZERO
    earned_on: date | None = None

    def is_closed(self, on: date) -> bool:
        """Tell whether the gate is closed on a day."""
        return self.closed_from <= on and (self.opened_on is None or on < self.opened_on)


@dataclass
class State:
    """Everything the walk through the events has established so far.

    Attributes:
        fulfilled: Lines that some fulfilment names: a licence among them starts with it.
        loose_lines: Discounts and fees without obligation.
        settled: Part of a credit line (event, line) that pays a refund liability.
        history: Day, package, price per obligation, and the royalties expected on top.
        ended: Obligations a termination ended, with what was left of them.
        ending: Since when the end of a contract (termination, renewal) is known.
    """

    convention: Convention
    rates: Rates
    billing: Billing
    fulfilled: frozenset[str]
    contracts: dict[str, Contract] = field(default_factory=dict)
    units: list[Unit] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    catch_ups: dict[tuple[str, date], CatchUp] = field(default_factory=dict)
    classifications: dict[str, str] = field(default_factory=dict)
    gates: list[Gate] = field(default_factory=list)
    loose_lines: dict[str, Line] = field(default_factory=dict)
    settled: dict[tuple[str, str], Fraction] = field(default_factory=dict)
    history: list[tuple[date, str, dict[str, Fraction], dict[str, Fraction]]] = field(
        default_factory=list
    )
    ended: dict[str, list[tuple[Obligation, Fraction]]] = field(default_factory=dict)
    posted: dict[tuple[int, str], Fraction] = field(default_factory=dict)
    ending: dict[str, date] = field(default_factory=dict)
    orders: int = 0

    def post(self, on: date, obligation: Obligation, component: str, amount: Fraction) -> None:
        """Book an increment."""
        if amount == 0:
            return
        self.entries.append(Entry(on, obligation, component, amount))
        key = (id(obligation), component)
        self.posted[key] = self.posted.get(key, ZERO) + amount

    def booked(self, obligation: Obligation, *components: str) -> Fraction:
        """Return what is booked of components."""
        return sum((self.posted.get((id(obligation), name), ZERO) for name in components), ZERO)

    def post_to(self, on: date, obligation: Obligation, component: str, target: Fraction) -> None:
        """Book what lacks to ``target``."""
        booked = self.posted.get((id(obligation), component), ZERO)
        if target != booked:
            self.post(on, obligation, component, target - booked)

    def obligations(self) -> Iterator[tuple[Unit, Obligation]]:
        """List all obligations with their accounting contract."""
        for unit in self.units:
            for obligation in unit.obligations:
                yield unit, obligation

    def find_line(self, line_id: str) -> tuple[Unit, Obligation, Line] | None:
        """Find the obligation of a line; None for discounts and fees that have none."""
        for unit, obligation in self.obligations():
            for line in obligation.lines:
                if line.id == line_id:
                    return unit, obligation, line
        return None

    def lines_of(self, contract_id: str) -> set[str]:
        """Return the ids of all lines of a contract."""
        ids = {
            line.id
            for _, obligation in self.obligations()
            for line in obligation.lines
            if line.contract_id == contract_id
        }
        return ids | {
            line.id for line in self.loose_lines.values() if line.contract_id == contract_id
        }

    def unit_of(self, contract_id: str) -> Unit:
        """Return the accounting contract a contract belongs to first."""
        return next(unit for unit in self.units if contract_id in unit.contract_ids)

    def gate(self, contract_id: str, on: date) -> Gate | None:
        """Return a closed gate of the contract on a day."""
        return next(
            (gate for gate in self.gates if gate.contract_id == contract_id and gate.is_closed(on)),
            None,
        )

    def to_date(self, obligation: Obligation, on: date) -> Fraction:
        """Return revenue to date under the terms as they stand."""
        return recognised(obligation, on, self.convention) + obligation.variable

    def catch_up(
        self, on: date, event_id: str, touched: Iterable[Obligation], change: Callable[[], None]
    ) -> None:
        """Apply a change; what it makes of revenue to the day before is booked now and told."""
        eve = on - ONE_DAY
        before = {id(item): self._value(item, eve) for item in touched}
        change()
        for _, obligation in self.obligations():
            fixed, variable = self._value(obligation, eve)
            old = before.get(id(obligation))
            if old is None or self.gate(obligation.contract_id, on):
                continue
            self.post(on, obligation, "fixed", fixed - old[0])
            self.tell(on, event_id, obligation, fixed + variable - sum(old, ZERO))

    def _value(self, obligation: Obligation, on: date) -> tuple[Fraction, Fraction]:
        return recognised(obligation, on, self.convention), obligation.variable

    def tell(self, on: date, event_id: str, obligation: Obligation, amount: Fraction) -> None:
        """Record a catch-up."""
        package = self.contracts[obligation.contract_id].package
        found = self.catch_ups.setdefault((package, on), CatchUp(package, on))
        if event_id not in found.events:
            found.events.append(event_id)
        if amount:
            found.amounts[obligation.key] = found.amounts.get(obligation.key, ZERO) + amount
