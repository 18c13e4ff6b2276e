"""The events of a case: first copies only, in the order of arrival (README, further rules)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from tests.oracle.terms import Data


@dataclass(frozen=True)
class Event:
    """One event; ``arrival`` is its place in the order in which events reached the books."""

    id: str
    type: str
    occurred_on: date
    received_on: date
    arrival: int
    data: Data


@dataclass(frozen=True)
class Inbox:
    """Accepted events, and how often an id was ignored or rejected."""

    events: tuple[Event, ...]
    ignored: dict[str, int]
    rejected: dict[str, int]


def accept(raw: Sequence[dict[str, Any]]) -> Inbox:
    """Take the first event of each id; the same content again is ignored, other rejected."""
    seen: dict[str, tuple[Any, ...]] = {}
    events: list[Event] = []
    ignored: dict[str, int] = {}
    rejected: dict[str, int] = {}
    for item in raw:
        content = (item["type"], item["occurred_on"], item["data"])
        key = item["id"]
        if key in seen:
            counts = ignored if seen[key] == content else rejected
            counts[key] = counts.get(key, 0) + 1
            continue
        seen[key] = content
        occurred = date.fromisoformat(item["occurred_on"])
        received = date.fromisoformat(item.get("received_on", item["occurred_on"]))
        event = Event(key, item["type"], occurred, received, len(events), item["data"])
        events.append(event)
    return Inbox(tuple(events), ignored, rejected)
