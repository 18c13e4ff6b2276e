"""Delivering the events of cases as every source does: inbox, log, translation."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import psycopg

from revenue_pipeline.cases.files import Case
from revenue_pipeline.landing.inbox import Record, receive
from revenue_pipeline.landing.sequencer import sequence
from revenue_pipeline.settings import Settings
from revenue_pipeline.sources.cases.adapter import OPENING, record_of
from revenue_pipeline.sources.cases.envelope import SOURCE
from revenue_pipeline.sources.translate import translate_pending

CLOSE = "period_closed"


def segments(case: Case) -> list[tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
    """The events in order of arrival, cut at the closes: what arrives, and what is closed then.

    A rate holds for every book of the case, so it arrives with the names of all of them.
    """
    entities = [name.partition("/")[2] for name in case.entity_ids[1:]]
    parts: list[tuple[list[dict[str, Any]], list[dict[str, Any]]]] = [([], [])]
    for event in ([_opening(case)] if case.opening_balances else []) + case.events:
        if event["type"] == CLOSE:
            parts[-1][1].append(event)
        else:
            if parts[-1][1]:
                parts.append(([], []))
            rate = entities and event["type"] == "fx_rate_published"
            parts[-1][0].append({**event, "entities": entities} if rate else event)
    return parts


def load(
    connection: psycopg.Connection[Any],
    arrivals: Iterable[tuple[str, list[dict[str, Any]]]],
    settings: Settings,
) -> None:
    """Land the events of each case in order and translate all.

    An id that came before is a load of its own, so that the inbox can tell what it ignored.
    """
    with connection.transaction():
        known = _known(connection)
        for case_id, events in arrivals:
            batch: list[Record] = []
            for event in events:
                key = (case_id, str(event["id"]))
                if key in known:
                    _land(connection, case_id, case_id, batch)
                    batch = []
                    _land(connection, case_id, "#".join(key), [record_of(event)])
                else:
                    known.add(key)
                    batch.append(record_of(event))
            _land(connection, case_id, case_id, batch)
        sequence(connection)
    translate_pending(connection, settings=settings)


def _known(connection: psycopg.Connection[Any]) -> set[tuple[str, str]]:
    rows = connection.execute(
        "select tenant, delivery_key from landing.inbox where source = %s", (SOURCE,)
    ).fetchall()
    return {(str(tenant), str(key)) for tenant, key in rows}


def _land(
    connection: psycopg.Connection[Any], case_id: str, origin: str, records: list[Record]
) -> None:
    if records:
        receive(
            connection,
            source=SOURCE,
            tenant=case_id,
            channel="file",
            origin=origin,
            content=b"\n".join(record.body for record in records),
            records=records,
        )


def faults(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """Why events of a case have no meaning, by case; the first of each. A collision is none."""
    rows = connection.execute(
        """
        select distinct on (inbox.tenant)
            inbox.tenant,
            coalesce(letter.reason_code || ' ' || letter.detail, attempt.note, 'not translated')
        from landing.inbox
        left join lateral (
            select newest.outcome, newest.note from landing.attempt as newest
            where newest.inbox_id = inbox.inbox_id order by newest.attempt_id desc limit 1
        ) as attempt on true
        left join landing.dead_letter as letter on inbox.inbox_id = letter.inbox_id
        where
            inbox.source = %s
            and attempt.outcome is distinct from 'processed'
            and letter.reason_code is distinct from 'COLLISION'
        order by inbox.tenant, inbox.inbox_id
        """,
        (SOURCE,),
    ).fetchall()
    return {str(tenant): str(reason) for tenant, reason in rows}


def ignored(connection: psycopg.Connection[Any], case_id: str) -> dict[str, int]:
    """How often each event came again with the same content."""
    rows = connection.execute(
        "select split_part(origin, '#', 2), sum(duplicate_count)::bigint from landing.load"
        " where source = %s and split_part(origin, '#', 1) = %s and duplicate_count > 0 group by 1",
        (SOURCE, case_id),
    ).fetchall()
    return {str(event_id): int(times) for event_id, times in rows}


def rejected(connection: psycopg.Connection[Any], case_id: str) -> set[str]:
    """Ids of events that came again with other content."""
    rows = connection.execute(
        "select split_part(delivery_key, '#', 1) from landing.inbox"
        " where source = %s and tenant = %s and collides_with_inbox_id is not null",
        (SOURCE, case_id),
    ).fetchall()
    return {str(row[0]) for row in rows}


def _opening(case: Case) -> dict[str, Any]:
    first = min(date.fromisoformat(event["occurred_on"]) for event in case.events)
    return {
        "id": "opening-balances",
        "type": OPENING,
        "occurred_on": (first - timedelta(days=1)).isoformat(),
        "data": {"balances": case.opening_balances},
    }
