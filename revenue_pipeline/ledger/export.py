"""The canonical form of a period's journal: the bytes that a replay must reproduce."""

import hashlib
import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import psycopg

from revenue_pipeline.ledger.statements import statements


def journal_bytes(
    connection: psycopg.Connection[Any], entity_id: str, period: date
) -> Iterator[bytes]:
    """Lines posted into `period`, one JSON object each, in one order, whatever server and locale.

    Keys are sorted, texts are UTF-8 as they are, days are ISO, amounts are integers in minor units,
    debit positive; every line ends with a line feed. Nothing in it depends on when or where it was
    posted: no times, no runs, no verdicts, no places in the log.
    """
    sql = statements("export.sql")
    keys = {"entity_id": entity_id, "period": period}
    with connection.cursor(name="journal_export") as cursor:
        cursor.execute(sql["journal"], keys)
        assert cursor.description is not None
        names = [column.name for column in cursor.description]
        for row in cursor:
            values = {
                name: value.isoformat() if isinstance(value, date) else value
                for name, value in zip(names, row, strict=True)
            }
            text = json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
            yield text.encode() + b"\n"


def journal_sha256(
    connection: psycopg.Connection[Any], entity_id: str, period: date
) -> tuple[str, int]:
    """Hex sha256 of `journal_bytes`, and the number of lines."""
    digest, count = hashlib.sha256(), 0
    for line in journal_bytes(connection, entity_id, period):
        digest.update(line)
        count += 1
    return digest.hexdigest(), count
