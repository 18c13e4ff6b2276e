"""Closed months: what was booked stays, what comes late is booked in the first open month."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction

from tests.oracle.convention import Convention
from tests.oracle.events import Event
from tests.oracle.ledger import Ledger, keep_books
from tests.oracle.money import ZERO
from tests.oracle.months import add_months, period_bounds
from tests.oracle.postings import Posting


@dataclass(frozen=True)
class Books:
    """Postings as booked, and revenue that late events brought (event, day, obligation)."""

    ledger: Ledger
    postings: tuple[Posting, ...]
    late: dict[tuple[str, date], dict[str, Fraction]]
    closed_until: date | None


@dataclass
class Calendar:
    """Up to which day each entity's books are closed; '' counts for all."""

    ends: dict[str, date] = field(default_factory=dict)

    def close(self, entity: str, end: date) -> None:
        """Close a month of one entity, or of all."""
        self.ends[entity] = max(end, self.ends.get(entity, end))

    def closed(self, item: Posting) -> bool:
        """Tell whether a posting's day is closed."""
        return any(item.on <= self.ends.get(key, date.min) for key in ("", item.entity))

    def first_open(self, entity: str) -> date:
        """Return the first day of the earliest open month."""
        last = max(self.ends.get(key, date.min) for key in ("", entity))
        return add_months(last.replace(day=1), 1)


def book(
    events: Sequence[Event], convention: Convention, horizon: date, fulfilled: frozenset[str]
) -> Books:
    """Book events in the order of their arrival; without closes arrival does not matter."""
    real = [item for item in events if item.type != "period_closed"]
    final = keep_books(real, convention, horizon, fulfilled)
    if len(real) == len(events):
        return Books(final, final.postings, {}, None)
    frozen: list[Posting] = []
    late: dict[tuple[str, date], dict[str, Fraction]] = {}
    calendar = Calendar()
    known: list[Event] = []
    before: Sequence[Posting] = ()
    for event in sorted(events, key=lambda item: item.arrival):
        if event.type == "period_closed":
            still_open = [item for item in before if not calendar.closed(item)]
            end = period_bounds(event.data["period"])[1]
            calendar.close(event.data.get("entity_id", ""), end)
            frozen += [item for item in still_open if calendar.closed(item)]
            continue
        known.append(event)
        after = keep_books(known, convention, horizon, fulfilled).postings
        brought = _differences(before, after, calendar, event.received_on)
        frozen += brought
        _tell(late, event.id, brought)
        before = after
    opened = [item for item in final.postings if not calendar.closed(item)]
    return Books(final, (*frozen, *opened), late, max(calendar.ends.values()))


def _differences(
    before: Sequence[Posting], after: Sequence[Posting], calendar: Calendar, received: date
) -> list[Posting]:
    """Return what an event changes in closed months, in one amount per kind of posting."""
    sums: dict[Posting, list[Fraction]] = defaultdict(lambda: [ZERO, ZERO])
    for sign, postings in ((-1, before), (1, after)):
        for item in postings:
            if calendar.closed(item):
                on = max(received, calendar.first_open(item.entity))
                key = replace(item, on=on, amount=ZERO, functional=ZERO)
                sums[key][0] += sign * item.amount
                sums[key][1] += sign * (item.functional or ZERO)
    return [
        replace(key, amount=amount, functional=functional)
        for key, (amount, functional) in sums.items()
        if amount or functional
    ]


def _tell(
    late: dict[tuple[str, date], dict[str, Fraction]], event_id: str, brought: Sequence[Posting]
) -> None:
    for item in brought:
        if item.credit == "revenue":
            parts = late.setdefault((event_id, item.on), {})
            parts[item.obligation] = parts.get(item.obligation, ZERO) + (item.functional or ZERO)
