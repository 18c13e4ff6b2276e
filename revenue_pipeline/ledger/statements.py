"""The ledger's SQL, and the lock its statements run under."""

from pathlib import Path
from typing import Any

import psycopg

from revenue_pipeline.warehouse.sections import read_sections


def statements(file: str) -> dict[str, bytes]:
    """Sections of a .sql file of this package by name."""
    return read_sections(Path(__file__).parent / file)


def lock_books(connection: psycopg.Connection[Any], entity_id: str) -> None:
    """Wait until no other transaction posts or closes `entity_id`; held until this one ends."""
    connection.execute(
        "select pg_advisory_xact_lock(hashtext('close'), hashtext(%s))", (entity_id,)
    )
