"""dbt's manifest: made when missing, older than the project, or made for another database."""

import fcntl
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from dagster_dbt import DbtProject

from revenue_pipeline.paths import DBT_PROJECT_DIR
from revenue_pipeline.settings import load_settings
from revenue_pipeline.warehouse.database import DATABASE_NAME, Database

_GENERATED = {"target", "logs", "dbt_packages"}


def target_folder() -> Path:
    """Where dbt writes: below REVENUE_HOME, so that the project stays as it was checked out."""
    return load_settings().home / "dbt"


def point_dbt_to(url: str | None) -> None:
    """Set the PG* variables dbt's profile reads; without a URL they stay as they are."""
    if url:
        os.environ.update(
            {k: v for k, v in Database(url).environment().items() if k.startswith("PG")}
        )


def common_arguments(target: Path) -> list[str]:
    """Arguments of every invocation of dbt."""
    return [
        *("--project-dir", str(DBT_PROJECT_DIR)),
        *("--profiles-dir", str(DBT_PROJECT_DIR)),
        *("--target-path", str(target)),
        *("--log-path", str(target)),
        *("--log-level", "none"),
        "--no-send-anonymous-usage-stats",
    ]


def prepared_project() -> DbtProject:
    """The project with a manifest that is up to date. Parses, without a database, if it is not."""
    target = target_folder()
    target.mkdir(parents=True, exist_ok=True)
    point_dbt_to(load_settings().database_url)
    # web server, daemon and a command may all find a stale manifest at the same moment
    with (target / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if _is_stale(target / "manifest.json"):
            parse(target)
    return DbtProject(DBT_PROJECT_DIR, profiles_dir=DBT_PROJECT_DIR, target_path=target)


def parse(target: Path) -> Any:
    """Parse the project and return dbt's manifest object; also written as manifest.json.

    Raises RuntimeError when the project cannot be parsed.
    """
    from dbt.cli.main import dbtRunner

    outcome = dbtRunner().invoke(["parse", *common_arguments(target)])
    if not outcome.success:
        message = f"dbt cannot parse {DBT_PROJECT_DIR}: {outcome.exception}"
        raise RuntimeError(message) from outcome.exception
    return outcome.result


def parsed_manifest() -> Any:
    """The manifest object of dbt, parsed once per process and state of the project's files."""
    point_dbt_to(load_settings().database_url)
    return _parsed(target_folder(), _newest_change(), os.environ.get("PGDATABASE", DATABASE_NAME))


@cache
def _parsed(target: Path, changed: float, database: str) -> Any:
    return parse(target)


def _is_stale(manifest: Path) -> bool:
    if not manifest.exists() or manifest.stat().st_mtime < _newest_change():
        return True
    wanted = os.environ.get("PGDATABASE", DATABASE_NAME)
    nodes = json.loads(manifest.read_bytes())["nodes"].values()
    return any(node["database"] != wanted for node in nodes)


def _newest_change() -> float:
    return max(
        path.stat().st_mtime
        for path in (DBT_PROJECT_DIR, *DBT_PROJECT_DIR.rglob("*"))
        if not _GENERATED & set(path.relative_to(DBT_PROJECT_DIR).parts)
    )
