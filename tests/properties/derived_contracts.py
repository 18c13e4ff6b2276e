"""Generated contracts, told in several ways, derived in one build.

Each contract is a legal entity of its own, and so is each other way of telling it.
"""

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import yaml

from revenue_pipeline.cases.figures import Figures
from revenue_pipeline.cases.files import Case
from revenue_pipeline.cases.loading import CLOSE, faults, load
from revenue_pipeline.cases.seeds import seed_rows
from revenue_pipeline.derivation.project import build, copy_project, read_seed
from revenue_pipeline.settings import Settings
from revenue_pipeline.warehouse.copy import copy_rows
from revenue_pipeline.warehouse.database import Database
from tests.figures import arrivals, read_figures
from tests.properties.case_expectations import last_expectations
from tests.properties.case_generator import draw
from tests.properties.case_variants import VARIANTS, WAVED, waves

DAYS = Path(__file__).with_name("earned_by_day.sql")


@dataclass(frozen=True)
class Contracts:
    """Cases by id, and by name of the variant the same told another way, by id of the case."""

    cases: dict[str, Case]
    variants: dict[str, dict[str, Case]]

    @property
    def all(self) -> list[Case]:
        """Every case that is derived."""
        return [
            *self.cases.values(),
            *(case for told in self.variants.values() for case in told.values()),
        ]


@dataclass
class Derived:
    """The contracts and what was derived of each."""

    contracts: Contracts
    figures: dict[str, Figures]
    connection: psycopg.Connection[Any]

    def pairs(self, variant: str) -> Iterator[tuple[str, Figures, Figures]]:
        """Id of the case, its figures, and those of the variant."""
        for name, case in self.contracts.variants[variant].items():
            yield name, self.figures[name], self.figures[case.case_id]


def draw_contracts(seed: int, count: int, varied: int) -> Contracts:
    """Draw cases with the figures of the oracle, and up to ``varied`` of each variant.

    Cases that close a month are left out: what they test lies behind the derivation.
    """
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        drawn = list(
            pool.map(partial(draw, seed, ask=last_expectations), range(count), chunksize=20)
        )
    drawn = [case for case in drawn if not any(e["type"] == CLOSE for e in case["events"])]
    variants: dict[str, dict[str, Case]] = {}
    for vary in VARIANTS:
        told: dict[str, Case] = {}
        for case in drawn:
            other = vary(case) if len(told) < varied else None
            if other is not None:
                told[case["id"]] = Case(Path(other["id"]), other)
        variants[vary.__name__] = told
    return Contracts({case["id"]: Case(Path(case["id"]), case) for case in drawn}, variants)


def derive(
    contracts: Contracts, database: Database, settings: Settings, project: Path
) -> dict[str, Figures]:
    """Deliver the first wave and derive all; ``project`` becomes a copy of the models."""
    with closing(database.connect(autocommit=True)) as connection:
        copy_models(contracts, project, connection)
        deliver(connection, contracts, settings, wave=0)
        waiting = {case.case_id for case in contracts.variants[WAVED].values()}
        assert faults(connection).keys() <= waiting  # they may wait for what comes later
        result = build(project, database)
        assert result.built, result.reason
        return read_figures(connection, contracts.all)


def derive_later(
    contracts: Contracts, database: Database, settings: Settings, project: Path
) -> dict[str, Figures]:
    """Deliver the second wave and derive what it concerns; figures of that by id of the case."""
    concerned = [
        case
        for case in contracts.variants[WAVED].values()
        if waves(case.case_id, arrivals(case))[1]
    ]
    with closing(database.connect(autocommit=True)) as connection:
        deliver(connection, contracts, settings, wave=1)
        assert faults(connection) == {}
        result = build(project, database)
        assert result.built, result.reason
        assert result.scope is not None
        assert result.scope.mode == "incremental", result.scope.reason
        return read_figures(connection, concerned)


def deliver(
    connection: psycopg.Connection[Any], contracts: Contracts, settings: Settings, *, wave: int
) -> None:
    told = ((case.case_id, waves(case.case_id, arrivals(case))[wave]) for case in contracts.all)
    load(connection, [(case_id, events) for case_id, events in told if events], settings)


def copy_models(contracts: Contracts, project: Path, connection: psycopg.Connection[Any]) -> None:
    """Copy the models; the entities of the contracts and their choices are tables beside them.

    As rows of dbt's seeds they would take longer than everything else.
    """
    copy_project(project)
    types = yaml.safe_load((project / "dbt_project.yml").read_text(encoding="utf-8"))
    connection.execute("create schema contracts")
    for seed, further in seed_rows(contracts.all).items():
        columns = types["seeds"]["revenue"][seed]["+column_types"]
        told = ", ".join(f"{column} {kind}" for column, kind in columns.items())
        connection.execute(f"create table contracts.{seed} ({told})".encode())
        rows = ([row[name] or None for name in columns] for row in (*read_seed(seed), *further))
        copy_rows(connection, f"contracts.{seed}", list(columns), rows)
        (project / "seeds" / f"{seed}.csv").unlink()
        (project / "models" / f"{seed}.sql").write_text(
            "{{ config(materialized='table', schema='reference') }} "
            f"select * from contracts.{seed}",
            encoding="utf-8",
        )
    shutil.copy(DAYS, project / "models" / "intermediate")
