"""What exactly a verdict is about: a hash of every row of one entity in the gated tables."""

import hashlib
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

from revenue_pipeline.quality.errors import SuiteError
from revenue_pipeline.quality.suites import ERP_JOURNALS, gated_tables, load_suites

# Rows are hashed before they are sorted and joined: 32 bytes each, whatever their width.
_HASH_ROWS = """
    select count(*), coalesce(encode(sha256(string_agg(hash, ''::bytea order by hash)), 'hex'), '')
    from (
        select sha256(convert_to(entry::text, 'UTF8')) as hash
        from {} as entry
        where entity_id = %s
    ) as hashed
"""


def entity_fingerprint(
    connection: psycopg.Connection[Any], entity_id: str, tables: Sequence[str] | None = None
) -> str:
    """Hash all rows of `entity_id` in `tables` and hold the tables still.

    The order in which rows are stored does not matter. Until the caller's transaction ends, readers
    go on and writers wait, so what is read later in it is what was hashed.

    Args:
        tables: schema.table each, with a column entity_id; the tables of the gate erp_journals by
            default.

    Returns:
        `<row count>:<sha256 in hex>`.

    Raises:
        SuiteError: A table has not been built.
    """
    names = gated_tables(load_suites(ERP_JOURNALS)) if tables is None else tuple(tables)
    # The text of a row depends on these; the same rows must give the same hash in any session.
    connection.execute("set local timezone = 'UTC'")
    connection.execute("set local extra_float_digits = 1")
    # One order for everybody, or two sessions could wait for each other.
    for name in sorted(names):
        found = connection.execute("select to_regclass(%s)", (name,)).fetchone()
        if found is None or found[0] is None:
            raise SuiteError(f"{name} has not been built yet; run the derivation first")
        relation = sql.Identifier(*name.split("."))
        connection.execute(sql.SQL("lock table {} in share mode").format(relation))

    total = 0
    digest = hashlib.sha256()
    for name in sorted(names):
        relation = sql.Identifier(*name.split("."))
        row = connection.execute(sql.SQL(_HASH_ROWS).format(relation), (entity_id,)).fetchone()
        assert row is not None
        total += row[0]
        digest.update(f"{name} {row[0]} {row[1]}\n".encode())
    return f"{total}:{digest.hexdigest()}"
