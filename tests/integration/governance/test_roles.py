"""Nobody changes or removes a protected row by the ways that are open to anybody."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from revenue_pipeline.domain.errors import ConfigurationError
from revenue_pipeline.governance.audit import record_act
from revenue_pipeline.governance.tables import CURRENT_STATE, SCHEMAS
from revenue_pipeline.governance.verify import seal_waiting, verify
from revenue_pipeline.operate.verify import run_verify
from revenue_pipeline.settings import Settings
from revenue_pipeline.warehouse.database import Database
from revenue_pipeline.warehouse.embedded import EmbeddedPostgres
from revenue_pipeline.warehouse.migrate import migrate
from tests.conftest import MIGRATED, recreate
from tests.integration.governance.filled import (
    columns,
    fill,
    identifier,
    lift_rules,
    protected_tables,
)

Connection = psycopg.Connection[Any]

ROLES = ["postgres", "revenue_app", "revenue_auditor", "erp_reader", "stranger"]
ACTIONS = {
    "update": "update {table} set {column} = {column}",
    "delete": "delete from {table}",
    "truncate": "truncate {table} cascade",
    "merge": "merge into {table} using (select 1) as s on true when matched then delete",
}


@pytest.fixture(scope="module")
def logins(cluster: EmbeddedPostgres) -> Iterator[None]:
    """Two logins: the owner of a database, who is no superuser, and one without any grant."""
    with psycopg.connect(cluster.url(), autocommit=True) as server:
        for name in ("books_owner", "stranger"):
            server.execute(sql.SQL("create role {} login").format(sql.Identifier(name)))
        server.execute("create database owned owner books_owner")
        yield
        server.execute("drop database owned with (force)")
        for name in ("books_owner", "stranger"):
            server.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


def as_user(cluster: EmbeddedPostgres, user: str, database: str) -> Connection:
    url = cluster.url(database).replace("//postgres@", f"//{user}@")
    return psycopg.connect(url, autocommit=True)


def plain_columns(connection: Connection) -> dict[str, str]:
    """A column of each protected table that is no identity: that one refuses for other reasons."""
    return {
        table: next(c.name for c in columns(connection, table) if not c.is_key)
        for table in protected_tables(connection)
    }


def refused(connection: Connection, table: str, name: str) -> list[str]:
    """Actions on the table that the database refuses; even where no row is touched."""
    found = []
    for action, text in ACTIONS.items():
        statement = sql.SQL(text).format(table=identifier(table), column=sql.Identifier(name))
        try:
            with connection.transaction(force_rollback=True):
                connection.execute(statement)
        except psycopg.errors.InsufficientPrivilege:
            found.append(action)
    return found


@pytest.mark.parametrize("role", ROLES)
def test_no_role_changes_or_removes_a_row_of_any_protected_table(
    filled: Connection, logins: None, role: str
) -> None:
    tables = plain_columns(filled)
    assert len(tables) > 25
    filled.execute(sql.SQL("set role {}").format(sql.Identifier(role)))
    try:
        allowed = {table: refused(filled, table, name) for table, name in tables.items()}
    finally:
        filled.execute("reset role")
    assert {table: actions for table, actions in allowed.items() if actions != list(ACTIONS)} == {}


def test_the_owner_of_the_database_by_an_ordinary_login_does_not_either(
    cluster: EmbeddedPostgres, logins: None
) -> None:
    with as_user(cluster, "books_owner", "owned") as owner:
        migrate(owner)
        assert owner.execute(
            "select rolsuper or rolcreaterole from pg_roles where rolname = current_user"
        ).fetchone() == (False,)
        tables = plain_columns(owner)
        allowed = {table: refused(owner, table, name) for table, name in tables.items()}
        assert {table: done for table, done in allowed.items() if done != list(ACTIONS)} == {}
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            owner.execute("set session_replication_role = replica")
        record_act(
            owner,
            actor="owner",
            action="period.closed",
            object_id="period:US:2025-01",
            evidence_hash="h",
            detail={},
        )
        assert verify(owner).is_clean


def test_every_table_is_protected_or_known_to_hold_a_current_state(filled: Connection) -> None:
    """Protected is what refuses change, has its rows hashed and is readable by the auditor."""
    schemas = filled.execute(
        "select nspname from pg_namespace where nspname !~ '^pg_'"
        " and nspname not in ('information_schema', 'public')"
    ).fetchall()
    assert {name for (name,) in schemas} == {*SCHEMAS}
    tables = filled.execute(
        "select schemaname || '.' || tablename from pg_tables where schemaname = any(%s)",
        (list(SCHEMAS),),
    ).fetchall()
    assert {*protected_tables(filled), *CURRENT_STATE} == {name for (name,) in tables}
    assert verify(filled).is_clean  # a table without its guards is a finding
    unread = [
        table
        for table in protected_tables(filled)
        if filled.execute(
            "select has_table_privilege('revenue_auditor', %s, 'select')", (table,)
        ).fetchone()
        != (True,)
    ]
    assert unread == []


def test_a_period_is_never_removed(connection: Connection) -> None:
    for statement in ("delete from ledger.period", "truncate ledger.period cascade"):
        with (
            pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"),
            connection.transaction(),
        ):
            connection.execute(statement)


def test_the_application_fills_every_table_and_each_row_is_chained(
    cluster: EmbeddedPostgres, logins: None
) -> None:
    recreate(cluster, "filled_by_application", MIGRATED)
    with psycopg.connect(cluster.url("filled_by_application"), autocommit=True) as connection:
        lift_rules(connection)
        connection.execute("set role revenue_app")
        fill(connection)
        connection.execute("reset role")
        result = verify(connection)
    with psycopg.connect(cluster.url(), autocommit=True) as server:
        server.execute("drop database filled_by_application with (force)")
    assert result.findings == []
    assert (result.rows["governance.chain"], result.waiting) == (len(result.rows) - 2, 0)


@pytest.mark.parametrize("table", ["governance.digest", "governance.chain", "governance.unsealed"])
@pytest.mark.parametrize("role", ["revenue_app", "revenue_auditor"])
def test_only_the_database_writes_the_chain(
    filled: Connection, logins: None, role: str, table: str
) -> None:
    with filled.transaction(force_rollback=True):
        filled.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
        assert filled.execute(
            sql.SQL("select count(*) > -1 from {}").format(identifier(table))
        ).fetchone() == (True,)
        for statement in ("insert into {} default values", "delete from {}"):
            with (
                pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"),
                filled.transaction(),
            ):
                filled.execute(sql.SQL(statement).format(identifier(table)))


def test_an_act_carries_what_its_writer_cannot_choose(database: Database) -> None:
    with database.connect(autocommit=True) as connection:
        for _ in range(2):
            connection.execute("set role revenue_app")
            row = connection.execute(
                "insert into governance.audit_log (actor, action, object_id, evidence_hash, login,"
                " acted_at, head_link_no) values ('a', 'period.closed', 'o', 'e', 'forged',"
                " '2020-01-01', 7) returning login, acted_at > '2026-01-01', head_link_no"
            ).fetchone()
            connection.execute("reset role")
        assert row == ("postgres", True, 1)


def test_the_auditor_verifies_and_writes_nothing(database: Database) -> None:
    with database.connect(autocommit=True) as connection:
        connection.execute("set role revenue_auditor")
        assert seal_waiting(connection) == 0
        assert verify(connection).is_clean


def test_an_auditors_login_runs_the_command_on_a_database_it_cannot_write(
    cluster: EmbeddedPostgres,
    database: Database,
    logins: None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url = cluster.url("revenue").replace("//postgres@", "//stranger@")
    settings = Settings(home=tmp_path, database_url=url)
    with database.connect(autocommit=True) as owner:
        owner.execute("grant revenue_auditor to stranger")
        try:
            assert run_verify(settings, [], as_json=False) == 0
            assert "clean" in capsys.readouterr().out
            owner.execute("delete from public.schema_migration where version like '0007%'")
            with pytest.raises(ConfigurationError, match="0007_chain differs"):
                run_verify(settings, [], as_json=False)
        finally:
            owner.execute("revoke revenue_auditor from stranger")
