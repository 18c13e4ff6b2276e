"""The command that computes the chain again, and notes its head outside the database."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import psycopg
from rich.console import Console

from revenue_pipeline.governance.heads import note_head, noted_heads
from revenue_pipeline.governance.verify import Head, Verification, seal_waiting, verify
from revenue_pipeline.settings import Settings
from revenue_pipeline.warehouse.database import open_to_read


def run_verify(settings: Settings, heads: Sequence[str], *, as_json: bool) -> int:
    """Verify, print, and note the head in REVENUE_HOME. Returns 0 when clean, else 1."""
    given = [Head.parse(text) for text in heads]
    database = open_to_read(settings)
    known = noted_heads(settings.home, database.name())
    with database.connect(autocommit=True) as connection:
        seal_waiting(connection)
    with database.connect() as connection:
        _stand_still(connection)
        result = verify(connection, [*known, *given])
    if result.is_clean and result.head is not None:
        note_head(settings.home, database.name(), result.head)
    console = Console(highlight=False, soft_wrap=True)
    if as_json:
        console.print(json.dumps(_told(result), indent=2), markup=False)
    else:
        for line in _report(result):
            console.print(line, markup=False)
    return 0 if result.is_clean else 1


def _stand_still(connection: psycopg.Connection[Any]) -> None:
    """One snapshot for everything, and no writing by mistake."""
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True


def _told(result: Verification) -> dict[str, object]:
    return {
        "clean": result.is_clean,
        "head": None if result.head is None else str(result.head),
        "rows": result.rows,
        "waiting": result.waiting,
        "finding_count": result.finding_count,
        "findings": [asdict(finding) for finding in result.findings],
    }


def _report(result: Verification) -> list[str]:
    lines = [f"{count:>12,}  {table}" for table, count in result.rows.items()]
    if result.waiting:
        lines.append(f"{result.waiting:>12,}  digests that wait for their link")
    if result.finding_count:
        lines.append(f"touched: {result.findings[0]}")
        lines += [f"         {finding}" for finding in result.findings[1:]]
        more = result.finding_count - len(result.findings)
        lines += [f"         and {more:,} more"] if more else []
    elif result.head is None:
        lines.append("clean: nothing is chained yet")
    else:
        lines.append("clean: every row is as it was written")
    if result.head is not None:
        lines.append(f"head of the chain, keep it outside: {result.head}")
    return lines
