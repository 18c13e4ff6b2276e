"""Ordered SQL files that make every schema Python owns. dbt owns the rest."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from revenue_pipeline.domain.errors import MigrationError
from revenue_pipeline.paths import MIGRATIONS_DIR

# any constant of ours: two processes never migrate one database at the same time
LOCK_KEY = 4_702_611_803


@dataclass(frozen=True)
class Migration:
    """One file; `version` is its name without .sql, `sha256` hex of its bytes."""

    version: str
    sha256: str
    sql: str


def read_migrations(folder: Path = MIGRATIONS_DIR) -> list[Migration]:
    """All migration files in the order of their names."""
    files = sorted(folder.glob("*.sql"))
    if not files:
        raise MigrationError(f"no migrations in {folder}")
    return [
        Migration(f.stem, hashlib.sha256(f.read_bytes()).hexdigest(), f.read_text("utf-8"))
        for f in files
    ]


def applied_migrations(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """Version to sha256 of what this database has applied; empty for a new one."""
    known = connection.execute(
        "select to_regclass('public.schema_migration') is not null"
    ).fetchone()
    if known is None or not known[0]:
        return {}
    return dict(
        connection.execute("select version, sha256 from public.schema_migration").fetchall()
    )


def migrate(connection: psycopg.Connection[Any], folder: Path = MIGRATIONS_DIR) -> list[str]:
    """Apply what is missing, all or nothing, and return the versions applied now.

    Raises MigrationError when an applied file was changed or removed, or when a file fails.
    """
    migrations = read_migrations(folder)
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", (LOCK_KEY,))
        connection.execute(
            "create table if not exists public.schema_migration ("
            "version text primary key, sha256 text not null, "
            "applied_at timestamptz not null default clock_timestamp())"
        )
        applied = applied_migrations(connection)
        _refuse_changes(migrations, applied)
        missing = [migration for migration in migrations if migration.version not in applied]
        for migration in missing:
            _apply(connection, migration)
    return [migration.version for migration in missing]


def _refuse_changes(migrations: list[Migration], applied: dict[str, str]) -> None:
    known = {migration.version: migration.sha256 for migration in migrations}
    for version, sha256 in sorted(applied.items()):
        if version not in known:
            raise MigrationError(
                f"migration {version} was applied to this database but its file is missing; "
                "update the code"
            )
        if known[version] != sha256:
            raise MigrationError(
                f"migration {version} was changed after it was applied; "
                "restore the file and put the change in a new one"
            )


def _apply(connection: psycopg.Connection[Any], migration: Migration) -> None:
    try:
        connection.execute(migration.sql)  # our own files, no values in them
    except psycopg.OperationalError:  # the server went away; the file is not to blame
        raise
    except psycopg.Error as error:
        raise MigrationError(
            f"migration {migration.version} failed: {str(error).strip()}"
        ) from error
    connection.execute(
        "insert into public.schema_migration (version, sha256) values (%s, %s)",
        (migration.version, migration.sha256),
    )
