"""Migrations, and what the database itself enforces once they ran."""

import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest

from revenue_pipeline.domain.errors import MigrationError
from revenue_pipeline.paths import MIGRATIONS_DIR
from revenue_pipeline.warehouse.copy import copy_rows
from revenue_pipeline.warehouse.database import Database, open_database
from revenue_pipeline.warehouse.migrate import applied_migrations, migrate, read_migrations

Connection = psycopg.Connection[Any]


def test_migrating_twice_applies_nothing_the_second_time(connection: Connection) -> None:
    assert applied_migrations(connection).keys() == {m.version for m in read_migrations()}
    assert migrate(connection) == []


def test_an_applied_file_that_changed_is_refused(connection: Connection, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(MIGRATIONS_DIR, tmp_path / "migrations"))
    first = sorted(copied.glob("*.sql"))[0]
    first.write_text(first.read_text() + "\n")
    with pytest.raises(MigrationError, match=f"{first.stem} was changed after it was applied"):
        migrate(connection, copied)


def test_an_applied_file_that_vanished_is_refused(connection: Connection, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(MIGRATIONS_DIR, tmp_path / "migrations"))
    sorted(copied.glob("*.sql"))[-1].unlink()
    with pytest.raises(MigrationError, match="its file is missing"):
        migrate(connection, copied)


def test_a_failing_migration_leaves_nothing_behind(connection: Connection, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(MIGRATIONS_DIR, tmp_path / "migrations"))
    (copied / "9998_good.sql").write_text("create table landing.left_over (n int);")
    (copied / "9999_bad.sql").write_text("create table nowhere.at_all (n int);")
    with pytest.raises(MigrationError, match="9999_bad failed: schema"):
        migrate(connection, copied)
    assert connection.execute("select to_regclass('landing.left_over')").fetchone() == (None,)
    assert "9998_good" not in applied_migrations(connection)


def test_the_erp_role_reads_the_journal_lines_and_nothing_else(connection: Connection) -> None:
    relations = connection.execute(
        "select schemaname || '.' || tablename from pg_tables where schemaname <> 'pg_catalog'"
        " and schemaname <> 'information_schema' union all"
        " select schemaname || '.' || viewname from pg_views where schemaname <> 'pg_catalog'"
        " and schemaname <> 'information_schema'"
    ).fetchall()
    readable = {
        relation
        for (relation,) in relations
        if connection.execute(
            "select has_schema_privilege('erp_reader', split_part(%(r)s, '.', 1), 'usage')"
            " and has_table_privilege('erp_reader', %(r)s, 'select')",
            {"r": relation},
        ).fetchone()
        == (True,)
    }
    assert readable == {"erp.journal_lines"}
    connection.execute("set role erp_reader")
    assert connection.execute("select count(*) from erp.journal_lines").fetchone() == (0,)
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"),
        connection.transaction(),
    ):
        connection.execute("select * from ledger.journal_line")
    with pytest.raises(psycopg.Error, match="cannot delete from view"):
        connection.execute("delete from erp.journal_lines")


def test_copy_appends_rows_and_counts_them(connection: Connection) -> None:
    rows = [("stripe", 1), ("crm_orders", 2)]
    assert copy_rows(connection, "landing.watermark", ["consumer", "log_seq"], rows) == 2
    assert copy_rows(connection, "landing.watermark", ["consumer", "log_seq"], []) == 0
    kept = connection.execute("select consumer, log_seq from landing.watermark order by log_seq")
    assert kept.fetchall() == rows


def test_the_database_opens_again_for_a_child_that_only_has_its_environment(
    database: Database,
) -> None:
    from revenue_pipeline.settings import load_settings

    again = open_database(load_settings())
    assert again == database
    assert again.environment() == database.environment()
