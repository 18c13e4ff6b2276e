"""The policies of another git commit, in the shape of today's seeds."""

import csv
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import yaml

from revenue_pipeline.derivation.project import read_seed
from revenue_pipeline.policies.errors import PolicyVersionError

Rows = list[dict[str, str]]


@dataclass(frozen=True)
class PolicyVersion:
    """Rows of every seed of today, as they were; `remarks` say what was filled or left out."""

    commit: str
    seeds: Mapping[str, Rows]
    remarks: tuple[str, ...]


def policies_of(ref: str, project: Path) -> PolicyVersion:
    """The policies at a git ref, told in the columns of the seeds in `project`.

    A seed the commit does not have is today's; a column it does not have takes its default, which
    stands in the seeds' yml. Raises PolicyVersionError where there is no such commit or default.
    """
    commit = _git(
        project, "rev-parse", "--verify", "--quiet", "--end-of-options", ref + "^{commit}"
    )
    if commit is None:
        raise PolicyVersionError(_reason(project, ref))
    listed = _git(project, "ls-tree", "--name-only", commit, "./seeds/") or ""
    known = {Path(line).stem for line in listed.splitlines() if line.endswith(".csv")}
    seeds: dict[str, Rows] = {}
    remarks: list[str] = []
    defaults = _defaults(project)
    for name, columns in seed_columns(project).items():
        if name not in known:
            seeds[name] = read_seed(name, project)
            remarks.append(f"{name} is not in {ref}: today's rows are taken")
            continue
        text = _git(project, "show", f"{commit}:./seeds/{name}.csv") or ""
        reader = csv.DictReader(StringIO(text))
        rows = list(reader)
        had = list(reader.fieldnames or ())
        for column in columns:
            if column in had:
                continue
            if column not in defaults.get(name, {}):
                raise PolicyVersionError(
                    f"{name} of {ref} has no column {column}, and there is no default for it"
                )
            default = defaults[name][column]
            remarks.append(f"{name} of {ref} has no column {column}: {default or 'empty'} is taken")
            for row in rows:
                row[column] = default
        remarks += [
            f"{name} of {ref} has a column {column}, which is no longer read"
            for column in had
            if column not in columns
        ]
        seeds[name] = [{column: row[column] or "" for column in columns} for row in rows]
    return PolicyVersion(commit, seeds, tuple(remarks))


def policies_now(project: Path) -> dict[str, Rows]:
    """Rows of every seed in the working tree."""
    return {name: read_seed(name, project) for name in seed_columns(project)}


def seed_columns(project: Path) -> dict[str, list[str]]:
    """Columns of every seed of `project`, in the order of the file."""
    columns: dict[str, list[str]] = {}
    for path in sorted((project / "seeds").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            columns[path.stem] = next(csv.reader(file), [])
    return columns


def _defaults(project: Path) -> dict[str, dict[str, str]]:
    """What a column holds in a version that does not have it yet: `default` in its meta."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted((project / "seeds").glob("*.yml")):
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        for seed in content.get("seeds", ()):
            for column in seed.get("columns", ()):
                meta = column.get("config", {}).get("meta", {})
                if "default" in meta:
                    found.setdefault(seed["name"], {})[column["name"]] = str(meta["default"])
    return found


def _reason(project: Path, ref: str) -> str:
    if _git(project, "rev-parse", "--git-dir") is None:
        return f"{project} is in no git checkout: there is no other version of the policies"
    return f"git knows no commit {ref}"


def _git(folder: Path, *arguments: str) -> str | None:
    """What git says; None when it refuses. Raises PolicyVersionError where there is no git."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - whichever git the user has
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
    except FileNotFoundError:
        raise PolicyVersionError("git is needed to read another version of the policies") from None
    return (
        done.stdout
        if arguments[0] == "show"
        else done.stdout.strip()
        if done.returncode == 0
        else None
    )
