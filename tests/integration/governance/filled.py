"""Every protected table with rows in every column, made from the catalog: none is forgotten."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from revenue_pipeline.governance.tables import CHAIN, CURRENT_STATE, SCHEMAS

ROWS = 3
BOOKKEEPING = ("xid8", "pg_snapshot")  # numbers of one server's transactions are not hashed
Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Column:
    """A column, and the type behind its domain."""

    name: str
    kind: str
    is_key: bool
    is_nullable: bool


def identifier(table: str) -> sql.Identifier:
    return sql.Identifier(*table.split("."))


def protected_tables(connection: Connection) -> list[str]:
    """Every table of our schemas that is not declared to hold a current state."""
    rows = connection.execute(
        "select schemaname || '.' || tablename as name from pg_tables"
        " where schemaname = any(%s) order by name",
        (list(SCHEMAS),),
    )
    return [name for (name,) in rows if name not in CURRENT_STATE]


def columns(connection: Connection, table: str) -> list[Column]:
    rows = connection.execute(
        "select attname, coalesce(nullif(typbasetype, 0), pg_type.oid)::regtype::text,"
        " attnum = any(coalesce(indkey::smallint[], '{}')), not attnotnull"
        " from pg_attribute as attribute inner join pg_type on atttypid = pg_type.oid"
        " left join pg_index on attrelid = indrelid and indisprimary"
        " where attribute.attrelid = %s::regclass and attnum > 0 and not attisdropped"
        " order by attnum",
        (table,),
    )
    return [Column(*row) for row in rows]


def lift_rules(connection: Connection) -> None:
    """Take away what keeps made-up values out; what guards rows and hashes them stays."""
    connection.execute("""
        do $$
        declare rule record;
        begin
            for rule in
                select coalesce('table ' || nullif(conrelid, 0)::regclass::text,
                    'domain ' || contypid::regtype::text) as place, conname as name
                from pg_constraint inner join pg_namespace on connamespace = pg_namespace.oid
                where contype in ('c', 'f')
                    and nspname not in ('pg_catalog', 'information_schema')
            loop
                execute format('alter %s drop constraint %I', rule.place, rule.name);
            end loop;
            for rule in
                select attrelid::regclass::text as place, attname as name
                from pg_attribute inner join pg_class on attrelid = pg_class.oid
                where attidentity <> '' and relkind = 'r'
            loop
                execute format('alter table %s alter column %I drop identity', rule.place,
                    rule.name);
                execute format('create sequence %I.%I', split_part(rule.place, '.', 1),
                    split_part(rule.place, '.', 2) || '_made');
                execute format('alter table %s alter column %I set default nextval(%L)', rule.place,
                    rule.name, rule.place || '_made');
            end loop;
            for rule in
                select tgrelid::regclass::text as place, tgname as name
                from pg_trigger inner join pg_proc on tgfoid = pg_proc.oid
                where not tgisinternal and proname in ('entries_balance', 'period_is_open')
            loop
                execute format('drop trigger %I on %s', rule.name, rule.place);
            end loop;
        end $$
    """)


def value(column: Column, number: int, row: Mapping[str, object]) -> object:
    """A value of the column in the row of this number; every one ends in the number's digit."""
    text = f"{column.name}-{number}"
    body = row.get(column.name.removesuffix("_sha256"))
    if column.name.endswith("_sha256") and isinstance(body, bytes):
        return hashlib.sha256(body).hexdigest()
    made: dict[str, object] = {
        "text": text,
        "boolean": True,
        "smallint": number,
        "integer": number,
        "bigint": number,
        "numeric": Decimal(f"10.{number}"),
        "date": date(2025, 1, number),
        "timestamp with time zone": datetime(2025, 1, 1, 12, 30, number, 250_001, tzinfo=UTC),
        "bytea": text.encode(),
        "jsonb": Jsonb({"note": text, "amount": number}),
        "text[]": [f"{text}-1", text],
        "bigint[]": [1, number + 1],
        "numeric[]": [Decimal("1.10"), Decimal(number + 1)],
        "xid8": str(number),
        "pg_snapshot": f"{number}:{number}:",
    }
    return made[column.kind]


def fill(connection: Connection) -> None:
    """Put ROWS rows into every protected table and commit each; the acts come last."""
    tables = [table for table in protected_tables(connection) if table not in CHAIN]
    for table in sorted(tables, key=lambda name: name == "governance.audit_log"):
        kinds = columns(connection, table)
        with connection.transaction():
            rows = []
            for number in range(1, ROWS + 1):
                row: dict[str, object] = {}
                for column in kinds:
                    row[column.name] = value(column, number, row)
                rows.append(list(row.values()))
            names = sql.SQL(", ").join(sql.Identifier(column.name) for column in kinds)
            places = sql.SQL("({})").format(sql.SQL(", ").join([sql.Placeholder()] * len(kinds)))
            connection.execute(
                sql.SQL("insert into {} ({}) values {}").format(
                    identifier(table), names, sql.SQL(", ").join([places] * ROWS)
                ),
                [item for row_values in rows for item in row_values],
            )
    with connection.transaction():
        connection.execute(
            "insert into ledger.period select entity_id, period_start_date, state"
            " from ledger.period_event"
        )
