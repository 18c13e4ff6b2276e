"""Typed reading of API objects: what is missing or of a wrong type is a TranslationError."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar

from revenue_pipeline.domain.money import LARGEST_MINOR, from_provider
from revenue_pipeline.sources.context import TranslationError

T = TypeVar("T")

_LATEST_SECOND = 7_258_118_400  # 2200: anything later is a mistake, and dates must not overflow


class Fields:
    """A JSON object with its place (`invoice.lines[0]`) for messages. null counts as missing."""

    def __init__(self, values: Mapping[str, object], path: str) -> None:
        self._values = values
        self.path = path

    @classmethod
    def of(cls, value: object, path: str) -> "Fields":
        """The object itself. Raises SCHEMA for any other JSON value."""
        if not isinstance(value, dict):
            raise TranslationError("SCHEMA", f"{path} is not an object")
        return cls(value, path)

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self._values.get(name) is not None

    def raw(self, name: str) -> object:
        """The value as it is."""
        return self._values.get(name)

    def maybe_text(self, name: str) -> str | None:
        """A text; an empty one counts as missing."""
        value = self._values.get(name)
        if value is not None and not isinstance(value, str):
            raise self._wrong(name, "a text")
        return value or None

    def text(self, name: str) -> str:
        """A text that must be there."""
        return _required(self.maybe_text(name), self, name)

    def maybe_integer(self, name: str) -> int | None:
        """A whole number within +-10^17; no float, no text, no boolean."""
        value = self._values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(name, "an integer")
        if abs(value) > LARGEST_MINOR:
            raise TranslationError("SCHEMA", f"{self.path}.{name} is beyond 10^17")
        return value

    def integer(self, name: str) -> int:
        """A whole number that must be there."""
        return _required(self.maybe_integer(name), self, name)

    def maybe_minor(self, name: str, currency: str) -> int | None:
        """An amount in ISO 4217 minor units; Stripe counts some currencies otherwise."""
        value = self.maybe_integer(name)
        return None if value is None else from_provider(value, currency, "stripe")

    def minor(self, name: str, currency: str) -> int:
        """An amount that must be there."""
        return _required(self.maybe_minor(name, currency), self, name)

    def maybe_instant(self, name: str) -> datetime | None:
        """A moment given as seconds since 1970, in UTC."""
        value = self.maybe_integer(name)
        if value is None:
            return None
        if not 0 <= value < _LATEST_SECOND:
            raise self._wrong(name, "a moment between 1970 and 2199")
        return datetime.fromtimestamp(value, UTC)

    def instant(self, name: str) -> datetime:
        """A moment that must be there."""
        return _required(self.maybe_instant(name), self, name)

    def maybe_reference(self, name: str) -> str | None:
        """The id of another object, whether it is given as id or expanded."""
        value = self._values.get(name)
        return self.child(name).text("id") if isinstance(value, dict) else self.maybe_text(name)

    def reference(self, name: str) -> str:
        """The id of another object that must be there."""
        return _required(self.maybe_reference(name), self, name)

    def flag(self, name: str) -> bool:
        """A boolean; missing means no."""
        value = self._values.get(name)
        if value is not None and not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return bool(value)

    def child(self, name: str) -> "Fields":
        """An object; a missing one is empty."""
        value = self._values.get(name)
        return Fields.of({} if value is None else value, f"{self.path}.{name}")

    def expanded(self, name: str) -> "Fields":
        """An object that may be given as its id only; then it is empty but for the id."""
        value = self._values.get(name)
        if isinstance(value, str):
            return Fields({"id": value}, f"{self.path}.{name}")
        return self.child(name)

    def children(self, name: str) -> list["Fields"]:
        """A plain array of objects; a missing one is empty."""
        value = self._values.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._wrong(name, "an array")
        return [Fields.of(v, f"{self.path}.{name}[{n}]") for n, v in enumerate(value)]

    def page(self, name: str) -> list["Fields"]:
        """All entries of an embedded list. Raises SCHEMA when it is missing or only one page."""
        page = self.child(name)
        if not page.has("data"):
            raise TranslationError("SCHEMA", f"{self.path}.{name} is not embedded")
        entries = page.children("data")
        total = page.maybe_integer("total_count")
        if page.flag("has_more") or (total is not None and total > len(entries)):
            of = "" if total is None else f" of {total}"
            raise TranslationError("SCHEMA", f"only {len(entries)}{of} {name} embedded")
        return entries

    def metadata(self, name: str) -> str | None:
        """A value of the object's metadata."""
        return self.child("metadata").maybe_text(name)

    def maybe_decimal(self, name: str) -> Decimal | None:
        """An exact number, given as integer or as text."""
        value = self._values.get(name)
        if value is None:
            return None
        text = value if isinstance(value, str) else str(self.maybe_integer(name))
        digits = text.removeprefix("-").replace(".", "", 1)
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 38):
            raise self._wrong(name, "a decimal number")
        return Decimal(text)

    def _wrong(self, name: str, wanted: str) -> TranslationError:
        shown = repr(self._values.get(name))
        shown = shown if len(shown) <= 60 else shown[:57] + "..."
        return TranslationError("SCHEMA", f"{self.path}.{name} is {shown}, not {wanted}")


def _required(value: T | None, fields: Fields, name: str) -> T:
    if value is None:
        raise TranslationError("SCHEMA", f"{fields.path}.{name} is missing")
    return value
