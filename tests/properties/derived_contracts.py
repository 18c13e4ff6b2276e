"""Generated contracts, told in several ways, derived in one build.

Each contract is a legal entity of its own, and so is each other way of telling it.
"""

import csv
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from revenue_pipeline.cases.figures import Figures
from revenue_pipeline.cases.files import Case
from revenue_pipeline.cases.loading import CLOSE, faults, load
from revenue_pipeline.cases.seeds import seed_rows
from revenue_pipeline.derivation.project import build, copy_project
from revenue_pipeline.settings import Settings
from revenue_pipeline.warehouse.database import Database
from tests.figures import arrivals, read_figures
from tests.properties.case_expectations import last_expectations
from tests.properties.case_generator import draw
from tests.properties.case_variants import VARIANTS

HERE = Path(__file__).parent


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
    untranslated: dict[str, str]
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


@contextmanager
def derive(
    contracts: Contracts, database: Database, settings: Settings, project: Path
) -> Iterator[Derived]:
    """Deliver and derive all in an empty database; ``project`` becomes a copy of the models."""
    copy_models(contracts, project)
    with closing(database.connect(autocommit=True)) as connection:
        load(connection, [(case.case_id, arrivals(case)) for case in contracts.all], settings)
        result = build(project, database)
        assert result.built, result.reason
        figures = read_figures(connection, contracts.all)
        yield Derived(contracts, figures, faults(connection), connection)


def copy_models(contracts: Contracts, project: Path) -> None:
    """Copy the models, with the entities and choices of the contracts in their seeds."""
    rows = seed_rows(contracts.all)
    accounts = rows.pop("ref_accounts")
    copy_project(project, further=rows)
    own = [row for row in accounts if row["entity_id"] == accounts[0]["entity_id"]]
    (project / "seeds" / "ref_accounts.csv").unlink()
    with (project / "seeds" / "ref_account_roles.csv").open(
        "w", encoding="utf-8", newline=""
    ) as file:
        writer = csv.DictWriter(
            file, [name for name in own[0] if name != "entity_id"], extrasaction="ignore"
        )
        writer.writeheader()
        writer.writerows(own)
    shutil.copy(HERE / "accounts_of_every_entity.sql", project / "models" / "ref_accounts.sql")
    shutil.copy(HERE / "earned_by_day.sql", project / "models" / "intermediate")
