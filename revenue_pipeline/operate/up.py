"""Serve the Dagster UI: web server and daemon until Ctrl-C."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from rich.console import Console

from revenue_pipeline.domain.errors import ConfigurationError
from revenue_pipeline.operate.instance import prepare_dagster_home
from revenue_pipeline.paths import PROJECT_ROOT
from revenue_pipeline.settings import Settings
from revenue_pipeline.warehouse.database import embedded_server, open_database

HOST = "127.0.0.1"
START_SECONDS = 120
STOP_SECONDS = 15

_Children = Sequence["subprocess.Popen[bytes]"]


def serve(settings: Settings, port: int) -> int:
    """Serve until Ctrl-C or SIGTERM, then stop what was started. Returns the exit code.

    Raises ConfigurationError when the port is taken: a second pair on one database would leave two
    daemons launching the same runs.
    """
    console = Console(highlight=False)
    _require_free(port)
    ours = settings.database_url is None and not embedded_server(settings).is_ready()
    children: list[subprocess.Popen[bytes]] = []
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        home = prepare_dagster_home(open_database(settings))
        console.print("starting the web server and the daemon ...")
        children = _start(home, port)
        _wait_until_served(children, port)
        console.print(f"Dagster UI: http://{HOST}:{port} (Ctrl-C stops it)")
        return _wait(children, console)
    except KeyboardInterrupt:
        console.print("\nstopping ...")
        return 0
    finally:
        # a second Ctrl-C must not leave a daemon behind
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _stop(children)
        if ours:
            embedded_server(settings).stop()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, previous)


def _start(home: Path, port: int) -> list["subprocess.Popen[bytes]"]:
    workspace = str(PROJECT_ROOT / "workspace.yaml")
    programs = [
        ["dagster-webserver", "-h", HOST, "-p", str(port), "-w", workspace],
        ["dagster-daemon", "run", "-w", workspace],
    ]
    children = []
    for name, *arguments in programs:
        log = home / f"{name}.log"
        with log.open("ab") as output:
            children.append(
                subprocess.Popen(
                    [str(Path(sys.executable).with_name(name)), *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=PROJECT_ROOT,
                    env={**os.environ, "PYTHONWARNINGS": "ignore"},
                    # Ctrl-C reaches us alone; we stop them in order
                    start_new_session=True,
                )
            )
    return children


def _require_free(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise ConfigurationError(
                f"port {port} cannot be used ({error.strerror}); choose another with --port"
            ) from None


def _wait_until_served(children: _Children, port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        _require_alive(children)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.2)
    raise ConfigurationError(f"the web server did not answer within {START_SECONDS} seconds")


def _require_alive(children: _Children) -> None:
    for child in children:
        if child.poll() is not None:
            program = Path(str(child.args[0])).name if isinstance(child.args, list) else "a child"
            raise ConfigurationError(
                f"{program} ended with code {child.returncode};"
                f" see {program}.log in REVENUE_HOME/dagster"
            )


def _wait(children: _Children, console: Console) -> int:
    while True:
        time.sleep(0.5)
        try:
            _require_alive(children)
        except ConfigurationError as error:
            console.print(str(error), style="red", markup=False)
            return 1


def _stop(children: _Children) -> None:
    """SIGTERM first, so that runs are marked as cancelled; what hangs is killed."""
    for child in children:
        if child.poll() is None:
            child.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for child in children:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=max(0.1, deadline - time.monotonic()))
        # code servers of this session would linger until their heartbeat lapses
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
        child.wait()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
