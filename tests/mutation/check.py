"""Seeded faults: each is put into a copy of the derivation, and somebody has to notice.

``make mutate`` derives the worked cases once without a fault, then once with each of faults.yml,
and writes docs/mutations.md: which cases, which rules of the gate, and where neither, which tests
of dbt noticed. Exit code 1 when one was noticed by nobody, 2 when the list does not fit the code.

Cases that close months are left out: what they test lies behind the derivation.
"""

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, redirect_stdout
from dataclasses import dataclass, field
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psycopg
import yaml

from revenue_pipeline.cases.files import Case, read_cases
from revenue_pipeline.cases.loading import CLOSE, load
from revenue_pipeline.cases.seeds import seed_rows
from revenue_pipeline.derivation.project import build, copy_project
from revenue_pipeline.domain.errors import RevenueError
from revenue_pipeline.paths import DBT_PROJECT_DIR, PROJECT_ROOT
from revenue_pipeline.quality.gate import ERP_JOURNALS
from revenue_pipeline.quality.plain import broken_rules
from revenue_pipeline.settings import Settings, load_settings
from revenue_pipeline.warehouse.database import Database, open_database
from revenue_pipeline.warehouse.scratch import copy_scratch, create_scratch, drop_scratch
from tests.figures import arrivals, read_figures, wrong

FAULTS = Path(__file__).with_name("faults.yml")
GOLDEN = PROJECT_ROOT / "tests" / "golden"
TABLE = PROJECT_ROOT / "docs" / "mutations.md"
SHOWN = 3


@dataclass(frozen=True)
class Fault:
    """One text of one file of the project replaced by another, and what that means."""

    meaning: str
    file: str
    old: str
    new: str

    @property
    def name(self) -> str:
        """Name of the model, macro or seed that is changed."""
        return Path(self.file).stem


@dataclass
class Noticed:
    """Who noticed a fault."""

    stopped: str = ""
    cases: list[str] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    tests: list[str] = field(default_factory=list)

    @property
    def by_anybody(self) -> bool:
        """Whether anybody did."""
        return bool(self.stopped or self.cases or self.rules or self.tests)

    def __str__(self) -> str:
        """In one cell of a table."""
        told = [f"build: {self.stopped}"] if self.stopped else []
        for what, names in (("case", self.cases), ("gate", self.rules), ("dbt test", self.tests)):
            if names:
                more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
                told.append(f"{what} {', '.join(f'`{name}`' for name in names[:SHOWN])}{more}")
        return "; ".join(told) or "**nobody**"


def read_faults(path: Path = FAULTS) -> list[Fault]:
    """Read the list. Raises ValueError where a text does not stand in its file exactly once."""
    faults = [Fault(**item) for item in yaml.safe_load(path.read_text(encoding="utf-8"))]
    stale = []
    for fault in faults:
        file = DBT_PROJECT_DIR / fault.file
        times = file.read_text(encoding="utf-8").count(fault.old) if file.is_file() else 0
        if times != 1:
            stale.append(f"{fault.file}: found {times} times: {fault.old!r} ({fault.meaning})")
    if stale:
        raise ValueError("\n".join(stale))
    return faults


class Bench:
    """The cases derived without a fault, and derived anew from there with each fault."""

    def __init__(self, cases: Sequence[Case], settings: Settings) -> None:
        self._cases = list(cases)
        self._settings = settings
        self._project = settings.home / "mutation" / str(os.getpid())
        self._server = open_database(settings)
        name = f"{self._server.name()}_mutation_{os.getpid()}"
        self._name, self._base_name = name, f"{name}_base"
        self._base: Database | None = None
        self._manifest: dict[str, Any] = {}
        self._sound: dict[str, frozenset[str]] = {}

    def __enter__(self) -> "Bench":
        import_module("dbt.cli.main")
        import_module("dbt.adapters.postgres")
        self._project.parent.mkdir(parents=True, exist_ok=True)
        copy_project(self._project, further=seed_rows(self._cases))
        made = create_scratch(self._server, self._name)
        with closing(made.connect(autocommit=True)) as connection:
            load(
                connection, [(case.case_id, arrivals(case)) for case in self._cases], self._settings
            )
        result = build(self._project, made)
        if not result.built:
            raise RevenueError(f"the models cannot be built without a fault: {result.reason}")
        manifest = self._project / "target" / "manifest.json"
        self._manifest = json.loads(manifest.read_text(encoding="utf-8"))
        cases, rules = self._judge(made)
        self._sound = {"cases": frozenset(cases), "rules": frozenset(rules)}
        self._sound["tests"] = frozenset(_failed_tests(self._project, made, []))
        # dbt knows the project by the name of its database: the copy is kept, the name used again
        self._base = copy_scratch(self._server, made, self._base_name)
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._project, ignore_errors=True)
        drop_scratch(self._server, self._name)
        drop_scratch(self._server, self._base_name)

    @property
    def failing(self) -> frozenset[str]:
        """Cases, rules and tests that fail without any fault; they notice nothing."""
        return frozenset().union(*self._sound.values())

    def try_out(self, fault: Fault) -> Noticed:
        """Derive with the fault and ask everybody."""
        assert self._base is not None
        file = self._project / fault.file
        sound = file.read_text(encoding="utf-8")
        file.write_text(sound.replace(fault.old, fault.new), encoding="utf-8")
        try:
            made = copy_scratch(self._server, self._base, self._name)
            models = self._models(fault)
            selected = [f"{model}+" for model in models]
            noticed = Noticed()
            failed = _dbt(self._project, made, "build", selected)
            if not failed:
                cases, rules = self._judge(made)
                noticed.cases = [name for name in cases if name not in self._sound["cases"]]
                noticed.rules = [name for name in rules if name not in self._sound["rules"]]
            else:
                noticed.stopped = f"`{failed[0][0].rpartition('.')[2]}`"
            if not noticed.by_anybody:
                failed_tests = _failed_tests(self._project, made, models)
                noticed.tests = [name for name in failed_tests if name not in self._sound["tests"]]
            return noticed
        finally:
            file.write_text(sound, encoding="utf-8")

    def _models(self, fault: Fault) -> list[str]:
        """Models that hold the changed text: of a macro those that use it, however indirectly."""
        if not fault.file.startswith("macros/"):
            return [fault.name]
        changed = {
            key
            for key, macro in self._manifest["macros"].items()
            if macro["original_file_path"] == fault.file
        }
        while True:
            using = {
                key
                for key, macro in self._manifest["macros"].items()
                if changed & set(macro["depends_on"]["macros"])
            }
            if using <= changed:
                break
            changed |= using
        return [
            node["name"]
            for node in self._manifest["nodes"].values()
            if node["resource_type"] == "model" and changed & set(node["depends_on"]["macros"])
        ]

    def _judge(self, database: Database) -> tuple[list[str], list[str]]:
        """Cases with a wrong figure, and rules that would close a gate."""
        with closing(database.connect(autocommit=True)) as connection:
            wrong = _wrong(connection, self._cases)
            entities = [entity for case in self._cases for entity in case.entity_ids]
            broken = broken_rules(connection, ERP_JOURNALS, entities)
        rules = {each.rule for found in broken.values() for each in found}
        return wrong, sorted(rules)


