"""Files of JSON objects, one a line or in one array, and reading them into strict models."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from revenue_pipeline.domain.errors import FileRefusedError
from revenue_pipeline.sources.context import TranslationError, local_date
from revenue_pipeline.sources.entities import Entity
from revenue_pipeline.sources.stripe.jsontext import JsonTextError, canonical, parse

M = TypeVar("M", bound=BaseModel)


class StrictModel(BaseModel):
    """What a source promised, and nothing else."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


def json_objects(
    content: bytes, filename: str
) -> Iterator[tuple[int | None, bytes, dict[str, object]]]:
    """Row (None inside an array), canonical bytes and value of each object.

    Raises FileRefusedError.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        raise FileRefusedError(filename, number, f"is not UTF-8 at byte {error.start}") from None
    if text.lstrip().startswith("["):
        yield from _array(text, filename)
        return
    # JSON allows no raw line break inside a value, so "\n" alone separates lines.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = parse(line)
        except JsonTextError as error:
            raise FileRefusedError(filename, number, error.reason) from None
        if not isinstance(value, dict):
            raise FileRefusedError(filename, number, "is not a JSON object")
        # As in an array: blanks and the order of keys carry no meaning, so the same object sent
        # again in another spelling must be a duplicate and never a collision.
        yield number, canonical(value).encode(), value


def _array(text: str, filename: str) -> Iterator[tuple[int | None, bytes, dict[str, object]]]:
    try:
        values = parse(text)
    except JsonTextError as error:
        raise FileRefusedError(filename, error.line, error.reason) from None
    assert isinstance(values, list)
    for number, value in enumerate(values, start=1):
        if not isinstance(value, dict):
            raise FileRefusedError(filename, None, f"entry {number} is not a JSON object")
        yield None, canonical(value).encode(), value


def text_of(value: dict[str, object], name: str) -> str | None:
    """A text fit for a key, or None."""
    found = value.get(name)
    if isinstance(found, str) and 0 < len(found) <= 255 and found.isprintable():
        return found
    return None


def read_model(model: type[M], body: bytes) -> M:
    """The object as its model. Raises TranslationError SCHEMA with a sentence naming the field."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in fault["loc"]) or "the record"
        shown = repr(fault["input"])
        shown = shown if len(shown) <= 60 else shown[:57] + "..."
        raise TranslationError("SCHEMA", f"{place}: {fault['msg']} ({shown})") from None


def day_of(instant: datetime, entity: Entity, field: str) -> date:
    """The accounting date of an instant. Raises TranslationError SCHEMA beyond the calendar."""
    try:
        return local_date(instant, entity)
    except TranslationError as error:
        raise TranslationError(error.reason_code, f"{field}: {error.detail}") from None


def first_moment(day: date, entity: Entity, field: str) -> datetime:
    """When a day begins for the entity, in UTC."""
    try:
        moment = datetime(day.year, day.month, day.day, tzinfo=entity.accounting_time_zone)
        return moment.astimezone(UTC)
    except OverflowError:
        raise TranslationError("SCHEMA", f"{field}: lies outside the calendar") from None
