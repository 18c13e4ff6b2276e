"""The embedded server dies in the middle of the main job; the next run ends like any other."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest

from revenue_pipeline.warehouse.database import DATABASE_NAME
from revenue_pipeline.warehouse.embedded import EmbeddedPostgres
from tests.conftest import make_reachable

pytestmark = pytest.mark.slow

REVENUE = Path(sys.executable).with_name("revenue")
PATIENCE_SECONDS = 300


def command(home: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(REVENUE), *words],
        env={**os.environ, "REVENUE_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run_to_the_end(home: Path) -> str:
    job = command(home, "run")
    output, _ = job.communicate(timeout=PATIENCE_SECONDS)
    assert job.returncode == 0, output
    return output


def report(home: Path) -> str:
    printed = command(home, "report")
    output, _ = printed.communicate(timeout=PATIENCE_SECONDS)
    assert printed.returncode == 0, output
    return output


def wait_for_batches(server: EmbeddedPostgres, count: int, job: subprocess.Popen[str]) -> None:
    """Return once so many journals are posted while the job still runs."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        assert job.poll() is None, "the job ended before it could be disturbed"
        try:
            with psycopg.connect(server.url(DATABASE_NAME)) as connection:
                row = connection.execute("select count(*) from ledger.journal_batch").fetchone()
            if row is not None and row[0] >= count:
                return
        except (psycopg.OperationalError, psycopg.errors.UndefinedTable):
            pass  # not up yet, or not migrated yet
        time.sleep(0.1)
    pytest.fail("no journal was posted in time")


def test_the_next_run_after_kill_9_reports_what_an_undisturbed_run_reports(tmp_path: Path) -> None:
    make_reachable(tmp_path)
    quiet, disturbed = tmp_path / "quiet", tmp_path / "disturbed"
    servers = [EmbeddedPostgres(home / "postgres") for home in (quiet, disturbed)]
    try:
        run_to_the_end(quiet)
        expected = report(quiet)
        job = command(disturbed, "run")
        wait_for_batches(servers[1], 5, job)
        pid = servers[1].postmaster_pid()
        assert pid is not None
        assert psutil.pid_exists(pid), "the victim must be alive"

        os.kill(pid, signal.SIGKILL)
        told, _ = job.communicate(timeout=PATIENCE_SECONDS)

        assert job.returncode != 0
        assert "Traceback" not in told
        assert "run the command again" in told.splitlines()[-1]
        run_to_the_end(disturbed)
        assert report(disturbed) == expected
        assert "42" in expected  # rules were judged, so the comparison is of something
    finally:
        for server in servers:
            server.stop("immediate")
