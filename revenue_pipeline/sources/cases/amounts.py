"""Texts of a case as exact numbers, in the currency they must have."""

from decimal import Decimal

from revenue_pipeline.domain.money import parse_decimal, parse_money, parse_unit_price
from revenue_pipeline.sources.context import TranslationError


def minor(text: str, currency: str, field: str) -> int:
    """Minor units of an amount. Raises TranslationError when it is in another currency."""
    amount, code = parse_money(text)
    _same(code, currency, field)
    return amount


def maybe_minor(text: str | None, currency: str, field: str) -> int | None:
    """Minor units of an amount that may be missing."""
    return None if text is None else minor(text, currency, field)


def maybe_price(text: str | None, currency: str, field: str) -> Decimal | None:
    """Minor units, possibly broken, of a price per unit that may be missing."""
    if text is None:
        return None
    price, code = parse_unit_price(text)
    _same(code, currency, field)
    return price


def maybe_decimal(text: str | None) -> Decimal | None:
    """An exact number that may be missing."""
    return None if text is None else parse_decimal(text)


def _same(code: str, currency: str, field: str) -> None:
    if code != currency:
        raise TranslationError("SCHEMA", f"{field}: is in {code}, not in {currency}")
