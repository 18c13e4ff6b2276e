"""A copy of the dbt project with other seed rows, and building it.

The project itself is never written to: whoever wants other policies or further entities for a while
derives from a copy.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path

from revenue_pipeline.derivation.scope import DerivationScope, deriving
from revenue_pipeline.domain.errors import ConfigurationError
from revenue_pipeline.paths import DBT_PROJECT_DIR
from revenue_pipeline.warehouse.database import Database

SeedRow = Mapping[str, str]
# Made by dbt; a copy makes its own.
_LEFT_OUT = ("target", "logs", "dbt_packages", "__pycache__")


@dataclass(frozen=True)
class BuildResult:
    """What a build said: `failures` are node and reason of each node that failed.

    `scope`: what was derived.
    """

    failures: tuple[tuple[str, str], ...] = ()
    built: bool = True
    scope: DerivationScope | None = None

    @property
    def reason(self) -> str:
        """The first failure in one line; empty when there was none."""
        return "" if not self.failures else ": ".join(self.failures[0])


def copy_project(
    folder: Path,
    *,
    further: Mapping[str, Sequence[SeedRow]] | None = None,
    instead: Mapping[str, Sequence[SeedRow]] | None = None,
    source: Path = DBT_PROJECT_DIR,
) -> Path:
    """Copy the dbt project to `folder`, which must not exist, and change the copy's seeds.

    Args:
        further: Rows to add, by seed.
        instead: Rows that take the place of all others, by seed.

    Raises:
        ConfigurationError: A seed or a column is unknown.
    """
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns(*_LEFT_OUT))
    for name, rows in (further or {}).items():
        write_seed(folder, name, rows, keep=True)
    for name, rows in (instead or {}).items():
        write_seed(folder, name, rows, keep=False)
    return folder


def read_seed(name: str, project: Path = DBT_PROJECT_DIR) -> list[dict[str, str]]:
    """Rows of a seed as text. Raises ConfigurationError when there is no such seed."""
    return _read(name, project)[1]


def write_seed(project: Path, name: str, rows: Sequence[SeedRow], *, keep: bool) -> None:
    """Write `rows` into a seed of a copy, behind what is there or instead of it.

    A column that a row leaves out is null. Raises ConfigurationError.
    """
    columns, known = _read(name, project)
    for row in rows:
        unknown = sorted(set(row) - set(columns))
        if unknown:
            raise ConfigurationError(f"seed {name} has no column {', '.join(unknown)}")
    text = StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows([*(known if keep else ()), *rows])
    (project / "seeds" / f"{name}.csv").write_text(text.getvalue(), encoding="utf-8")


class _NotBuiltError(Exception):
    """Carries the result of a build that failed past the end of its derive."""

    def __init__(self, result: BuildResult) -> None:
        super().__init__(result.reason)
        self.result = result


def build(
    project: Path, database: Database, *, arguments: Sequence[str] = (), full: bool = False
) -> BuildResult:
    """Build seeds and models of a copy in `database`, without tests; contracts of models hold.

    Derives what changed since the last build of the database, or everything where that is not
    enough (revenue_pipeline.derivation.scope). A build that failed is made up for by the next.

    Args:
        arguments: For dbt. A selection of models only makes sense where no others are read.
        full: Derive everything, whatever changed.

    Raises:
        ConfigurationError: dbt cannot even read the project.
    """
    try:
        with deriving(database, full=full, project=project) as scope:
            # the seeds are the same as in the run it follows
            seeds = () if scope.is_full else ("--exclude-resource-type", "seed")
            done = _run(project, database, (*scope.dbt_arguments, *seeds, *arguments))
            return _if_built(replace(done, scope=scope))
    except _NotBuiltError as failed:
        return failed.result


def _if_built(result: BuildResult) -> BuildResult:
    if not result.built:
        raise _NotBuiltError(result)
    return result


def _run(project: Path, database: Database, arguments: Sequence[str]) -> BuildResult:
    target = project / "target"
    (target / "run_results.json").unlink(missing_ok=True)
    done = subprocess.run(
        [
            sys.executable,
            *("-c", "import sys; from dbt.cli.main import cli; sys.argv[0] = 'dbt'; cli()"),
            "build",
            *("--project-dir", str(project)),
            *("--profiles-dir", str(project)),
            *("--target-path", str(target)),
            *("--log-path", str(target)),
            *("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"),
            "--quiet",
            *arguments,
        ],
        env={**os.environ, **database.environment(), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    results = target / "run_results.json"
    failures: tuple[tuple[str, str], ...] = ()
    if results.exists():
        nodes = json.loads(results.read_text(encoding="utf-8"))["results"]
        failures = tuple(
            (node["unique_id"].rpartition(".")[2], _one_line(node.get("message")))
            for node in nodes
            if node["status"] in {"error", "fail"}
        )
    if done.returncode != 0 and not failures:
        said = _one_line(done.stdout + " " + done.stderr)
        raise ConfigurationError(f"the models cannot be built: {said}")
    return BuildResult(failures, done.returncode == 0)


def _read(name: str, project: Path) -> tuple[list[str], list[dict[str, str]]]:
    path = project / "seeds" / f"{name}.csv"
    if not path.is_file():
        raise ConfigurationError(f"there is no seed {name}")
    reader = csv.DictReader(StringIO(path.read_text(encoding="utf-8")))
    rows = list(reader)
    return list(reader.fieldnames or ()), rows


def _one_line(text: str | None) -> str:
    said = " ".join((text or "unknown error").split())
    return said.partition(" compiled code at ")[0][:2000]
