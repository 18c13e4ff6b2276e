"""Writing canonical events: by COPY, all or nothing, and each event once."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
from psycopg import sql

from revenue_pipeline.canonical.models import (
    CanonicalEvent,
    ContractEvent,
    ContractLine,
    CreditEvent,
    EntitlementEvent,
    Envelope,
    FulfilmentEvent,
    InvoiceEvent,
    InvoiceLine,
    PaymentEvent,
    UsageEvent,
    content_version,
    event_id,
)
from revenue_pipeline.landing.inbox import InboxRow
from revenue_pipeline.warehouse.copy import copy_rows

_TABLES: dict[type[Envelope], str] = {
    ContractEvent: "contract_event",
    EntitlementEvent: "entitlement_event",
    InvoiceEvent: "invoice_event",
    UsageEvent: "usage_event",
    CreditEvent: "credit_event",
    PaymentEvent: "payment_event",
    FulfilmentEvent: "fulfilment_event",
}
_LINES: dict[type[Envelope], tuple[str, type[ContractLine] | type[InvoiceLine]]] = {
    ContractEvent: ("contract_line", ContractLine),
    InvoiceEvent: ("invoice_line", InvoiceLine),
}
_FROM_ROW = ("event_id", "source_version", "known_seq", "inbox_id", "payload_hash", "raw_uri")


def write_events(
    connection: psycopg.Connection[Any], rows: Iterable[tuple[InboxRow, CanonicalEvent]]
) -> dict[str, int]:
    """Add the events in the caller's transaction; returns how many were new, by event type.

    An event whose event_id is there already changes nothing: the first observation keeps its place.
    """
    by_kind: dict[type[Envelope], dict[str, tuple[InboxRow, CanonicalEvent]]] = {}
    for row, event in rows:
        by_kind.setdefault(type(event), {}).setdefault(event_id(event, row.tenant), (row, event))
    written: Counter[str] = Counter()
    for kind, events in by_kind.items():
        new = _write_kind(connection, kind, events)
        written.update(events[identity][1].event_type for identity in new)
    return dict(sorted(written.items()))


def _write_kind(
    connection: psycopg.Connection[Any],
    kind: type[Envelope],
    events: dict[str, tuple[InboxRow, CanonicalEvent]],
) -> set[str]:
    fields = [name for name in kind.model_fields if name not in {"lines", "source_version"}]
    new = _insert(
        connection,
        _TABLES[kind],
        (*_FROM_ROW, *fields),
        (
            (
                identity,
                content_version(event),
                row.log_seq,
                row.inbox_id,
                row.body_sha256,
                f"inbox:{row.inbox_id}",
                *(getattr(event, name) for name in fields),
            )
            for identity, (row, event) in events.items()
        ),
    )
    if kind in _LINES:
        table, line_kind = _LINES[kind]
        line_fields = list(line_kind.model_fields)
        copy_rows(
            connection,
            f"canonical.{table}",
            ("event_id", "line_no", *line_fields),
            (
                (identity, number, *(getattr(line, name) for name in line_fields))
                for identity, (_, event) in events.items()
                if identity in new and isinstance(event, ContractEvent | InvoiceEvent)
                for number, line in enumerate(event.lines, start=1)
            ),
        )
    return new


def _insert(
    connection: psycopg.Connection[Any],
    table: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
) -> set[str]:
    """COPY cannot skip what is there, so it fills a temporary table first."""
    target, buffer = sql.Identifier("canonical", table), f"new_{table}"
    connection.execute(
        sql.SQL("create temporary table {} (like {} including defaults) on commit drop").format(
            sql.Identifier(buffer), target
        )
    )
    copy_rows(connection, buffer, columns, rows)
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    cursor = connection.execute(
        sql.SQL(
            "insert into {} ({}) select {} from {} on conflict (event_id) do nothing"
            " returning event_id"
        ).format(target, names, names, sql.Identifier(buffer))
    )
    new = {str(row[0]) for row in cursor}
    connection.execute(sql.SQL("drop table {}").format(sql.Identifier(buffer)))
    return new
