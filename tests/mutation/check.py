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
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import yaml

from revenue_pipeline.cases.comparison import differences
from revenue_pipeline.cases.figures import Figures
from revenue_pipeline.cases.files import Case, read_cases
from revenue_pipeline.cases.loading import CLOSE, ignored, load, rejected, segments
from revenue_pipeline.cases.reading import read_computed
from revenue_pipeline.cases.seeds import seed_rows
from revenue_pipeline.derivation.project import build, copy_project
from revenue_pipeline.domain.errors import RevenueError
from revenue_pipeline.paths import DBT_PROJECT_DIR, PROJECT_ROOT
from revenue_pipeline.quality.gate import ERP_JOURNALS
from revenue_pipeline.quality.plain import broken_rules
from revenue_pipeline.settings import Settings, load_settings
from revenue_pipeline.warehouse.database import Database, open_database
from revenue_pipeline.warehouse.scratch import copy_scratch, create_scratch, drop_scratch

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
        self._project.parent.mkdir(parents=True, exist_ok=True)
        copy_project(self._project, further=seed_rows(self._cases))
        made = create_scratch(self._server, self._name)
        with closing(made.connect(autocommit=True)) as connection:
            load(
                connection, [(case.case_id, _events(case)) for case in self._cases], self._settings
            )
        result = build(self._project, made)
        if not result.built:
            raise RevenueError(f"the models cannot be built without a fault: {result.reason}")
        manifest = self._project / "target" / "manifest.json"
        self._manifest = json.loads(manifest.read_text(encoding="utf-8"))
        cases, rules = self._judge(made)
        self._sound = {"cases": frozenset(cases), "rules": frozenset(rules)}
        # dbt knows the project by the name of its database: the copy is kept, the name used again
        self._base = copy_scratch(self._server, made, self._base_name)
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._project, ignore_errors=True)
        drop_scratch(self._server, self._name)
        drop_scratch(self._server, self._base_name)

    @property
    def failing(self) -> frozenset[str]:
        """Cases and rules that fail without any fault; they notice nothing."""
        return self._sound["cases"] | self._sound["rules"]

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
            result = build(self._project, made, arguments=["--select", *selected])
            if result.built:
                cases, rules = self._judge(made)
                noticed.cases = [name for name in cases if name not in self._sound["cases"]]
                noticed.rules = [name for name in rules if name not in self._sound["rules"]]
            else:
                noticed.stopped = f"`{result.failures[0][0]}`" if result.failures else result.reason
            if not noticed.by_anybody:
                noticed.tests = _failed_tests(self._project, made, models)
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


def _events(case: Case) -> list[dict[str, Any]]:
    return [event for part, _ in segments(case) for event in part]


def _wrong(connection: psycopg.Connection[Any], cases: Sequence[Case]) -> list[str]:
    computed = read_computed(connection, [case.case_id for case in cases])
    wrong = []
    for case in cases:
        name = case.case_id
        figures = Figures(
            postings=tuple(computed.movements.get(name, [])),
            obligations=tuple(computed.obligations.get(name, ())),
            packages=computed.packages.get(name, {}),
            classifications=computed.classifications.get(name, {}),
            prices=tuple(computed.prices.get(name, ())),
            allocations=tuple(computed.allocations.get(name, ())),
            catch_ups=tuple(computed.catch_ups.get(name, ())),
            remaining=tuple(computed.remaining.get(name, ())),
            ignored=ignored(connection, name),
            rejected=frozenset(rejected(connection, name)),
            currencies=computed.currencies.get(name, {}),
            unreadable=computed.unreadable,
        )
        if any(True for _ in differences(case, figures)):
            wrong.append(name)
    return wrong


def _failed_tests(project: Path, database: Database, models: Iterable[str]) -> list[str]:
    """Tests of the models, on worked rows and on what was derived, that fail."""
    target = project / "target"
    (target / "run_results.json").unlink(missing_ok=True)
    subprocess.run(
        [
            sys.executable,
            *("-c", "import sys; from dbt.cli.main import cli; sys.argv[0] = 'dbt'; cli()"),
            *("test", "--quiet", "--select", *models),
            *("--project-dir", str(project), "--profiles-dir", str(project)),
            *("--target-path", str(target), "--log-path", str(target)),
        ],
        env={**os.environ, **database.environment(), "NO_COLOR": "1"},
        capture_output=True,
        check=False,
    )
    results = json.loads((target / "run_results.json").read_text(encoding="utf-8"))["results"]
    return [_test_name(node) for node in results if node["status"] in {"error", "fail"}]


def _test_name(node: Mapping[str, Any]) -> str:
    parts = str(node["unique_id"]).split(".")
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
