"""The embedded server: one per home, whatever is killed, whoever comes first."""

import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from revenue_pipeline.domain.errors import ConfigurationError, ServerError
from revenue_pipeline.paths import PROJECT_ROOT
from revenue_pipeline.settings import Settings, load_settings
from revenue_pipeline.warehouse import account, embedded
from revenue_pipeline.warehouse.database import Database, embedded_server, open_database
from revenue_pipeline.warehouse.embedded import EmbeddedPostgres, bin_dir

OPEN_AND_TELL_THE_PID = """
from revenue_pipeline.settings import load_settings
from revenue_pipeline.warehouse import account, embedded
from revenue_pipeline.warehouse.database import embedded_server, open_database
open_database(load_settings())
print(embedded_server(load_settings()).postmaster_pid())
"""


def start(home: Path) -> Database:
    """Open the database of a home and leave one committed row in it."""
    database = open_database(Settings(home=home))
    with database.connect() as connection:
        connection.execute("insert into landing.watermark values ('kept', 1)")
    return database


def kept_rows(database: Database) -> list[tuple[str, int]]:
    with database.connect() as connection:
        return connection.execute("select consumer, log_seq from landing.watermark").fetchall()


def pid_of(home: Path) -> int:
    pid = embedded_server(Settings(home=home)).postmaster_pid()
    assert pid is not None
    return pid


def kill(pid: int) -> None:
    victim = psutil.Process(pid)
    assert victim.is_running()
    assert victim.status() != psutil.STATUS_ZOMBIE
    assert victim.name().startswith("postgres")
    victim.send_signal(signal.SIGKILL)


@contextmanager
def foreign_process() -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid
        process.kill()


def test_committed_rows_survive_a_killed_postmaster(home: Path) -> None:
    database = start(home)
    first = pid_of(home)
    with psycopg.connect(database.url) as connection:
        connection.execute("insert into landing.watermark values ('never committed', 2)")
        kill(first)
        again = open_database(Settings(home=home))
        with pytest.raises(psycopg.OperationalError):
            connection.commit()
    assert pid_of(home) != first
    assert kept_rows(again) == [("kept", 1)]


def test_committed_rows_survive_a_killed_backend(home: Path) -> None:
    database = start(home)
    with psycopg.connect(database.url) as connection:
        kill(connection.info.backend_pid)
        again = open_database(Settings(home=home))
        with pytest.raises(psycopg.OperationalError):
            connection.execute("select 1")
    assert kept_rows(again) == [("kept", 1)]


def test_processes_that_start_at_once_share_one_server(home: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN_AND_TELL_THE_PID],
            stdout=subprocess.PIPE,
            cwd=PROJECT_ROOT,
            env={**os.environ, "REVENUE_HOME": str(home)},
        )
        for _ in range(3)
    ]
    told = {process.communicate(timeout=60)[0].decode().strip() for process in processes}
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert told == {str(pid_of(home))}


def test_a_later_process_finds_the_running_server(home: Path) -> None:
    start(home)
    first = pid_of(home)
    told = subprocess.check_output(
        [sys.executable, "-c", OPEN_AND_TELL_THE_PID],
        cwd=PROJECT_ROOT,
        env={**os.environ, "REVENUE_HOME": str(home)},
        text=True,
    )
    assert int(told) == first
    assert psutil.Process(first).is_running()  # and the process that ended did not take it along


def test_stopping_ends_the_server_and_keeps_the_rows(home: Path) -> None:
    start(home)
    pid = pid_of(home)
    server = embedded_server(Settings(home=home))
    assert server.stop() is True
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    assert not server.is_ready()
    assert server.stop() is False
    assert kept_rows(open_database(Settings(home=home))) == [("kept", 1)]


def test_a_long_project_path_gets_a_short_socket(home: Path) -> None:
    long_home = home / ("a" * 60) / ("b" * 60)
    database = start(long_home)
    server = embedded_server(Settings(home=long_home))
    try:
        assert len(str(server.socket_dir)) < 60
        assert server.data.is_relative_to(long_home)
        assert kept_rows(database) == [("kept", 1)]
    finally:
        server.stop("immediate")
        shutil.rmtree(server.socket_dir)


def test_two_homes_never_meet(home: Path) -> None:
    other_home = home.parent / "other"
    database = start(home)
    other = open_database(Settings(home=other_home))
    try:
        assert pid_of(home) != pid_of(other_home)
        assert kept_rows(other) == []
        embedded_server(Settings(home=other_home)).stop()
        assert kept_rows(database) == [("kept", 1)]
    finally:
        embedded_server(Settings(home=other_home)).stop("immediate")


def test_a_stale_pid_file_does_not_keep_the_server_down(home: Path) -> None:
    start(home)
    server = embedded_server(Settings(home=home))
    server.stop()
    with foreign_process() as stranger:
        for content in (f"{stranger}\n", "4194303\n", "", "no number\n"):
            (server.data / "postmaster.pid").write_text(content)
            assert kept_rows(open_database(Settings(home=home))) == [("kept", 1)], content
            server.stop()


