"""Cells as values, by the formats of an agreement. Whatever is not exactly that is refused."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

from revenue_pipeline.domain.errors import MoneyError
from revenue_pipeline.domain.money import checked_minor, currency, exponent, parse_decimal
from revenue_pipeline.domain.money import parse_minor as parse_major
from revenue_pipeline.sources.context import TranslationError
from revenue_pipeline.sources.files.agreement import Agreement, Expression

_NUMBER = re.compile(r"[+-]?[0-9][0-9.,]*", re.ASCII)
_INTEGER = re.compile(r"-?[0-9]{1,25}", re.ASCII)


def refuse_formulas(row: Mapping[str, str]) -> None:
    """A cell that a spreadsheet would execute is an attack or an accident, never data."""
    for name, cell in row.items():
        stripped = cell.lstrip()
        if len(stripped) > 1 and stripped[0] in "=+-@" and not _NUMBER.fullmatch(stripped):
            shown = stripped if len(stripped) <= 40 else f"{stripped[:37]}..."
            raise TranslationError("SCHEMA", f"{name}: {shown!r} looks like a formula")


class Reader:
    """Reads values of one row."""

    def __init__(self, agreement: Agreement, row: Mapping[str, str]) -> None:
        self._agreement = agreement
        self._row = row

    def currency(self) -> str:
        """ISO 4217 code of the row's amounts. Raises UnknownCurrencyError."""
        expression = self._agreement.currency
        return currency(self._text(expression) or "") if expression is not None else "XXX"

    def value(self, expression: Expression, kind: str, code: str) -> object:
        """The value of a target field; None for an empty cell that may be empty."""
        text = self._text(expression)
        if text is None:
            if kind.endswith("!"):
                raise TranslationError("SCHEMA", f"{expression.column} is empty")
            return None
        try:
            return self._convert(expression, text, kind.rstrip("!"), code)
        except TranslationError:
            raise
        except MoneyError as error:
            raise TranslationError("ARITHMETIC", f"{expression.column}: {error}") from None
        except ValueError as error:
            raise TranslationError("SCHEMA", f"{expression.column}: {error}") from None

    def has_time_of_day(self, expression: Expression) -> bool:
        """Whether an instant is more than a date."""
        text = self._text(expression)
        return text is not None and not self._is_date(text)

    def _convert(self, expression: Expression, text: str, kind: str, code: str) -> object:
        if kind == "money":
            return self._money(expression, text, code)
        if kind == "price":
            scale = 10 ** exponent(code) if self._agreement.money_unit == "major" else 1
            return self._decimal(text) * scale
        readers: dict[str, Callable[[str], object]] = {
            "date": self._date,
            "instant": self._instant,
            "integer": self._integer,
            "quantity": self._decimal,
            "flag": self._flag,
        }
        return readers[kind](text) if kind in readers else text

    def _text(self, expression: Expression) -> str | None:
        if expression.column is None:
            return str(expression.constant)
        cell = self._row[expression.column].strip()
        if expression.values is not None:
            if cell not in expression.values:
                raise TranslationError("UNKNOWN_ENUM", f"{expression.column}: unknown {cell!r}")
            return expression.values[cell] or None
        return cell or None

    def _date(self, text: str) -> date:
        try:
            parsed = datetime.strptime(text, self._agreement.date_format)  # noqa: DTZ007 - a date
        except ValueError:
            raise ValueError(f"{text!r} is not a date as agreed") from None
        return parsed.date()

    def _is_date(self, text: str) -> bool:
        try:
            self._date(text)
        except ValueError:
            return False
        return True

    def _instant(self, text: str) -> datetime:
        """An ISO 8601 instant, or a date: its first moment in the agreement's time zone."""
        zone = self._agreement.time_zone
        if self._is_date(text):
            day = self._date(text)
            moment = datetime(day.year, day.month, day.day, tzinfo=zone)
        else:
            try:
                moment = datetime.fromisoformat(text)
            except ValueError:
                raise ValueError(f"{text!r} is neither a date nor an instant") from None
            moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
        try:
            return moment.astimezone(UTC)
        except OverflowError:
            raise ValueError(f"{text!r} lies outside the calendar") from None

    def _integer(self, text: str) -> int:
        if not _INTEGER.fullmatch(text):
            raise ValueError(f"{text!r} is not a whole number")
        return int(text)

    def _decimal_text(self, text: str) -> str:
        if self._agreement.decimal_mark == ",":
            if "." in text:
                raise MoneyError(f"{text!r} is not a number with a decimal comma")
            return text.replace(",", ".")
        return text

    def _decimal(self, text: str) -> Decimal:
        return parse_decimal(self._decimal_text(text))

    def _money(self, expression: Expression, text: str, code: str) -> int:
        if self._agreement.money_unit == "minor":
            if not _INTEGER.fullmatch(text):
                raise MoneyError(f"{text!r} is not a whole number of minor units")
            amount = checked_minor(int(text))
        else:
            amount = parse_major(self._decimal_text(text), code)
        if expression.zero_if is not None and self._flag(self._row[expression.zero_if].strip()):
            return 0
        if expression.times is not None:
            factor = self._text(expression.times)
            amount = checked_minor(amount * self._integer(factor or ""))
        return amount

    def _flag(self, text: str) -> bool:
        if text in self._agreement.true_values:
            return True
        if text in self._agreement.false_values:
            return False
        raise ValueError(f"{text!r} is neither true nor false")
