"""Amounts as exact fractions, rounding half up, and shares that add up (README, conventions)."""

from collections.abc import Sequence
from fractions import Fraction

ZERO = Fraction(0)
ONE = Fraction(1)


def parse_money(text: str) -> tuple[Fraction, str]:
    """Split ``"-12.50 USD"`` into amount and currency."""
    amount, currency = text.split(" ")
    return Fraction(amount), currency


def rounded(value: Fraction, unit: Fraction) -> Fraction:
    """Round half up, half away from zero, to whole ``unit``s."""
    if not value:
        return ZERO
    size = abs(value.numerator) * unit.denominator
    step = value.denominator * unit.numerator
    steps = (2 * size + step) // (2 * step)  # in whole numbers: fractions are ten times slower
    return (steps if value > 0 else -steps) * unit


def shares(
    total: Fraction, weights: Sequence[Fraction], unit: Fraction, *, exact: bool = True
) -> list[Fraction]:
    """Share ``total`` by ``weights``: each share rounded, the difference to the largest share.

    The first listed takes it on a tie; ``exact`` false leaves the difference open. Weights that
    are all zero give everything to the first.
    """
    if not weights:
        return []
    whole = sum(weights, ZERO)
    if whole == 0:
        return [total, *([ZERO] * (len(weights) - 1))]
    parts = [rounded(total * weight / whole, unit) for weight in weights]
    if exact:
        sizes = [abs(part) for part in parts]
        parts[sizes.index(max(sizes))] += total - sum(parts, ZERO)
    return parts
