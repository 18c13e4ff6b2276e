"""Receiving deliveries: each is kept once, duplicates are counted, collisions kept too."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import psycopg

from revenue_pipeline.warehouse.copy import copy_rows

Channel = Literal["webhook", "pull", "file", "manual"]

_COLUMNS = (
    "source",
    "tenant",
    "channel",
    "delivery_key",
    "collides_with_inbox_id",
    "object_type",
    "object_id",
    "api_version",
    "occurred_at",
    "content_type",
    "body",
    "body_sha256",
    "origin",
    "origin_row",
    "load_id",
)
_KEYS_PER_QUERY = 20_000


@dataclass(frozen=True)
class Record:
    """One delivery inside a file or request. `body` holds the bytes received, unchanged.

    `origin_row` is the line in the file; the header is line 1.
    """

    delivery_key: str
    object_type: str | None
    object_id: str | None
    body: bytes
    content_type: str
    api_version: str | None = None
    occurred_at: datetime | None = None
    origin_row: int | None = None


@dataclass(frozen=True)
class InboxRow:
    """A stored delivery and its place in the log.

    `is_collision`: its key came before with other content.
    """

    inbox_id: int
    log_seq: int
    source: str
    tenant: str
    delivery_key: str
    object_type: str | None
    object_id: str | None
    api_version: str | None
    occurred_at: datetime | None
    received_at: datetime
    content_type: str
    body: bytes
    body_sha256: str
    origin: str
    origin_row: int | None
    is_collision: bool


@dataclass(frozen=True)
class LoadResult:
    """Counts of one load: received = added + duplicates; collisions are part of added."""

    received: int
    added: int
    duplicates: int
    collisions: int
    load_id: int


@dataclass(frozen=True)
class _Arrival:
    """A record to be stored; `base_key` is the key it collides with, None when it does not."""

    record: Record
    key: str
    sha256: str
    base_key: str | None


def receive(
    connection: psycopg.Connection[Any],
    *,
    source: str,
    tenant: str,
    channel: Channel,
    origin: str,
    content: bytes,
    records: Iterable[Record],
) -> LoadResult:
    """Store the records of one load in the caller's transaction.

    The same key with the same bytes is a duplicate: counted, not stored. The same key with other
    bytes is a collision: stored under `<key>#<sha256>` and pointing to the row that came first.
    """
    # Two loads of one source must see each other's keys; other sources go on undisturbed.
    connection.execute(
        "select pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"inbox:{source}:{tenant}",)
    )
    hashed = [(record, hashlib.sha256(record.body).hexdigest()) for record in records]
    stored = _stored(connection, source, tenant, [key for r, h in hashed for key in _keys(r, h)])
    arrivals = _arrivals(hashed, {key: sha256 for key, (_, sha256) in stored.items()})
    collisions = sum(arrival.base_key is not None for arrival in arrivals)
    load_id = _write_load(
        connection,
        source=source,
        channel=channel,
        origin=origin,
        content=content,
        counts=(len(hashed), len(arrivals), len(hashed) - len(arrivals), collisions),
    )

    def rows(chosen: Iterable[_Arrival], ids: dict[str, int]) -> Iterable[Sequence[object]]:
        for arrival in chosen:
            record = arrival.record
            yield (
                source,
                tenant,
                channel,
                arrival.key,
                ids[arrival.base_key] if arrival.base_key is not None else None,
                record.object_type,
                record.object_id,
                record.api_version,
                record.occurred_at,
                record.content_type,
                record.body,
                arrival.sha256,
                origin,
                record.origin_row,
                load_id,
            )

    first = [arrival for arrival in arrivals if arrival.base_key is None]
    copy_rows(connection, "landing.inbox", _COLUMNS, rows(first, {}))
    second = [arrival for arrival in arrivals if arrival.base_key is not None]
    if second:
        bases = _stored(connection, source, tenant, [a.base_key for a in second if a.base_key])
        ids = {key: inbox_id for key, (inbox_id, _) in bases.items()}
        copy_rows(connection, "landing.inbox", _COLUMNS, rows(second, ids))
    return LoadResult(len(hashed), len(arrivals), len(hashed) - len(arrivals), collisions, load_id)


def refuse(
    connection: psycopg.Connection[Any],
    *,
    source: str,
    channel: Channel,
    origin: str,
    content: bytes,
    reason: str,
) -> int:
    """Record that a whole load was refused and why; nothing is stored. Returns its load_id."""
    return _write_load(
        connection,
        source=source,
        channel=channel,
        origin=origin,
        content=content,
        counts=(0, 0, 0, 0),
        reason=reason,
    )


def _keys(record: Record, sha256: str) -> tuple[str, str]:
    return record.delivery_key, f"{record.delivery_key}#{sha256}"


def _stored(
    connection: psycopg.Connection[Any], source: str, tenant: str, keys: list[str]
) -> dict[str, tuple[int, str]]:
    found: dict[str, tuple[int, str]] = {}
    for start in range(0, len(keys), _KEYS_PER_QUERY):
        cursor = connection.execute(
            "select delivery_key, inbox_id, body_sha256 from landing.inbox"
            " where source = %s and tenant = %s and delivery_key = any(%s)",
            (source, tenant, keys[start : start + _KEYS_PER_QUERY]),
        )
        found.update({key: (inbox_id, sha256) for key, inbox_id, sha256 in cursor})
    return found


def _arrivals(hashed: list[tuple[Record, str]], known: dict[str, str]) -> list[_Arrival]:
    """Leave out duplicates, of the store and inside the load."""
    arrivals: list[_Arrival] = []
    for record, sha256 in hashed:
        key, collision_key = _keys(record, sha256)
        if key not in known:
            arrival = _Arrival(record, key, sha256, None)
        elif known[key] != sha256 and collision_key not in known:
            arrival = _Arrival(record, collision_key, sha256, key)
        else:
            continue
        known[arrival.key] = sha256
        arrivals.append(arrival)
    return arrivals


def _write_load(
    connection: psycopg.Connection[Any],
    *,
    source: str,
    channel: Channel,
    origin: str,
    content: bytes,
    counts: tuple[int, int, int, int],
    reason: str | None = None,
) -> int:
    row = connection.execute(
        "insert into landing.load (source, channel, origin, content_sha256, received_count,"
        " added_count, duplicate_count, collision_count, refused_reason)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s, %s) returning load_id",
        (source, channel, origin, hashlib.sha256(content).hexdigest(), *counts, reason),
    ).fetchone()
    assert row is not None
    return int(row[0])
