"""Closed months: what was booked stays, what comes late is booked in the first open month."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    closed: date | None = None
    known: list[Event] = []
    before: Sequence[Posting] = ()
    for event in sorted(events, key=lambda item: item.arrival):
        if event.type == "period_closed":
            end = period_bounds(event.data["period"])[1]
            frozen += [item for item in before if _between(item.on, closed, end)]
            closed = end if closed is None else max(closed, end)
            continue
        known.append(event)
        after = keep_books(known, convention, horizon, fulfilled).postings
        if closed is not None:
            opening = add_months(closed.replace(day=1), 1)
            on = max(event.received_on, opening)
            brought = _differences(before, after, closed, on)
            frozen += brought
            _tell(late, event.id, on, brought)
        before = after
    opened = [item for item in final.postings if closed is None or item.on > closed]
    return Books(final, (*frozen, *opened), late, closed)


def _between(on: date, after: date | None, upto: date) -> bool:
    return on <= upto and (after is None or on > after)


def _differences(
    before: Sequence[Posting], after: Sequence[Posting], closed: date, on: date
) -> list[Posting]:
    """Return what an event changes in closed months, in one amount per kind of posting."""
    sums: dict[Posting, list[Fraction]] = defaultdict(lambda: [ZERO, ZERO])
    for sign, postings in ((-1, before), (1, after)):
        for item in postings:
            if item.on <= closed:
                key = replace(item, on=on, amount=ZERO, functional=ZERO)
                sums[key][0] += sign * item.amount
                sums[key][1] += sign * (item.functional or ZERO)
    return [
        replace(key, amount=amount, functional=functional)
        for key, (amount, functional) in sums.items()
        if amount or functional
    ]


def _tell(
    late: dict[tuple[str, date], dict[str, Fraction]],
    event_id: str,
    on: date,
    brought: Sequence[Posting],
) -> None:
    for item in brought:
        if item.credit == "revenue":
            parts = late.setdefault((event_id, on), {})
            parts[item.obligation] = parts.get(item.obligation, ZERO) + (item.functional or ZERO)
