"""Fixtures every test may use: one real PostgreSQL per session, one fresh database per test."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from revenue_pipeline.paths import PROJECT_ROOT
from revenue_pipeline.warehouse.database import DAGSTER_DATABASE_NAME, DATABASE_NAME, Database
from revenue_pipeline.warehouse.embedded import EmbeddedPostgres
from revenue_pipeline.warehouse.migrate import migrate

MIGRATED = "template_migrated"
OWN_FOLDER = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Give root's run a temporary folder that no other run of pytest touches.

    They all use /tmp/pytest-of-root, and each one that starts makes it 0700 again: servers that
    run there as another account could no longer open their files.
    """
    if os.geteuid() == 0 and config.option.basetemp is None:
        config.option.basetemp = Path(tempfile.mkdtemp(prefix="revenue-tests-")) / "pytest"
        config.stash[OWN_FOLDER] = config.option.basetemp.parent


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what `pytest_configure` made; pytest keeps only what lies in its own place."""
    if OWN_FOLDER in config.stash:
        shutil.rmtree(config.stash[OWN_FOLDER])


def make_reachable(folder: Path) -> None:
    """Let the server's unprivileged account in when root runs the tests (pytest makes 0700)."""
    if os.geteuid() != 0:
        return
    stop = Path(tempfile.gettempdir()).resolve()
    for part in (folder, *folder.parents):
        if part.resolve() == stop or part == Path("/"):
            break
        part.chmod(0o755)


def recreate(cluster: EmbeddedPostgres, name: str, template: str) -> None:
    """Make `name` a fresh copy of `template`; whoever is still connected to it is thrown out."""
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        connection.execute(f"drop database if exists {name} with (force)")
        connection.execute(f"create database {name} template {template} strategy file_copy")


@pytest.fixture(autouse=True)
def _no_outside_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database of the developer's shell must never be written to by a test."""
    for name in (
        "REVENUE_DATABASE_URL",
        "REVENUE_HOME",
        "REVENUE_AGREEMENTS",
        "DAGSTER_HOME",
        "DAGSTER_PG_URL",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """The session's server (without fsync) with a migrated template database."""
    root = tmp_path_factory.mktemp("home")
    make_reachable(root)
    server = EmbeddedPostgres(root / "postgres", fast=True).start()
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"create database {MIGRATED}")
        connection.execute(f"create database {DAGSTER_DATABASE_NAME}")
    with psycopg.connect(server.url(MIGRATED), autocommit=True) as connection:
        migrate(connection)
    yield server
    server.stop("immediate")


@pytest.fixture
def database(cluster: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> Database:
    """An empty, migrated database, always called `revenue`: dbt's manifest holds that name."""
    recreate(cluster, DATABASE_NAME, MIGRATED)
    fresh = Database(cluster.url(DATABASE_NAME), cluster.root.parent)
    for name, value in fresh.environment().items():
        monkeypatch.setenv(name, value)
    return fresh


@pytest.fixture
def connection(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """A connection to `database`; what the test does not commit is rolled back."""
    with database.connect() as opened:
        yield opened
        opened.rollback()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A REVENUE_HOME of the test's own, empty; the server a test starts in it is stopped."""
    make_reachable(tmp_path)
    folder = tmp_path / "home"
    monkeypatch.setenv("REVENUE_HOME", str(folder))
    yield folder
    EmbeddedPostgres(folder / "postgres").stop("immediate")


@pytest.fixture(scope="session")
def real() -> Path:
    """Folder with recorded real input, which is not part of the project (REVENUE_REAL_DATA)."""
    folder = Path(os.environ.get("REVENUE_REAL_DATA", PROJECT_ROOT.parent / "shared" / "real"))
    if not folder.is_dir():
        pytest.skip(f"real input is not in {folder}; set REVENUE_REAL_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def derived_sample(cluster: EmbeddedPostgres) -> str:
    """Template with the sample landed, translated, derived and judged; nothing is posted yet."""
    from rich.progress import Progress

    from revenue_pipeline.operate.run import take_in_sample
    from revenue_pipeline.settings import Settings

    name = "template_sample"
    recreate(cluster, DATABASE_NAME, MIGRATED)
    built = Database(cluster.url(DATABASE_NAME), cluster.root.parent)
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in built.environment().items():
            patch.setenv(variable, value)
        from dagster import DagsterInstance

        from revenue_pipeline.operate.jobs import JobRunner

        take_in_sample(Settings(), built, Progress(disable=True))
        with JobRunner(DagsterInstance.ephemeral()) as jobs:
            jobs.run("derive")
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        # libraries keep pooled connections, and a template must have none
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s",
            (DATABASE_NAME,),
        )
        connection.execute(f"drop database if exists {name} with (force)")
        connection.execute(f"alter database {DATABASE_NAME} rename to {name}")
    return name


@pytest.fixture
def sample_database(
    cluster: EmbeddedPostgres, derived_sample: str, monkeypatch: pytest.MonkeyPatch
) -> Database:
    """A copy of the derived sample of the test's own, called `revenue` like every other."""
    recreate(cluster, DATABASE_NAME, derived_sample)
    fresh = Database(cluster.url(DATABASE_NAME), cluster.root.parent)
    for name, value in fresh.environment().items():
        monkeypatch.setenv(name, value)
    return fresh
