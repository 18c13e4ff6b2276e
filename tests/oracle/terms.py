"""What a contract says: lines, variable consideration, terms of the whole (IFRS 15.9-21)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

from tests.oracle.money import ONE, ZERO, parse_money

Data = Mapping[str, Any]
RATABLE = ("ratable_daily", "ratable_monthly")
REPORTED = ("percent_complete", "milestone")


def money(data: Data, key: str) -> Fraction | None:
    """Return the amount under ``key``, None when it is not told."""
    return parse_money(data[key])[0] if key in data else None


def number(data: Data, key: str) -> Fraction | None:
    """Return the number under ``key``, None when it is not told."""
    return Fraction(data[key]) if key in data else None


def day(data: Data, key: str) -> date | None:
    """Return the date under ``key``, None when it is not told."""
    return date.fromisoformat(data[key]) if key in data else None


@dataclass
class Usage:
    """One report: its first day of use, and how many months' included quantity it covers."""

    since: date
    quantity: Fraction
    sales: Fraction
    price: Fraction
    months: int


@dataclass
class Line:
    """A contract line and what has been delivered of it.

    Attributes:
        rate: Factor from its currency to that of the contract.
        commission: Part of the price an agent earns; 1 for a principal.
        done: Units (or parts of 1) transferred; ``done_before``: before the current segment.
        pieces: Units sold by the piece at the current price; ``pieces_before`` the value of
            those sold at former prices.
    """

    data: Data
    contract_id: str
    entity: str
    rate: Fraction
    order: int
    quantity: Fraction | None = None
    unit_price: Fraction | None = None
    amount: Fraction = ZERO
    ssp: Fraction | None = None
    start: date | None = None
    end: date | None = None
    remaining_ssp: Fraction | None = None
    done: Fraction = ZERO
    done_before: Fraction = ZERO
    pieces: Fraction = ZERO
    pieces_before: Fraction = ZERO
    transferred_on: date | None = None
    usage: list[Usage] = field(default_factory=list)
    removed: bool = False

    def __post_init__(self) -> None:
        self.quantity = number(self.data, "quantity")
        self.unit_price = self.scaled("unit_price")
        self.amount = self.scaled("amount") or ZERO
        self.ssp = self.scaled("ssp")
        self.start, self.end = day(self.data, "start_date"), day(self.data, "end_date")

    def scaled(self, key: str) -> Fraction | None:
        """Return an amount of the line in the contract's currency."""
        amount = money(self.data, key)
        return None if amount is None else amount * self.rate

    def terms(self, key: str) -> Data:
        """Return a block of terms, empty when the line has none."""
        block: Data = self.data.get(key, {})
        return block

    @property
    def id(self) -> str:
        return str(self.data["line_id"])

    @property
    def kind(self) -> str:
        return str(self.data.get("kind", "good_or_service"))

    @property
    def method(self) -> str:
        return str(self.data.get("method", ""))

    @property
    def commission(self) -> Fraction:
        if self.data.get("role") != "agent":
            return ONE
        return Fraction(self.data.get("agent_commission_rate", "0"))

    @property
    def is_usage(self) -> bool:
        return self.method == "usage"

    @property
    def is_piece(self) -> bool:
        """A line without amount but with a unit price is sold by the piece."""
        told = money(self.data, "amount") == 0 and self.unit_price is not None
        return told and self.unit_price != 0 and not self.is_usage

    @property
    def is_practical_option(self) -> bool:
        """Expected renewals count as part of the contract (IFRS 15.B43)."""
        return self.terms("option_terms").get("measurement") == "practical_alternative"

    @property
    def target(self) -> Fraction:
        """Units that complete the line."""
        return self.quantity or ONE


@dataclass
class Variable:
    """A variable amount on top of the lines (IFRS 15.50-59).

    Attributes:
        value: What the price includes of it now.
        lapsed: A right of return that is over.
        credited: Given back for it so far (returns, rebates, concessions, penalties).
    """

    data: Data
    estimate: Fraction | None = None
    expected_quantity: Fraction | None = None
    expected_returns: Fraction | None = None
    lapsed: bool = False
    credited: Fraction = ZERO

    def __post_init__(self) -> None:
        self.estimate = money(self.data, "estimate")
        self.expected_quantity = number(self.data, "expected_quantity")
        self.expected_returns = number(self.data, "expected_returns")

    @property
    def id(self) -> str:
        return str(self.data["vc_id"])

    @property
    def kind(self) -> str:
        return str(self.data["kind"])

    @property
    def obligations(self) -> list[str] | None:
        """Return the obligations it belongs to; None for all."""
        told = self.data.get("allocate_to", "all")
        return None if told == "all" else [told] if isinstance(told, str) else list(told)

    def concerns(self, key: str) -> bool:
        """Tell whether the obligation ``key`` has a part in it."""
        return self.obligations is None or key in self.obligations


@dataclass
class Contract:
    """Terms of a whole contract, as signed or renewed."""

    data: Data
    contract_id: str
    customer_id: str
    entity: str
    currency: str
    functional: str
    signed_on: date
    package: str
    arrangement: str
    terminated_on: date | None = None
    superseded_on: date | None = None
    refund_due: Fraction = ZERO
    credit_budget: Fraction = ZERO
