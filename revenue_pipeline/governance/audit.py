"""The log of acts: who did what to which object, and on what evidence."""

from collections.abc import Mapping
from typing import Any, Literal

import psycopg
from psycopg.types.json import Jsonb

Action = Literal["verdict.stored", "batch.posted", "period.closed"]


def record_act(
    connection: psycopg.Connection[Any],
    *,
    actor: str,
    action: Action,
    object_id: str,
    evidence_hash: str,
    detail: Mapping[str, object],
) -> int:
    """Append an act in the transaction that performs it, and return its act_id.

    The database adds its own account, the time, and the head of the chain at that moment.

    Args:
        actor: A person, or `run:<id>` where a run acts by itself.
        object_id: `<table>:<key>`, the key's parts joined by colons.
        evidence_hash: Hash of what was decided on: a fingerprint of rows or an id that is a hash.
    """
    row = connection.execute(
        "insert into governance.audit_log (actor, action, object_id, evidence_hash, detail)"
        " values (%s, %s, %s, %s, %s) returning act_id",
        (actor, action, object_id, evidence_hash, Jsonb(detail)),
    ).fetchone()
    assert row is not None
    return int(row[0])