def test_a_pid_file_that_names_the_server_of_another_home_is_stale(
    home: Path, cluster: EmbeddedPostgres
) -> None:
    start(home)
    server = embedded_server(Settings(home=home))
    server.stop()
    neighbour = cluster.postmaster_pid()
    (server.data / "postmaster.pid").write_text(f"{neighbour}\n")
    assert kept_rows(open_database(Settings(home=home))) == [("kept", 1)]
    assert cluster.postmaster_pid() == neighbour
    assert cluster.is_ready()


def test_only_a_private_socket_listens(home: Path) -> None:
    database = start(home)
    server = embedded_server(Settings(home=home))
    with database.connect() as connection:
        assert connection.execute("show listen_addresses").fetchone() == ("",)
        assert connection.execute("show fsync").fetchone() == ("on",)
    assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE(server.data.stat().st_mode) == 0o700


def test_ctrl_c_in_the_terminal_does_not_reach_the_server(home: Path) -> None:
    start(home)
    assert os.getsid(pid_of(home)) != os.getsid(0)


def test_a_database_url_starts_nothing(
    home: Path, cluster: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVENUE_DATABASE_URL", cluster.url("elsewhere"))
    database = open_database(load_settings())
    try:
        assert database.url == cluster.url("elsewhere")
        assert kept_rows(database) == []
        assert not home.exists()
    finally:
        with psycopg.connect(cluster.url(), autocommit=True) as connection:
            connection.execute("drop database elsewhere with (force)")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://nobody@127.0.0.1:1/revenue", "cannot reach the database"),
        ("postgresql://nobody@127.0.0.1:1", "names no database"),
        ("sqlite:///revenue.db", "is not a PostgreSQL URL"),
    ],
)
def test_a_database_url_that_does_not_work_is_explained(home: Path, url: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        open_database(Settings(home=home, database_url=url))
    assert not home.exists()


def test_a_password_reaches_every_client_and_no_representation() -> None:
    database = Database("postgresql://app:p%40ss%24%2F%25x%23%C3%A9@db.example:6543/revenue")
    assert database.environment()["PGPASSWORD"] == "p@ss$/%x#é"
    assert database.sqlalchemy_url("psycopg2") == (
        "postgresql+psycopg2://app:p%40ss%24%2F%25x%23%C3%A9@db.example:6543/revenue"
    )
    assert "ss%24" not in repr(database)


def test_files_that_are_no_cluster_are_left_alone(home: Path) -> None:
    data = home / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "thesis.txt").write_text("the only copy")
    with pytest.raises(ServerError, match="move them away"):
        open_database(Settings(home=home))
    assert (data / "thesis.txt").read_text() == "the only copy"


def test_a_cluster_of_another_version_is_refused(home: Path) -> None:
    start(home)
    server = embedded_server(Settings(home=home))
    server.stop()
    (server.data / "PG_VERSION").write_text("16\n")
    with pytest.raises(ServerError, match="was written by PostgreSQL 16"):
        open_database(Settings(home=home))


needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root starts the server under another account"
)


@needs_root
def test_a_home_the_account_cannot_enter_keeps_its_cluster_elsewhere(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "SHARED_DIR", tmp_path / "shared")
    home.mkdir(mode=0o700)
    database = start(home)
    server = embedded_server(Settings(home=home))
    assert server.root.parent == tmp_path / "shared"
    assert stat.S_IMODE(home.stat().st_mode) == 0o700  # nobody's folders are opened
    kill(pid_of(home))
    assert kept_rows(open_database(Settings(home=home))) == [("kept", 1)]
    assert database.url == server.url("revenue")
    server.stop("immediate")
    shutil.rmtree(home)
    home.mkdir(mode=0o700)
    assert kept_rows(open_database(Settings(home=home))) == []  # a new home, not the old one


@needs_root
def test_programs_the_account_cannot_reach_are_copied_once(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "SHARED_DIR", tmp_path / "shared")
    package = bin_dir().parent.parent
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    shutil.copytree(bin_dir().parent, private / package.name / bin_dir().parent.name)
    shutil.copytree(package.with_name(f"{package.name}.libs"), private / f"{package.name}.libs")
    programs = private / package.name / bin_dir().parent.name / "bin"
    monkeypatch.setattr(embedded, "bin_dir", lambda: programs)
    assert kept_rows(start(home)) == [("kept", 1)]
    executable = Path(psutil.Process(pid_of(home)).exe())
    assert executable.is_relative_to(tmp_path / "shared")
    assert len(list((tmp_path / "shared").iterdir())) == 1


@needs_root
def test_a_home_the_account_cannot_enter_is_named_where_nothing_else_can_be_written(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(account, "SHARED_DIR", tmp_path / "file" / "shared")
    home.mkdir(mode=0o700)
    with pytest.raises(ServerError, match=f"cannot enter {home} .* chmod o\\+x {home}"):
        open_database(Settings(home=home))
