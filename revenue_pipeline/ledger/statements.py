"""SQL kept in .sql files beside the modules, in sections headed `-- name: <section>`."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import psycopg

_HEADING = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def statements(file: str) -> dict[str, bytes]:
    """Sections of `file` by name. Bytes, because psycopg takes no dynamic text as a query."""
    text = (Path(__file__).parent / file).read_text(encoding="utf-8")
    parts = _HEADING.split(text)[1:]
    return {name: body.strip().encode() for name, body in zip(parts[::2], parts[1::2], strict=True)}


def lock_books(connection: psycopg.Connection[Any], entity_id: str) -> None:
    """Wait until no other transaction posts or closes `entity_id`; held until this one ends."""
    connection.execute(
        "select pg_advisory_xact_lock(hashtext('close'), hashtext(%s))", (entity_id,)
    )
