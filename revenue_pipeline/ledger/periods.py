"""Accounting periods of the ledger: open until closed, closed for good."""

from datetime import date
from typing import Any

import psycopg

from revenue_pipeline.governance.audit import record_act
from revenue_pipeline.ledger.errors import LedgerError
from revenue_pipeline.ledger.pending import derive_pending, require_allowed_rows
from revenue_pipeline.ledger.statements import lock_books, statements


def ensure_periods(connection: psycopg.Connection[Any], entity_id: str, upto: date) -> int:
    """Open the periods of `entity_id` in marts.dim_period up to and including `upto`.

    Known periods keep their state. Returns how many were added.
    """
    sql = statements("periods.sql")
    with connection.transaction():
        return connection.execute(
            sql["open_missing"], {"entity_id": entity_id, "upto": upto}
        ).rowcount


def period_state(connection: psycopg.Connection[Any], entity_id: str, period: date) -> str | None:
    """Return 'open' or 'closed', or None where the entity has no such period."""
    row = connection.execute(
        "select state from ledger.period where entity_id = %s and period_start_date = %s",
        (entity_id, period),
    ).fetchone()
    return None if row is None else str(row[0])


def close_period(
    connection: psycopg.Connection[Any], entity_id: str, period: date, actor: str, reason: str
) -> bool:
    """Close `period` (first day of the month): nothing is posted into it any more.

    Returns False, and records nothing, when it was closed already.

    Raises:
        LedgerError: The period is unknown, an earlier one is open, movements due in it are not
            posted, or actor or reason is empty.
        GateClosedError: No verdict allows the rows as they are; what is due cannot be trusted.
    """
    if not actor.strip() or not reason.strip():
        raise LedgerError("closing a period needs an actor and a reason")
    sql = statements("periods.sql")
    name = f"{entity_id} {period:%Y-%m}"
    keys: dict[str, object] = {"entity_id": entity_id, "period": period}
    with connection.transaction():
        lock_books(connection, entity_id)
        ensure_periods(connection, entity_id, period)
        row = connection.execute(sql["hold_period"], keys).fetchone()
        if row is None:
            raise LedgerError(f"{name} cannot be closed: the entity has no such period")
        if row[0] == "closed":
            return False
        earlier = connection.execute(sql["first_open_before"], keys).fetchone()
        if earlier is not None and earlier[0] is not None:
            raise LedgerError(f"{name} cannot be closed: {earlier[0]:%Y-%m} is still open")
        fingerprint, verdict_id = require_allowed_rows(connection, entity_id)
        line_count, _ = derive_pending(connection, entity_id, period)
        if line_count:
            raise LedgerError(
                f"{name} cannot be closed: {line_count} journal lines due in it are not posted"
            )
        connection.execute(sql["close"], keys)
        connection.execute(sql["record_close"], {**keys, "actor": actor, "reason": reason})
        record_act(
            connection,
            actor=actor,
            action="period.closed",
            object_id=f"period:{entity_id}:{period:%Y-%m}",
            evidence_hash=fingerprint,
            detail={"reason": reason, "verdict_id": verdict_id},
        )
    return True
