"""The log of deliveries and the events translated from it."""

from collections.abc import Iterator

import dagster as dg

from revenue_pipeline.defs.conventions import CANONICAL_TABLES, OWNERS
from revenue_pipeline.defs.resources import WarehouseResource
from revenue_pipeline.landing.sequencer import sequence
from revenue_pipeline.landing.watermarks import newest_log_seq, read_watermark
from revenue_pipeline.sources.translate import CONSUMER, translate_pending, translate_range

_GRAIN = {
    "contract_event": "one row per event of a contract, from signature to termination",
    "contract_line": "one row per contract event and line; all lines, or those that change",
    "price_component": "one row per contract event and part of the price that may vary",
    "invoice_event": "one row per event of an invoice",
    "invoice_line": "one row per invoice event and line; amounts exclude tax",
    "usage_event": "one row per measured use",
    "entitlement_event": "one row per grant of a meter to a contract",
    "credit_event": "one row per event of a credit note",
    "credit_line": "one row per event of a credit note and line; amounts exclude tax",
    "credit_settlement": "one row per event of a credit note and way in which it is settled",
    "payment_event": "one row per payment, refund, dispute or write-off",
    "fulfilment_event": "one row per delivery of a promised item",
    "estimate_event": "one row per estimate, report of progress or lapse of a right",
    "fx_rate_event": "one row per published exchange rate",
    "balance_event": "one row per balance that the books opened with",
}


class LogRange(dg.Config):
    """Which part of the log to translate: after `from_seq`, up to and including `to_seq`.

    Unset, it is everything new. Translating a part again adds no event.
    """

    from_seq: int | None = None
    to_seq: int | None = None


@dg.asset(
    key=["landing", "inbox_log"],
    group_name="landing",
    kinds={"python", "postgres"},
    owners=OWNERS,
    pool="landing",
)
def inbox_log(warehouse: WarehouseResource) -> dg.MaterializeResult[None]:
    """Deliveries in the order in which they became visible; what everything else is derived from.

    Grain: one row per delivery. Append only; a delivery that arrives twice is there once.
    """
    with warehouse.connect() as connection:
        added = sequence(connection)
        newest = newest_log_seq(connection)
    return dg.MaterializeResult(
        metadata={"rows_added": added, "dagster/row_count": newest, "newest_log_seq": newest},
        data_version=dg.DataVersion(str(newest)),
    )


@dg.multi_asset(
    name="canonical_events",
    specs=[
        dg.AssetSpec(
            ["canonical", table],
            deps=[["landing", "inbox_log"]],
            description=f"Events in one vocabulary, whatever their source. Grain: {_GRAIN[table]}."
            " Append only; amounts are minor units.",
            group_name="canonical",
            kinds={"python", "postgres"},
            owners=OWNERS,
        )
        for table in CANONICAL_TABLES
    ],
    pool="landing",
)
def canonical_events(
    config: LogRange, warehouse: WarehouseResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Translate deliveries; events, outcomes and watermark are written in one transaction."""
    with warehouse.connect() as connection:
        before = read_watermark(connection, CONSUMER)
        newest = newest_log_seq(connection)
        start = before if config.from_seq is None else config.from_seq
        end = newest if config.to_seq is None else config.to_seq
        processed = waiting = dead = 0
        events: dict[str, int] = {}
        if start < before or end < newest:
            summary = translate_range(connection, start, end)
            processed, waiting, dead = summary.processed, summary.waiting, summary.dead
            events = dict(summary.events)
        if end >= newest:  # only a complete log can tell what still waits in vain
            rest = translate_pending(connection)
            processed += rest.processed
            waiting += rest.waiting
            dead += rest.dead
            events = {k: events.get(k, 0) + rest.events.get(k, 0) for k in {*events, *rest.events}}
        mark = read_watermark(connection, CONSUMER)
        rows = {table: _count(connection, table) for table in CANONICAL_TABLES}
    outcome = {"log_from": start, "log_to": end, "processed": processed}
    outcome |= {"waiting": waiting, "dead_letters": dead}
    for table, count in rows.items():
        yield dg.MaterializeResult(
            asset_key=["canonical", table],
            metadata={"dagster/row_count": count, **outcome, "events_added": events},
            data_version=dg.DataVersion(f"{mark}:{count}"),
        )


def _count(connection: object, table: str) -> int:
    import psycopg
    from psycopg import sql

    assert isinstance(connection, psycopg.Connection)
    query = sql.SQL("select count(*) from {}").format(sql.Identifier("canonical", table))
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])
