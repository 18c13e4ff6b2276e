"""From the log to canonical events: attempts, dead letters, events and watermark at once."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
from psycopg.rows import class_row
from pydantic import ValidationError

from revenue_pipeline.canonical.models import CanonicalEvent
from revenue_pipeline.canonical.writer import write_events
from revenue_pipeline.domain.errors import MoneyError, RevenueError, UnknownCurrencyError
from revenue_pipeline.landing.inbox import InboxRow
from revenue_pipeline.landing.watermarks import newest_log_seq, read_watermark, write_watermark
from revenue_pipeline.settings import Settings, load_settings
from revenue_pipeline.sources.context import (
    ReasonCode,
    TranslationContext,
    TranslationError,
    WaitingError,
)
from revenue_pipeline.sources.registry import Adapter, adapter_for
from revenue_pipeline.warehouse.copy import copy_rows

CONSUMER = "canonical"
ROWS_IN_MEMORY = 20_000
_LOCK = 4_702_611_812
_ROW = """
    select log.inbox_id, log.log_seq, inbox.source, inbox.tenant, inbox.delivery_key,
        inbox.object_type, inbox.object_id, inbox.api_version, inbox.occurred_at,
        inbox.received_at, inbox.content_type, inbox.body, inbox.body_sha256, inbox.origin,
        inbox.origin_row, inbox.collides_with_inbox_id is not null as is_collision
    from landing.inbox_log as log
    inner join landing.inbox on log.inbox_id = inbox.inbox_id
"""
_IN_RANGE = _ROW + " where log.log_seq > %s and log.log_seq <= %s order by log.log_seq"
_WAITING = f"""{_ROW}
    inner join lateral (
        select attempt.outcome from landing.attempt
        where attempt.inbox_id = log.inbox_id order by attempt.attempt_id desc limit 1
    ) as newest on newest.outcome = 'waiting'
    where log.log_seq <= %s order by log.log_seq
