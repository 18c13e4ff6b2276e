"""Verdicts: written once, asked for by the journal."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from revenue_pipeline.governance.audit import record_act
from revenue_pipeline.quality.errors import GateClosedError


def record_verdict(
    connection: psycopg.Connection[Any],
    *,
    gate: str,
    entity_id: str,
    fingerprint: str,
    suite_hash: str,
    rules_evaluated: int,
    broken_rules: Sequence[str],
    detail: Mapping[str, object],
    run_id: str,
) -> int:
    """Append a verdict, positive exactly when no rule is broken, and the act; returns its id."""
    row = connection.execute(
        """
        insert into governance.gate_verdict (
            gate, entity_id, fingerprint, suite_hash, passed, rules_evaluated, broken_rules,
            detail, run_id
        ) values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        returning verdict_id
        """,
        (
            gate,
            entity_id,
            fingerprint,
            suite_hash,
            not broken_rules,
            rules_evaluated,
            list(broken_rules),
            Jsonb(detail),
            run_id,
        ),
    ).fetchone()
    assert row is not None
    record_act(
        connection,
        actor=f"run:{run_id}",
        action="verdict.stored",
        object_id=f"gate_verdict:{row[0]}",
        evidence_hash=fingerprint,
        detail={
            "gate": gate,
            "entity_id": entity_id,
            "passed": not broken_rules,
            "suite_hash": suite_hash,
        },
    )
    return int(row[0])


def require_open_gate(
    connection: psycopg.Connection[Any],
    gate: str,
    entity_id: str,
    fingerprint: str,
    suite_hash: str,
) -> int:
    """Return the verdict that allows these rows under these rules.

    Raises:
        GateClosedError: The newest verdict on them is negative, or there is none.
    """
    latest = connection.execute(
        """
        select verdict_id, fingerprint, suite_hash, passed, broken_rules
        from governance.gate_verdict
        where gate = %s and entity_id = %s
        order by (fingerprint = %s and suite_hash = %s) desc, verdict_id desc
        limit 1
        """,
        (gate, entity_id, fingerprint, suite_hash),
    ).fetchone()
    place = f"gate {gate} of {entity_id} is closed"
    if latest is None:
        raise GateClosedError(f"{place}: no verdict yet; run the gate first")
    verdict_id, seen, judged_by, passed, broken = latest
    if seen != fingerprint:
        raise GateClosedError(f"{place}: its rows changed since verdict {verdict_id}; judge again")
    if judged_by != suite_hash:
        raise GateClosedError(f"{place}: its rules changed since verdict {verdict_id}; judge again")
    if not passed:
        raise GateClosedError(f"{place}: verdict {verdict_id} refused it for {', '.join(broken)}")
    return int(verdict_id)
