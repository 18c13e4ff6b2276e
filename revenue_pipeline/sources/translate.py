"""From the log to canonical events: one range, one transaction, every delivery accounted for."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import psycopg

from revenue_pipeline.canonical.models import Event
from revenue_pipeline.canonical.writer import Origin, write_events
from revenue_pipeline.landing.watermarks import newest_log_seq, read_watermark, write_watermark
from revenue_pipeline.settings import Settings, load_settings
from revenue_pipeline.sources.contract import (
    Adapter,
    InboxRow,
    TranslationError,
    WaitingError,
)
from revenue_pipeline.sources.registry import adapter_for, entity_for
from revenue_pipeline.warehouse.copy import copy_rows

CONSUMER = "canonical"

_READ = """
    select inbox.inbox_id, inbox_log.log_seq, inbox.source, inbox.tenant, inbox.delivery_key,
        inbox.object_type, inbox.object_id, inbox.api_version, inbox.body, inbox.body_sha256,
        inbox.origin, inbox.origin_row, inbox.collides_with_inbox_id is not null
    from landing.inbox_log
    inner join landing.inbox on inbox_log.inbox_id = inbox.inbox_id
    where inbox_log.log_seq > %(from_seq)s and inbox_log.log_seq <= %(to_seq)s
        and not exists (
            select 1 from landing.attempt
            where attempt.inbox_id = inbox.inbox_id and attempt.outcome <> 'waiting'
        )
    order by inbox_log.log_seq
"""


@dataclass(slots=True)
class TranslationSummary:
    """What a range became. Rows already dealt with in an earlier run are not counted again."""

    from_seq: int
    to_seq: int
    processed: int = 0
    waiting: int = 0
    dead: int = 0
    written: dict[str, int] = field(default_factory=dict)
    dead_by_reason: Counter[str] = field(default_factory=Counter)


def translate_pending(
    connection: psycopg.Connection[Any], settings: Settings | None = None
) -> TranslationSummary:
    """Translate what the watermark has not reached, and try again what waited."""
    from_seq, to_seq = read_watermark(connection, CONSUMER), newest_log_seq(connection)
    waiting = connection.execute(
        """
        select min(newest.log_seq) from (
            select distinct on (inbox_id) log_seq, outcome from landing.attempt
            order by inbox_id, attempt_id desc
        ) as newest where newest.outcome = 'waiting'
        """
    ).fetchone()
    if waiting is not None and waiting[0] is not None:
        from_seq = min(from_seq, waiting[0] - 1)
    return translate_range(connection, from_seq, to_seq, settings)


def translate_range(
    connection: psycopg.Connection[Any],
    from_seq: int,
    to_seq: int,
    settings: Settings | None = None,
) -> TranslationSummary:
    """Translate log rows in (from_seq, to_seq] in the caller's transaction.

    Attempts, dead letters, events and the watermark are written together or not at all. A range
    that was translated before adds nothing.
    """
    settings = settings or load_settings()
    # Two translations of one range would both see its rows as new.
    connection.execute("select pg_advisory_xact_lock(hashtextextended('canonical.translate', 0))")
    summary = TranslationSummary(from_seq, to_seq)
    adapters: dict[str, Adapter] = {}
    events: list[tuple[Origin, Event]] = []
    attempts: list[tuple[object, ...]] = []
    dead: list[tuple[object, ...]] = []
    for values in connection.execute(_READ, {"from_seq": from_seq, "to_seq": to_seq}).fetchall():
        row = InboxRow(*values)
        if row.source not in adapters:
            adapters[row.source] = adapter_for(row.source, settings)
        adapter = adapters[row.source]
        origin = Origin(row.inbox_id, row.log_seq, row.tenant, row.body_sha256, adapter.version)
        try:
            translation = adapter.translate(row, entity_for(row.source, row.tenant))
        except WaitingError as error:
            summary.waiting += 1
            attempts.append((row.inbox_id, row.log_seq, adapter.version, "waiting", 0, str(error)))
        except TranslationError as error:
            summary.dead += 1
            summary.dead_by_reason[error.reason_code] += 1
            attempts.append((row.inbox_id, row.log_seq, adapter.version, "dead", 0, error.detail))
            dead.append((row.inbox_id, "translate", error.reason_code, error.detail))
        else:
            summary.processed += 1
            attempts.append(
                (
                    row.inbox_id,
                    row.log_seq,
                    adapter.version,
                    "processed",
                    len(translation.events),
                    translation.note,
                )
            )
            events.extend((origin, event) for event in translation.events)
    copy_rows(
        connection,
        "landing.attempt",
        ("inbox_id", "log_seq", "adapter_version", "outcome", "event_count", "note"),
        attempts,
    )
    copy_rows(
        connection, "landing.dead_letter", ("inbox_id", "stage", "reason_code", "detail"), dead
    )
    summary.written = write_events(connection, events)
    write_watermark(connection, CONSUMER, to_seq)
    return summary