"""  # noqa: S608 - constants of this module


class GapError(RevenueError):
    """A translation that would leave rows of the log behind for ever."""


@dataclass(frozen=True)
class DeadLetter:
    """A delivery that could not be translated. `origin_row` is the line in its file."""

    inbox_id: int
    origin: str
    origin_row: int | None
    reason_code: ReasonCode
    detail: str

    def __str__(self) -> str:
        place = self.origin if self.origin_row is None else f"{self.origin}:{self.origin_row}"
        return f"{place}: {self.reason_code} {self.detail}"


@dataclass(frozen=True)
class TranslationSummary:
    """What a translation did: rows by outcome, and new events by type."""

    processed: int = 0
    waiting: int = 0
    dead: int = 0
    events: dict[str, int] = field(default_factory=dict)
    dead_letters: tuple[DeadLetter, ...] = ()

    def __add__(self, other: "TranslationSummary") -> "TranslationSummary":
        """Both together."""
        return TranslationSummary(
            self.processed + other.processed,
            self.waiting + other.waiting,
            self.dead + other.dead,
            dict(sorted((Counter(self.events) + Counter(other.events)).items())),
            self.dead_letters + other.dead_letters,
        )


@dataclass(frozen=True)
class _Outcome:
    row: InboxRow
    adapter_version: str
    outcome: str
    events: Sequence[CanonicalEvent] = ()
    note: str | None = None
    reason_code: ReasonCode | None = None


def translate_range(
    connection: psycopg.Connection[Any],
    from_seq: int,
    to_seq: int,
    *,
    settings: Settings | None = None,
) -> TranslationSummary:
    """Translate the log after `from_seq` up to and including `to_seq`.

    Everything is written in one transaction (a savepoint of the caller's, if it has begun one).
    Translating rows again adds attempts but no events. Raises GapError when `from_seq` lies beyond
    the watermark.
    """
    with connection.transaction():
        _lock(connection)
        mark = read_watermark(connection, CONSUMER)
        if from_seq > mark:
            raise GapError(f"log {mark + 1} to {from_seq} is not translated yet; start at {mark}")
        context, adapters = TranslationContext(connection), _Adapters(settings or load_settings())
        summary = TranslationSummary()
        for start in range(from_seq, to_seq, ROWS_IN_MEMORY):
            rows = _rows(connection, _IN_RANGE, (start, min(start + ROWS_IN_MEMORY, to_seq)))
            outcomes = [_translate(row, adapters.of(row.source), context) for row in rows]
            summary += _write(connection, outcomes)
        write_watermark(connection, CONSUMER, to_seq)
    return summary


def translate_pending(
    connection: psycopg.Connection[Any], *, settings: Settings | None = None
) -> TranslationSummary:
    """Translate what is new in the log, then try again what waits for another delivery."""
    chosen = settings or load_settings()
    with connection.transaction():
        _lock(connection)
        mark = read_watermark(connection, CONSUMER)
        fresh = translate_range(connection, mark, newest_log_seq(connection), settings=chosen)
        context, adapters = TranslationContext(connection), _Adapters(chosen)
        rows = _rows(connection, _WAITING, (newest_log_seq(connection),))
        tried = [_translate(row, adapters.of(row.source), context) for row in rows]
        # Still waiting is no news: only a change of state is an attempt worth keeping.
        changed = [outcome for outcome in tried if outcome.outcome != "waiting"]
        retried = _write(connection, changed)
    settled = sum(outcome.row.log_seq > mark for outcome in changed)
    return replace(fresh + retried, waiting=fresh.waiting - settled)


def _lock(connection: psycopg.Connection[Any]) -> None:
    connection.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))


def _rows(
    connection: psycopg.Connection[Any], query: str, parameters: tuple[int, ...]
) -> list[InboxRow]:
    with connection.cursor(row_factory=class_row(InboxRow)) as cursor:
        return cursor.execute(query.encode(), parameters).fetchall()


class _Adapters:
    """Each source's adapter, made once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._made: dict[str, Adapter] = {}

    def of(self, source: str) -> Adapter:
        if source not in self._made:
            self._made[source] = adapter_for(source, self._settings)
        return self._made[source]


def _translate(row: InboxRow, adapter: Adapter, context: TranslationContext) -> _Outcome:
    def dead(code: ReasonCode, detail: str) -> _Outcome:
        shown = detail.replace("\x00", "\\x00").encode(errors="replace").decode()
        return _Outcome(row, adapter.version, "dead", note=shown[:1000], reason_code=code)

    try:
        events = tuple(adapter.translate(row, context))
    except TranslationError as error:
        return dead(error.reason_code, error.detail)
    except WaitingError as error:
        return _Outcome(row, adapter.version, "waiting", note=str(error))
    except UnknownCurrencyError as error:
        return dead("UNKNOWN_CURRENCY", str(error))
    except MoneyError as error:
        return dead("ARITHMETIC", str(error))
    except ValidationError as error:
        return dead("SCHEMA", _first_fault(error))
    for event in events:
        context.remember(event)
    return _Outcome(row, adapter.version, "processed", events, context.note_of(row))


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in fault["loc"])
    shown = repr(fault["input"])
    text = f"{fault['msg']} ({shown if len(shown) <= 60 else shown[:57] + '...'})"
    return f"{place}: {text}" if place else text


def _write(connection: psycopg.Connection[Any], outcomes: Sequence[_Outcome]) -> TranslationSummary:
    new = write_events(connection, ((o.row, event) for o in outcomes for event in o.events))
    copy_rows(
        connection,
        "landing.attempt",
        ("inbox_id", "log_seq", "adapter_version", "outcome", "event_count", "note"),
        (
            (o.row.inbox_id, o.row.log_seq, o.adapter_version, o.outcome, len(o.events), o.note)
            for o in outcomes
        ),
    )
    letters = tuple(
        DeadLetter(o.row.inbox_id, o.row.origin, o.row.origin_row, o.reason_code, o.note or "")
        for o in outcomes
        if o.reason_code is not None
    )
    copy_rows(
        connection,
        "landing.dead_letter",
        ("inbox_id", "stage", "reason_code", "detail"),
        ((letter.inbox_id, "translate", letter.reason_code, letter.detail) for letter in letters),
    )
    counts = Counter(outcome.outcome for outcome in outcomes)
    return TranslationSummary(counts["processed"], counts["waiting"], counts["dead"], new, letters)
