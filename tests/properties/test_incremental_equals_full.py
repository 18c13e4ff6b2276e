"""What is derived must not depend on when the events came: wave by wave or all at once.

Golden and generated cases, mixed into companies whose contracts share customers, arrive in random
order in waves; each is derived as it comes. At the end every mart is compared, row for row and
column for column, with a full derive of the same log. A failure prints the seed: set
REVENUE_TEST_SEED to it.
"""

import os
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from revenue_pipeline.cases.files import Case, read_cases
from revenue_pipeline.cases.loading import CLOSE, load
from revenue_pipeline.derivation.project import build, copy_project
from revenue_pipeline.derivation.scope import DerivationScope
from revenue_pipeline.paths import PROJECT_ROOT
from revenue_pipeline.settings import Settings
from revenue_pipeline.warehouse.database import Database
from revenue_pipeline.warehouse.embedded import EmbeddedPostgres
from tests.conftest import MIGRATED, recreate
from tests.figures import arrivals
from tests.properties.arriving_waves import (
    mix,
    mixed_entities,
    mixed_seeds,
    read_arrivals,
    read_marts,
    waves,
    write_arrivals,
)
from tests.properties.case_expectations import last_expectations
from tests.properties.case_generator import draw

pytestmark = pytest.mark.slow

SEED = int(os.environ.get("REVENUE_TEST_SEED", "11"))
COUNT = int(os.environ.get("REVENUE_TEST_COUNT", "36"))
SHARES = (0.9, 0.04, 0.06)
TOGETHER = 6


@dataclass
class Waves:
    """Scopes of the derives of the waves, the marts after the last, and after a full derive."""

    scopes: list[DerivationScope]
    incremental: dict[str, list[str]]
    full: dict[str, list[str]]
    contracts: int


@pytest.fixture(scope="module")
def derived(cluster: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Waves:
    print(f"REVENUE_TEST_SEED={SEED}")  # noqa: T201  shown by pytest when a test fails
    drawn = [draw(SEED, number, ask=last_expectations) for number in range(COUNT)]
    cases = [
        *read_cases(PROJECT_ROOT / "tests" / "golden"),
        *(
            Case(Path(case["id"]), case)
            for case in drawn
            if not any(event["type"] == CLOSE for event in case["events"])
        ),
    ]
    databases = {}
    for name in ("told", "waves"):
        recreate(cluster, name, MIGRATED)
        databases[name] = Database(cluster.url(name), cluster.root.parent)
    entities = mixed_entities(cases, TOGETHER)
    project = copy_project(
        tmp_path_factory.mktemp("waves") / "project", further=mixed_seeds(cases, entities)
    )
    settings = Settings(home=cluster.root.parent, database_url=databases["told"].url)
    with closing(databases["told"].connect(autocommit=True)) as connection:
        load(connection, [(case.case_id, arrivals(case)) for case in cases], settings)
        mixed = mix(read_arrivals(connection), entities, SEED)
    return derive_waves(databases["waves"], project, waves(mixed, SEED, SHARES))


def derive_waves(database: Database, project: Path, arriving: list[list]) -> Waves:
    scopes = []
    with closing(database.connect(autocommit=True)) as connection:
        for wave in arriving:
            write_arrivals(connection, wave)
            result = build(project, database)
            assert result.built, result.reason
            assert result.scope is not None
            scopes.append(result.scope)
        incremental = read_marts(connection)
        result = build(project, database, full=True)
        assert result.built, result.reason
        assert result.scope is not None
        return Waves(scopes, incremental, read_marts(connection), result.scope.contracts)


def test_waves_are_derived_without_everything_else(derived: Waves) -> None:
    assert [scope.mode for scope in derived.scopes] == ["full", "incremental", "incremental"]
    assert all(scope.changed > 0 for scope in derived.scopes)
    assert all(0 < scope.contracts < 0.9 * derived.contracts for scope in derived.scopes[1:])


def test_every_mart_is_the_same_wave_by_wave_and_all_at_once(derived: Waves) -> None:
    assert derived.incremental.keys() == derived.full.keys()
    different = {
        name: (
            sorted(set(rows) - set(derived.full[name]))[:3],
            sorted(set(derived.full[name]) - set(rows))[:3],
        )
        for name, rows in derived.incremental.items()
        if rows != derived.full[name]
    }
    assert different == {}, "mart: (only wave by wave, only all at once)"


def test_no_mart_is_empty(derived: Waves) -> None:
    assert [name for name, rows in derived.full.items() if not rows] == []
