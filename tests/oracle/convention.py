"""The choices that make exactly one answer right (README, conventions)."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tests.oracle.money import rounded


@dataclass(frozen=True)
class Convention:
    """Units are in the amounts' own currency unit, so 0.01 is a cent."""

    unit: Fraction
    tolerance: Fraction
    proration: str
    trigger: str
    residual_to_largest: bool
    progress_rounding: Fraction | None
    unit_price_rounding: Fraction | None

    def money(self, value: Fraction) -> Fraction:
        """Round an amount to the unit of every figure."""
        return rounded(value, self.unit)

    def measure(self, value: Fraction) -> Fraction:
        """Round a measure of progress where the convention says so."""
        return value if self.progress_rounding is None else rounded(value, self.progress_rounding)

    def average(self, price: Fraction) -> Fraction:
        """Round an average unit price where the convention says so."""
        if self.unit_price_rounding is None:
            return price
        return rounded(price, self.unit_price_rounding)


def read_convention(data: Mapping[str, Any]) -> Convention:
    """Read the ``convention`` of a case."""
    return Convention(
        unit=Fraction(data["minor_unit"]),
        tolerance=Fraction(data["tolerance"]),
        proration=data["proration"],
        trigger=data["receivable_trigger"],
        residual_to_largest=data["allocation_residual"] == "largest",
        progress_rounding=_fraction(data.get("progress_rounding")),
        unit_price_rounding=_fraction(data.get("unit_price_rounding")),
    )


def _fraction(text: str | None) -> Fraction | None:
    return None if text is None else Fraction(text)
