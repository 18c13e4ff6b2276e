"""The two legal entities of the sample and what they charge."""

from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

FIRST_DAY = date(2025, 1, 1)
LAST_DAY = date(2026, 2, 28)

# Minor units per unit and year, as the price list says (reference.ref_standalone_prices).
PLATFORM_YEAR = 120_000
SUPPORT_YEAR = 30_000
MONTHLY_YEAR = 144_000


@dataclass(frozen=True, slots=True)
class Market:
    """One legal entity: its account at the sources, currency, clock and tax."""

    entity_id: str
    tenant: str
    currency: str
    zone: ZoneInfo
    tax_percent: int
    customers: int


MARKETS = (
    Market("US", "acct_us", "USD", ZoneInfo("America/New_York"), 8, 120),
    Market("DE", "acct_de", "EUR", ZoneInfo("Europe/Berlin"), 19, 80),
)


def add_months(day: date, months: int) -> date:
    """The same day of a later month; days are at most the 28th here."""
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, day.day)


def year_end(start: date) -> date:
    """Last day of the year that begins on `start`."""
    return add_months(start, 12) - timedelta(days=1)


def share(amount: int, numerator: int, denominator: int) -> int:
    """Amount x numerator / denominator in minor units, half up; all >= 0."""
    return (2 * amount * numerator + denominator) // (2 * denominator)
