"""What is wrong with an installation, and what to do about it. Starts and changes nothing."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from revenue_pipeline.domain.errors import RevenueError
from revenue_pipeline.paths import DBT_PROJECT_DIR, PROJECT_ROOT
from revenue_pipeline.settings import Settings
from revenue_pipeline.warehouse.account import server_account
from revenue_pipeline.warehouse.database import DATABASE_NAME, Database, embedded_server
from revenue_pipeline.warehouse.embedded import bin_dir
from revenue_pipeline.warehouse.migrate import applied_migrations, read_migrations

DISTRIBUTION = "revenue-pipeline"
OLDEST_PYTHON = (3, 11)
GIGABYTE = 1024**3


@dataclass(frozen=True)
class Finding:
    """One line of the examination. `warn` works but deserves a look; `fail` does not work."""

    state: Literal["ok", "warn", "fail"]
    subject: str
    text: str


def examine(settings: Settings) -> list[Finding]:
    """All findings, in the order in which one would repair them."""
    return [
        *_python(),
        *_packages(),
        *_programs(),
        *_home(settings),
        *_disk(settings),
        *_server(settings),
        *_manifest(settings),
    ]


def _python() -> Iterator[Finding]:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:  # an old interpreter can still run this file
        yield Finding(
            "fail", "python", f"{found} is too old; install 3.11 or newer, then make setup"
        )
    else:
        yield Finding("ok", "python", f"{found} in {sys.prefix}")


def _packages() -> Iterator[Finding]:
    try:
        requirements = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        yield Finding("fail", "packages", "the project is not installed here; run: make setup")
        return
    wanted = [_name(line) for line in requirements if "extra ==" not in line]
    locked = _locked_versions()
    missing, differing = [], []
    for name in wanted:
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            missing.append(name)
            continue
        if locked.get(name, version) != version:
            differing.append(f"{name} {version} (locked {locked[name]})")
    if missing:
        yield Finding("fail", "packages", f"missing: {', '.join(missing)}; run: make setup")
    if differing:
        yield Finding("warn", "packages", f"not as locked: {', '.join(differing)}; run: make setup")
    if not missing and not differing:
        yield Finding("ok", "packages", f"{len(wanted)} direct dependencies as locked")


def _name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def _locked_versions() -> dict[str, str]:
    lock = PROJECT_ROOT / "requirements.lock"
    if not lock.exists():
        return {}
    pins = re.findall(
        r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)", lock.read_text(), re.MULTILINE
    )
    return {name.lower().replace("_", "-"): version for name, version in pins}


def _programs() -> Iterator[Finding]:
    try:
        program = bin_dir() / "postgres"
        done = subprocess.run(
            [str(program), "--version"], capture_output=True, text=True, check=False
        )
    except (RevenueError, OSError) as error:
        yield Finding("fail", "programs", f"{error}; run: make setup")
        return
    if done.returncode == 0:
        yield Finding("ok", "programs", f"{done.stdout.strip()} in {program.parent}")
    else:
        yield Finding("fail", "programs", f"{program} does not run: {done.stderr.strip()}")


def _home(settings: Settings) -> Iterator[Finding]:
    existing = next(p for p in (settings.home, *settings.home.parents) if p.exists())
    if not existing.is_dir():
        yield Finding("fail", "home", f"{existing} is a file; set REVENUE_HOME to a folder")
        return
    if not os.access(existing, os.W_OK | os.X_OK):
        yield Finding(
            "fail", "home", f"cannot write {existing}; set REVENUE_HOME to a folder of your own"
        )
        return
    made = "" if existing == settings.home else " (made by the first command)"
    yield Finding("ok", "home", f"{settings.home}{made}")


def _disk(settings: Settings) -> Iterator[Finding]:
    existing = next(p for p in (settings.home, *settings.home.parents) if p.exists())
    free = shutil.disk_usage(existing).free
    text = f"{free / GIGABYTE:.1f} GB free"
    if free < GIGABYTE // 4:
        yield Finding("fail", "disk", f"{text}; the database needs room: free some, or move home")
    elif free < 2 * GIGABYTE:
        yield Finding("warn", "disk", f"{text}; write-ahead logs alone may take 2 GB")
    else:
        yield Finding("ok", "disk", text)


def _server(settings: Settings) -> Iterator[Finding]:
    if settings.database_url:
        yield from _migrations(Database(settings.database_url, settings.home), "external server")
        return
    server = embedded_server(settings)
    try:
        server_account(server.data)
        ready = server.is_ready()
    except RevenueError as error:
        yield Finding("fail", "server", str(error))
        return
    if ready:
        yield from _migrations(
            Database(server.url(DATABASE_NAME), settings.home), f"up, cluster in {server.root}"
        )
    elif server.log.exists() and (server.data / "postmaster.pid").exists():
        yield Finding(
            "warn", "server", f"was killed; the next command recovers it (log: {server.log})"
        )
    else:
        yield Finding("ok", "server", "stopped; the next command starts it")


def _migrations(database: Database, place: str) -> Iterator[Finding]:
    try:
        with database.connect(autocommit=True) as connection:
            applied = applied_migrations(connection)
    except RevenueError as error:
        yield Finding("fail", "server", f"{error}; is it up, and does the database exist?")
        return
    yield Finding("ok", "server", place)
    known = {migration.version: migration.sha256 for migration in read_migrations()}
    foreign = sorted(set(applied) - set(known))
    changed = sorted(version for version in applied if known.get(version, "") != applied[version])
    missing = sorted(set(known) - set(applied))
    if foreign:
        yield Finding(
            "fail", "migrations", f"{', '.join(foreign)} came from newer code; update the code"
        )
    elif changed:
        yield Finding(
            "fail",
            "migrations",
            f"changed after they were applied: {', '.join(changed)}; restore them",
        )
    elif missing:
        yield Finding("ok", "migrations", f"{len(missing)} to apply; the next command does it")
    else:
        yield Finding("ok", "migrations", f"{len(applied)} applied, none changed")


def _manifest(settings: Settings) -> Iterator[Finding]:
    manifest = settings.home / "dbt" / "manifest.json"
    if not manifest.exists():
        yield Finding("ok", "dbt manifest", "not made yet; revenue run or revenue up makes it")
        return
    made = manifest.stat().st_mtime
    newer = sorted(path for path in _dbt_files() if path.stat().st_mtime > made)
    if newer:
        yield Finding(
            "warn",
            "dbt manifest",
            f"older than {newer[0].relative_to(PROJECT_ROOT)}; revenue run makes it anew",
        )
    else:
        yield Finding("ok", "dbt manifest", "fresh")


def _dbt_files() -> Iterator[Path]:
    for folder in ("models", "macros", "seeds", "tests"):
        for path in (DBT_PROJECT_DIR / folder).rglob("*"):
            if path.suffix in {".sql", ".yml", ".csv"}:
                yield path
    yield DBT_PROJECT_DIR / "dbt_project.yml"
