"""Writing canonical events: by COPY, all or nothing, and each event once."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from pydantic import BaseModel

from revenue_pipeline.canonical.models import (
    BalanceEvent,
    CanonicalEvent,
    ContractEvent,
    ContractLine,
    CreditEvent,
    CreditLine,
    CreditSettlement,
    EntitlementEvent,
    Envelope,
    EstimateEvent,
    FulfilmentEvent,
    FxRateEvent,
    InvoiceEvent,
    InvoiceLine,
    PaymentEvent,
    PriceComponent,
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
    EstimateEvent: "estimate_event",
    FxRateEvent: "fx_rate_event",
    BalanceEvent: "balance_event",
}


@dataclass(frozen=True)
class _Children:
    """Parts of an event with a table of their own, numbered from 1."""

    field: str
    table: str
    number: str
    kind: type[BaseModel]


_CHILDREN: dict[type[Envelope], tuple[_Children, ...]] = {
    ContractEvent: (
        _Children("lines", "contract_line", "line_no", ContractLine),
        _Children("price_components", "price_component", "component_no", PriceComponent),
    ),
    InvoiceEvent: (_Children("lines", "invoice_line", "line_no", InvoiceLine),),
    CreditEvent: (
        _Children("lines", "credit_line", "line_no", CreditLine),
        _Children("settlements", "credit_settlement", "line_no", CreditSettlement),
    ),
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
    children = _CHILDREN.get(kind, ())
    apart = {"source_version", *(child.field for child in children)}
    fields = [name for name in kind.model_fields if name not in apart]
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
                *_values(event, fields),
            )
            for identity, (row, event) in events.items()
        ),
    )
    for child in children:
        child_fields = list(child.kind.model_fields)
        copy_rows(
            connection,
            f"canonical.{child.table}",
            ("event_id", child.number, *child_fields),
            (
                (identity, number, *_values(part, child_fields))
                for identity, (_, event) in events.items()
                if identity in new
                for number, part in enumerate(getattr(event, child.field), start=1)
            ),
        )
    return new


def _values(model: BaseModel, fields: Sequence[str]) -> Iterator[object]:
    for name in fields:
        value = getattr(model, name)
        # the driver writes a list as an array, a tuple as a record
        yield list(value) if isinstance(value, tuple) else value


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
