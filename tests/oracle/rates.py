"""Exchange rates: the latest published on or before a day (IAS 21.21-23)."""

from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from tests.oracle.money import ONE


@dataclass
class Rates:
    """Published rates by currency pair, as (day, kind, units of quote per unit of base)."""

    published: dict[tuple[str, str], list[tuple[date, str, Fraction]]] = field(default_factory=dict)

    def publish(self, on: date, base: str, quote: str, rate: Fraction, kind: str) -> None:
        """Record a rate both ways."""
        self.published.setdefault((base, quote), []).append((on, kind, rate))
        self.published.setdefault((quote, base), []).append((on, kind, ONE / rate))

    def rate(self, base: str, quote: str, on: date, kind: str = "spot") -> Fraction:
        """Return the latest rate; of one day's rates that of ``kind``. The first if none is older.

        Raises:
            LookupError: no rate between the currencies was ever published.
        """
        if base == quote:
            return ONE
        known = self.published.get((base, quote))
        if not known:
            raise LookupError(f"no rate from {base} to {quote}")
        past = [item for item in known if item[0] <= on]
        if not past:
            return min(known)[2]
        return max(past, key=lambda item: (item[0], item[1] == kind))[2]
