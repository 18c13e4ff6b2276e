"""What two versions of the policies make of the same log, each in a scratch database."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from revenue_pipeline.derivation.project import BuildResult, SeedRow, build, copy_project
from revenue_pipeline.domain.errors import ConfigurationError
from revenue_pipeline.policies.errors import PolicyVersionError
from revenue_pipeline.warehouse.database import Database
from revenue_pipeline.warehouse.scratch import copy_scratch, create_scratch, drop_scratch

_TABLES = """
    select relation.relname
    from pg_class as relation
    inner join pg_namespace as folder on relation.relnamespace = folder.oid
    where folder.nspname = 'canonical' and relation.relkind = 'r'
    order by
        exists (select from pg_constraint where conrelid = relation.oid and contype = 'f'),
        relation.relname
"""
_COLUMNS = """
    select attname from pg_attribute
    where attrelid = ('canonical.' || quote_ident(%s))::regclass and attnum > 0 and not attisdropped
    order by attnum
"""


@contextmanager
def derived(
    database: Database,
    project: Path,
    versions: Mapping[str, Mapping[str, Sequence[SeedRow]]],
) -> Iterator[dict[str, Database]]:
    """A scratch database for each of `versions` (seed rows by seed, by name), models built.

    All hold the canonical rows of `database` as of one moment. They are gone at the end. Raises
    PolicyVersionError when the models cannot be built with a version.
    """
    folder = database.home / "policies" / str(os.getpid())
    stem = f"{database.name()}_policy_{os.getpid()}"
    names = {version: f"{stem}_{number}" for number, version in enumerate(versions)}
    try:
        made: dict[str, Database] = {}
        for version, name in names.items():
            if made:
                made[version] = copy_scratch(database, next(iter(made.values())), name)
            else:
                made[version] = create_scratch(database, name)
                _copy_canonical(database, made[version])
        folder.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(len(versions)) as pool:
            builds = {
                version: pool.submit(_build, folder / names[version], made[version], project, rows)
                for version, rows in versions.items()
            }
            for version, pending in builds.items():
                result = pending.result()
                if result.failures:
                    raise PolicyVersionError(
                        f"the models cannot be built with the policies of {version}: "
                        f"{result.reason}"
                    )
        yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        for name in names.values():
            drop_scratch(database, name)


def _build(
    folder: Path, database: Database, project: Path, rows: Mapping[str, Sequence[SeedRow]]
) -> BuildResult:
    copy_project(folder, instead=rows, source=project)
    return build(folder, database, arguments=("--select", "+fct_accounting_movement"))


def _copy_canonical(source: Database, target: Database) -> None:
    """All canonical rows, from one snapshot."""
    with (
        closing(source.connect()) as reading,
        closing(target.connect()) as writing,
    ):
        reading.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reading.read_only = True
        for (table,) in reading.execute(_TABLES).fetchall():
            _copy_table(reading, writing, table)
        writing.commit()
    with target.connect(autocommit=True) as connection:
        # the first models would be planned without statistics
        connection.execute("analyze")


def _copy_table(
    reading: psycopg.Connection[Any], writing: psycopg.Connection[Any], table: str
) -> None:
    names = [row[0] for row in reading.execute(_COLUMNS, (table,)).fetchall()]
    if not names:
        raise ConfigurationError(f"canonical.{table} has no columns")
    what = sql.SQL("{} ({})").format(
        sql.Identifier("canonical", table), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    out = sql.SQL("copy {} to stdout (format binary)").format(what)
    into = sql.SQL("copy {} from stdin (format binary)").format(what)
    with (
        reading.cursor() as reader,
        writing.cursor() as writer,
        reader.copy(out) as source,
        writer.copy(into) as target,
    ):
        for block in source:
            target.write(block)
