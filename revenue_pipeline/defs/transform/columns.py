"""What a built table looks like: columns and rows, read from the warehouse, not from dbt."""

from collections.abc import Iterable, Mapping
from typing import Any

import psycopg
from psycopg import sql

Columns = dict[str, dict[str, str]]

_COLUMNS = """
    select attribute.attname, format_type(attribute.atttypid, attribute.atttypmod)
    from pg_attribute as attribute
    where attribute.attrelid = to_regclass(%s) and attribute.attnum > 0
        and not attribute.attisdropped
    order by attribute.attnum
"""


def columns_of(connection: psycopg.Connection[Any], schema: str, table: str) -> Columns:
    """Name and type of each column, in the form dagster-dbt reads; empty for an unknown table."""
    rows = connection.execute(_COLUMNS, (f'"{schema}"."{table}"',)).fetchall()
    return {name: {"data_type": kind} for name, kind in rows}


def columns_of_nodes(
    connection: psycopg.Connection[Any], manifest: Mapping[str, Any], unique_ids: Iterable[str]
) -> dict[str, Columns]:
    """Columns of the relations that dbt nodes stand for, by unique id."""
    nodes = {**manifest["nodes"], **manifest["sources"]}
    return {
        unique_id: columns_of(
            connection,
            nodes[unique_id]["schema"],
            nodes[unique_id].get("alias") or nodes[unique_id]["name"],
        )
        for unique_id in unique_ids
    }


def table_facts(connection: psycopg.Connection[Any], schema: str, table: str) -> dict[str, int]:
    """Row count, and the sum of each amount column per currency in minor units."""
    columns = columns_of(connection, schema, table)
    relation = sql.Identifier(schema, table)
    row = connection.execute(sql.SQL("select count(*) from {}").format(relation)).fetchone()
    assert row is not None
    facts = {"dagster/row_count": int(row[0])}
    # Some columns hold a list of amounts, one of each period.
    amounts = [
        name
        for name, column in columns.items()
        if name.endswith("_minor") and not column["data_type"].endswith("[]")
    ]
    if "currency_code" in columns and amounts:
        facts |= _sums(connection, relation, amounts)
    return facts


def _sums(
    connection: psycopg.Connection[Any], relation: sql.Identifier, amounts: Iterable[str]
) -> dict[str, int]:
    names = list(amounts)
    query = sql.SQL(
        "select currency_code, {sums} from {relation} group by currency_code order by currency_code"
    ).format(
        sums=sql.SQL(", ").join(
            sql.SQL("coalesce(sum({}), 0)").format(sql.Identifier(name)) for name in names
        ),
        relation=relation,
    )
    return {
        f"{name} {code}": int(total)
        for code, *totals in connection.execute(query).fetchall()
        for name, total in zip(names, totals, strict=True)
    }