def _wrong(connection: psycopg.Connection[Any], cases: Sequence[Case]) -> list[str]:
    figures = read_figures(connection, cases)
    return [case.case_id for case in cases if wrong(case, figures[case.case_id])]


def _failed_tests(project: Path, database: Database, models: Sequence[str]) -> list[str]:
    """Tests of the models that fail, on worked rows and on what was derived; no models: of all."""
    return [_test_name(name) for name, _ in _dbt(project, database, "test", models)]


def _dbt(
    project: Path, database: Database, command: str, selected: Sequence[str]
) -> list[tuple[str, str]]:
    """Node and reason of everything that failed.

    In a fork, with dbt already read in: that is most of the time of a small run.
    """
    results = project / "target" / "run_results.json"
    results.unlink(missing_ok=True)
    no_tests = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
    arguments = [
        command,
        *("--quiet", *(("--select", *selected) if selected else ())),
        *(no_tests if command == "build" else ()),
        *("--project-dir", str(project), "--profiles-dir", str(project)),
        *("--target-path", str(project / "target"), "--log-path", str(project / "target")),
    ]
    child = get_context("fork").Process(target=_invoke, args=(arguments, database.environment()))
    child.start()
    child.join()
    if not results.exists():
        return [("dbt", "the project cannot be read")]
    nodes = json.loads(results.read_text(encoding="utf-8"))["results"]
    return [
        (str(node["unique_id"]), str(node.get("message")))
        for node in nodes
        if node["status"] in {"error", "fail"}
    ]


def _invoke(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    from dbt.cli.main import dbtRunner

    os.environ.update(environment)
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        dbtRunner().invoke(list(arguments))


def _test_name(unique_id: str) -> str:
    parts = unique_id.split(".")
    return parts[-1] if parts[0] == "unit_test" else parts[2]


def table(told: Sequence[tuple[Fault, Noticed]]) -> str:
    """The page: what was tried and who noticed."""
    caught = sum(noticed.by_anybody for _, noticed in told)
    rows = [f"| {fault.meaning} | `{fault.file}` | {noticed} |" for fault, noticed in told]
    return "\n".join(
        [
            "# Seeded faults",
            "",
            "`make mutate` puts each of these faults (`tests/mutation/faults.yml`) into a copy of",
            "the derivation and derives the worked cases again. Who notices: cases whose figures",
            "become wrong, rules of the gate that close it, or, where neither does, tests of dbt.",
            "This page is written by the command.",
            "",
            f"{len(told)} faults, {caught} noticed.",
            "",
            "| Fault | File | Noticed by |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def main() -> int:
    """Try all faults, or those whose meaning or file holds a word, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", default="", help="a word of the meaning or the file; no page is written"
    )
    parser.add_argument("--list", action="store_true", help="check the list only")
    chosen = parser.parse_args()
    try:
        faults = read_faults()
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if chosen.list:
        sys.stdout.write(f"{len(faults)} faults\n")
        return 0
    faults = [
        fault for fault in faults if chosen.only in fault.meaning or chosen.only in fault.file
    ]
    cases = [
        case
        for case in read_cases(GOLDEN)
        if not any(event["type"] == CLOSE for event in case.events)
    ]
    told: list[tuple[Fault, Noticed]] = []
    with Bench(cases, load_settings()) as bench:
        if bench.failing:
            say(f"fails without a fault and is not asked: {', '.join(sorted(bench.failing))}")
        for fault in faults:
            began = time.monotonic()
            noticed = bench.try_out(fault)
            told.append((fault, noticed))
            say(f"{fault.meaning} ({fault.name}): {noticed} [{time.monotonic() - began:.0f} s]")
            if not chosen.only:
                TABLE.write_text(table(told), encoding="utf-8")
    return 0 if all(noticed.by_anybody for _, noticed in told) else 1


def say(line: str) -> None:
    """Print at once: the run takes minutes."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
