"""How amounts and instants are stored, in every table of ours."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from revenue_pipeline.warehouse.database import Database
from tests.derivation import derive

SCHEMAS = [
    "landing",
    "canonical",
    "reference",
    "staging",
    "intermediate",
    "marts",
    "governance",
    "ledger",
    "erp",
]
# Minor units per unit of use may be a fraction of a minor unit: 0.0125 cents a call.
EXACT_FRACTIONS = {
    "unit_price_minor": "numeric",
    "unit_price_after_minor": "numeric",
    "unit_price_rounding_minor": "numeric",
    "unit_cost_minor": "numeric",
    "tier_unit_prices_minor": "numeric[]",
}
# One amount of each period or outcome.
LISTS = {"renewal_considerations_minor", "renewal_costs_minor", "outcome_amounts_minor"}

Column = tuple[str, str, str]


def columns(connection: psycopg.Connection[Any]) -> dict[Column, str]:
    """Type of every column by schema, table and name."""
    rows = connection.execute(
        """
        select
            table_schema, table_name, column_name,
            case
                when data_type <> 'ARRAY' then data_type
                when udt_name = '_int8' then 'bigint[]'
                else substr(udt_name, 2) || '[]'
            end
        from information_schema.columns
        where table_schema = any(%s)
        """,
        (SCHEMAS,),
    ).fetchall()
    return {(schema, table, column): kind for schema, table, column, kind in rows}


@pytest.fixture
def stored(database: Database, tmp_path: Path) -> dict[Column, str]:
    """Columns of an installation in which everything was built once, on no data."""
    derive(tmp_path)
    with database.connect() as connection:
        return columns(connection)


def test_amounts_are_whole_minor_units_and_nothing_is_a_float(stored):
    amounts = {column: kind for column, kind in stored.items() if column[2].endswith("_minor")}
    wrong = {
        column: kind
        for column, kind in amounts.items()
        if kind != EXACT_FRACTIONS.get(column[2], "bigint[]" if column[2] in LISTS else "bigint")
    }
    floats = {
        column
        for column, kind in stored.items()
        if kind in ("real", "double precision", "float4[]", "float8[]")
    }
    local_instants = {
        column for column, kind in stored.items() if kind == "timestamp without time zone"
    }

    assert {schema for schema, _, _ in stored} == set(SCHEMAS)
    assert len(amounts) > 50
    assert wrong == {}
    assert floats == set()
    assert local_instants == set()
