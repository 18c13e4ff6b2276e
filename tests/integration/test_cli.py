"""The `revenue` command as a person meets it: a real process, its output and its exit code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from revenue_pipeline.paths import PROJECT_ROOT

HEAVY = ("dagster", "dbt", "great_expectations", "pandas", "psycopg", "sqlalchemy", "pydantic")


def revenue(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "revenue_pipeline.cli", *arguments],
        cwd=PROJECT_ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_help_names_every_command_and_loads_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "revenue_pipeline.cli", "--help"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    for command in [
        *(
            "run",
            "up",
            "ingest",
            "sample",
            "cases",
            "policy",
            "derive",
            "close",
            "verify",
            "report",
            "psql",
        ),
        *("doctor", "stop"),
    ]:
        assert f" {command} " in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "typer" in imported
    assert imported.isdisjoint(HEAVY)


def test_psql_starts_the_server_and_stop_stops_it(home: Path) -> None:
    done = revenue("psql", "-c", "select 6 * 7 as answer", "-c", "select current_database()")
    assert done.returncode == 0, done.stderr
    assert "42" in done.stdout
    assert "revenue" in done.stdout
    assert revenue("stop").stdout == f"database server in {home} stopped\n"
    assert revenue("stop").stdout == f"database server in {home} was not running\n"


def test_psql_passes_on_that_the_sql_failed(home: Path) -> None:
    done = revenue("psql", "-c", "select nonsense")
    assert done.returncode == 1
    assert 'column "nonsense" does not exist' in done.stderr


def test_doctor_starts_nothing_and_follows_the_state(home: Path) -> None:
    done = revenue("doctor")
    assert done.returncode == 0, done.stdout
    assert "server: stopped; the next command starts it" in done.stdout
    assert not home.exists()
    revenue("psql", "-c", "select 1")
    done = revenue("doctor")
    assert done.returncode == 0, done.stdout
    assert "server: up" in done.stdout
    assert "applied, none changed" in done.stdout


def test_doctor_fails_on_a_migration_that_was_changed(home: Path) -> None:
    changed = revenue(
        "psql", "-c", "update public.schema_migration set sha256 = 'x' where version ~ '0003'"
    )
    assert changed.returncode == 0, changed.stderr
    done = revenue("doctor")
    assert done.returncode == 1
    assert "fail  migrations: changed after they were applied: 0003" in done.stdout
    refused = revenue("psql", "-c", "select 1")
    assert refused.returncode == 1
    assert "was changed after it was applied" in refused.stderr


def test_doctor_names_a_home_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = revenue("doctor", REVENUE_HOME=str(tmp_path / "file"))
    assert done.returncode == 1
    assert f"fail  home: {tmp_path / 'file'} is a file; set REVENUE_HOME" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "environment", "says"),
    [
        (["stop"], {"REVENUE_DATABASE_URL": "postgresql://a@b/c"}, "is not ours to stop"),
        (["psql"], {"REVENUE_DATABASE_URL": "postgresql://a@127.0.0.1:1/c"}, "cannot reach"),
        (["close", "--entity", "US", "--period", "2025-13"], {}, "write it as YYYY-MM"),
    ],
)
def test_an_error_of_ours_is_one_line_without_a_traceback(
    home: Path, arguments: list[str], environment: dict[str, str], says: str
) -> None:
    done = revenue(*arguments, **environment)
    assert done.returncode == 1
    assert done.stderr.startswith("revenue: ")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_the_bytecode_cache_is_on_whatever_the_environment_says() -> None:
    code = (
        "import sys, os, revenue_pipeline.cli as c; c._use_bytecode_cache();"
        "print(sys.dont_write_bytecode, 'PYTHONDONTWRITEBYTECODE' in os.environ)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT_ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False False\n"
