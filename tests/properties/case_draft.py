"""A case under construction, and amounts as its schema writes them."""

import random
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

from tests.oracle.months import add_months

Item = dict[str, Any]


@dataclass
class Draft:
    """A case under construction; ``unit`` is 1 or 0.01, amounts are whole units."""

    chance: random.Random
    unit: Fraction
    proration: str
    trigger: str
    start: date
    lines: list[Item] = field(default_factory=list)
    events: list[Item] = field(default_factory=list)
    features: list[str] = field(default_factory=list)
    variables: list[Item] = field(default_factory=list)
    last: date = date.min

    def money(self, low: int, high: int) -> str:
        """Return a random amount, in hundreds of its unit."""
        return text(Fraction(self.chance.randint(low, high) * 100) * self.unit, self.unit)

    def odds(self, part: float) -> bool:
        """Return true in ``part`` of the cases."""
        return self.chance.random() < part

    def event(self, event_type: str, on: date, **data: Any) -> Item:
        """Add an event and return it."""
        name = f"E{len(self.events) + 1:03}"
        event = {"id": name, "type": event_type, "occurred_on": on.isoformat(), "data": data}
        self.events.append(event)
        self.last = max(self.last, on)
        return event

    def month(self, ahead: int) -> date:
        """Return the first day of a month after the start."""
        return add_months(self.start.replace(day=1), ahead)


def text(amount: Fraction, unit: Fraction) -> str:
    """Write an amount as the schema does."""
    cents = int(amount * 100)
    sign = "-" if cents < 0 else ""
    whole, part = divmod(abs(cents), 100)
    return f"{sign}{whole}.{part:02} USD" if unit < 1 else f"{sign}{whole} USD"


def value(amount: str) -> Fraction:
    """Read an amount."""
    return Fraction(amount.split(" ", maxsplit=1)[0])
