"""The objects in a file: one object, a list, JSON lines, events, recorded exchanges, fixtures."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime

from revenue_pipeline.domain.errors import FileRefusedError
from revenue_pipeline.landing.inbox import Record
from revenue_pipeline.sources.stripe.jsontext import JsonTextError, canonical, parse

_LATEST_SECOND = 253_370_764_800  # 9999: beyond it datetime ends
# Differs between two deliveries of one event and says nothing of its content.
_DELIVERY_ONLY = {"pending_webhooks"}


def split(content: bytes, filename: str) -> Iterator[Record]:
    """Records of a file, in order. Raises FileRefusedError when any part of it cannot be read."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FileRefusedError(filename, line, f"is not UTF-8 at byte {error.start}") from None
    for row, value in _values(text, filename):
        for found in _objects(value, filename, row):
            yield _record(found, row)


def _values(text: str, filename: str) -> Iterator[tuple[int | None, object]]:
    try:
        whole = parse(text)
    except JsonTextError as error:
        if not error.extra:
            raise FileRefusedError(filename, error.line, error.reason) from None
    else:
        yield None, whole
        return
    # JSON allows no raw line break inside a value, so "\n" alone separates lines.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = parse(line)
        except JsonTextError as error:
            raise FileRefusedError(filename, number, error.reason) from None
        yield number, value


def _objects(value: object, filename: str, row: int | None) -> Iterator[dict[str, object]]:
    if isinstance(value, list):
        for number, item in enumerate(value, start=1):
            if not isinstance(item, dict):
                raise FileRefusedError(filename, row, f"entry {number} is not a JSON object")
            yield from _objects(item, filename, row)
    elif not isinstance(value, dict):
        raise FileRefusedError(filename, row, "holds a value that is not a JSON object")
    elif value.get("object") == "list" and isinstance(value.get("data"), list):
        yield from _objects(value["data"], filename, row)
    elif isinstance(value.get("resources"), dict):
        yield from _objects(list(value["resources"].values()), filename, row)
    elif isinstance(value.get("response"), dict) and "request" in value:
        yield from _answer(value["response"], filename, row)
    elif isinstance(value.get("object"), dict):  # the `data` of an event without its envelope
        yield from _objects(value["object"], filename, row)
    else:
        yield value


def _answer(
    response: dict[str, object], filename: str, row: int | None
) -> Iterator[dict[str, object]]:
    status = response.get("status")
    if isinstance(status, bool) or not isinstance(status, int):
        raise FileRefusedError(filename, row, "holds an answer without a status")
    if 200 <= status < 300:
        yield from _objects(response.get("body"), filename, row)


def _record(found: dict[str, object], row: int | None) -> Record:
    if found.get("object") == "event":
        return _event(found, row)
    body = canonical(found).encode()
    kind, identity = _name(found.get("object")), _name(found.get("id"))
    parts = ["obj", kind or "unknown", identity, hashlib.sha256(body).hexdigest()]
    return Record(
        delivery_key=":".join(part for part in parts if part),
        object_type=kind,
        object_id=identity,
        body=body,
        content_type="application/json",
        occurred_at=_instant(found.get("created")),
        origin_row=row,
    )


def _event(event: dict[str, object], row: int | None) -> Record:
    kept = {name: value for name, value in event.items() if name not in _DELIVERY_ONLY}
    body = canonical(kept).encode()
    identity = _name(event.get("id"))
    data = event.get("data")
    inner = data.get("object") if isinstance(data, dict) else None
    kind = _name(inner.get("object")) if isinstance(inner, dict) else None
    return Record(
        delivery_key=f"evt:{identity or hashlib.sha256(body).hexdigest()}",
        object_type=kind,
        object_id=_name(inner.get("id")) if isinstance(inner, dict) else None,
        body=body,
        content_type="application/json",
        api_version=_name(event.get("api_version")),
        occurred_at=_instant(event.get("created")),
        origin_row=row,
    )


def _name(value: object) -> str | None:
    """An identifier fit for a key; anything else is as good as none."""
    if isinstance(value, str) and 0 < len(value) <= 255 and value.isascii() and value.isprintable():
        return value
    return None


def _instant(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _LATEST_SECOND:
        return None
    return datetime.fromtimestamp(value, UTC)
