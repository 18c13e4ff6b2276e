"""Tiny hand-made books: what the derivation would leave behind, small enough to check by hand.

US: contract C1 (9000 for 90 days from 1 January, billed up front, 200 of usage in February) and C2
(5900 for 59 days, billed in February, so an asset in January); C3 is quarantined. DE is broken on
purpose: no gate of US may see it.
"""

from pathlib import Path
from typing import Any

import psycopg

BOOKS = Path(__file__).with_name("books.sql")


EVENT = """
insert into canonical.{table} (
    event_id, event_type, source_system, source_object, source_id, source_version, occurred_at,
    recorded_at, known_seq, inbox_id, entity_id, payload_hash, raw_uri, schema_version,
    adapter_version, {columns})
values (
    '{event_id}', '{event_type}', 'crm', 'object', '{event_id}', '1', '2025-01-01',
    '2025-01-01', 1, 1, 'US', 'hash', 'inbox:1', '1', '1', {values})
"""


def usage(event_id: str, usage_id: str, quantity: int, day: str) -> str:
    """SQL that records one usage event of US on contract C1."""
    return EVENT.format(
        table="usage_event",
        event_id=event_id,
        event_type="usage.recorded",
        columns="usage_id, customer_id, contract_id, meter, quantity, usage_at, usage_date",
        values=f"'{usage_id}', 'K1', 'C1', 'api', {quantity}, '{day}', '{day}'",
    )


def contract(contract_id: str) -> str:
    """SQL that records the signature of a contract of US."""
    return EVENT.format(
        table="contract_event",
        event_id=f"signed-{contract_id}",
        event_type="contract.signed",
        columns="contract_id, contract_version, customer_id, currency_code, signed_date,"
        " effective_date",
        values=f"'{contract_id}', 1, 'K1', 'USD', '2025-01-01', '2025-01-01'",
    )


def write_books(connection: psycopg.Connection[Any]) -> None:
    """Create and fill the books and commit."""
    statements = [
        BOOKS.read_text(),
        *(contract(name) for name in ("C1", "C2", "C3")),
        usage("e1", "u1", 20, "2025-02-03"),
        usage("e2", "u2", 7, "2025-04-02"),
        usage("e3", "u3", 1, "2025-02-05"),
        usage("e4", "u3", 2, "2025-02-05"),
    ]
    for statement in statements:
        connection.execute(statement.encode())
    connection.commit()
