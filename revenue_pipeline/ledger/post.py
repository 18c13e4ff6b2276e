"""Post what is derived and not yet posted, as balanced entries into one period."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import psycopg

from revenue_pipeline.governance.audit import record_act
from revenue_pipeline.ledger.errors import LedgerError
from revenue_pipeline.ledger.pending import derive_pending, require_allowed_rows
from revenue_pipeline.ledger.periods import ensure_periods, period_state
from revenue_pipeline.ledger.statements import lock_books, statements


@dataclass(frozen=True)
class PostingResult:
    """What one posting wrote.

    `batch_id` is None when everything was posted already; then all counts are 0. `debit_minor` is
    the sum of debits per currency in minor units; the sum of credits is the same.
    """

    batch_id: str | None
    entries: int
    lines: int
    fingerprint: str
    verdict_id: int
    debit_minor: dict[str, int] = field(default_factory=dict)


def post_period(
    connection: psycopg.Connection[Any], *, entity_id: str, period: date, run_id: str
) -> PostingResult:
    """Post the difference between the derived movements and the journal into `period`.

    A movement of economic period e belongs to the first open period from e on; one whose own period
    is closed is posted late, with its economic period kept. One entry per contract, movement,
    economic period and currency; one line per obligation and account. Everything happens in one
    transaction (the caller's, when one is open); posting again adds nothing.

    Args:
        period: First day of the month to post into.
        run_id: Kept with the batch.

    Raises:
        GateClosedError: No verdict allows the rows as they are under the rules as they are.
        SuiteError: The rules cannot be read or a gated table is missing.
        LedgerError: The entity has no such period.
    """
    sql = statements("post.sql")
    with connection.transaction():
        lock_books(connection, entity_id)
        ensure_periods(connection, entity_id, period)
        if period_state(connection, entity_id, period) is None:
            raise LedgerError(f"{entity_id} has no period {period:%Y-%m}")
        fingerprint, verdict_id = require_allowed_rows(connection, entity_id)

        keys: dict[str, object] = {"entity_id": entity_id, "posting_period": period}
        line_count, debits = derive_pending(connection, entity_id, period)
        if not line_count:
            return PostingResult(None, 0, 0, fingerprint, verdict_id)
        identified = connection.execute(sql["identify_batch"], keys).fetchone()
        assert identified is not None
        keys |= {
            "batch_id": identified[0],
            "verdict_id": verdict_id,
            "fingerprint": fingerprint,
            "line_count": line_count,
            "run_id": run_id,
        }
        connection.execute(sql["create_entries"], keys)
        connection.execute(sql["insert_batch"], keys)
        entries = connection.execute(sql["insert_entries"], keys).rowcount
        lines = connection.execute(sql["insert_lines"], keys).rowcount
        record_act(
            connection,
            actor=f"run:{run_id}",
            action="batch.posted",
            object_id=f"journal_batch:{identified[0]}",
            evidence_hash=fingerprint,
            detail={
                "entity_id": entity_id,
                "posting_period": f"{period:%Y-%m}",
                "verdict_id": verdict_id,
                "line_count": line_count,
            },
        )
    return PostingResult(identified[0], entries, lines, fingerprint, verdict_id, debits)
