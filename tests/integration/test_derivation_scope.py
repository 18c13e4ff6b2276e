"""When a derive may follow the last one, and when it has to derive everything."""

import shutil
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from revenue_pipeline.derivation.scope import (
    DerivationScope,
    finish_scope,
    prepare_scope,
    project_hash,
)
from revenue_pipeline.paths import DBT_PROJECT_DIR
from revenue_pipeline.warehouse.database import Database
from tests.integration.canonical_events import contract, invoice, money, rate
from tests.properties.arriving_waves import Arrival, write_arrivals

APRIL = date(2025, 4, 1)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("models", "macros", "seeds"):
        shutil.copytree(DBT_PROJECT_DIR / name, tmp_path / "project" / name)
    shutil.copy(DBT_PROJECT_DIR / "dbt_project.yml", tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def derived(database: Database, project: Path) -> Database:
    """Three contracts, derived in full; a table stands for the marts."""
    arrive(database, contract("one", "K1"), contract("two", "K1"), contract("three", "K3"))
    run(database, "create schema marts; create table marts.dim_contract (contract_id text)")
    first = prepare_scope(database, project=project)
    assert (first.mode, first.reason) == ("full", "no finished derive before")
    assert (first.contracts, first.changed) == (3, 3)
    finish_scope(database, first)
    return database


def arrive(database: Database, *events: Arrival) -> None:
    with closing(database.connect(autocommit=True)) as connection:
        write_arrivals(connection, events)


def run(database: Database, statement: str) -> None:
    with closing(database.connect(autocommit=True)) as connection:
        connection.execute(statement.encode())


def touched(database: Database, kind: str = "contract") -> set[str]:
    with closing(database.connect()) as connection:
        rows = connection.execute("select key from derivation.scope where kind = %s", (kind,))
        return {row[0] for row in rows.fetchall()}


def mode(scope: DerivationScope) -> tuple[str, str]:
    return scope.mode, scope.reason


def test_contracts_of_a_customer_do_not_touch_each_other(derived: Database, project: Path) -> None:
    arrive(derived, invoice("I", "one", "K1"))

    scope = prepare_scope(derived, project=project)

    assert (scope.mode, scope.contracts, scope.changed) == ("incremental", 1, 1)
    assert touched(derived, "document") == {"I"}


def test_they_do_when_the_customer_got_money_back(derived: Database, project: Path) -> None:
    arrive(derived, money("R", "refunded", 100, APRIL, customer_id="K1"))

    prepare_scope(derived, project=project)

    assert touched(derived) >= {"one", "two"}
    assert "three" not in touched(derived)


def test_what_came_late_with_an_old_number_is_new(derived: Database, project: Path) -> None:
    late = invoice("I", "three", "K3")
    late.row["known_seq"] = 0
    arrive(derived, late)

    prepare_scope(derived, project=project)

    assert touched(derived) >= {"three"}


def change_a_seed(_: Database, project: Path) -> None:
    seed = project / "seeds" / "ref_accounts.csv"
    seed.write_text(seed.read_text(encoding="utf-8").replace(",4000,", ",4001,"), encoding="utf-8")


def change_a_model(_: Database, project: Path) -> None:
    model = project / "models" / "marts" / "dim_contract.sql"
    model.write_text(model.read_text(encoding="utf-8") + "\n", encoding="utf-8")


def publish_a_rate(database: Database, _: Path) -> None:
    arrive(database, rate("F", APRIL, 1.1))


def drop_the_marts(database: Database, _: Path) -> None:
    run(database, "drop schema marts cascade")


def die_in_full(database: Database, project: Path) -> None:
    assert prepare_scope(database, full=True, project=project).is_full


def restore_elsewhere(database: Database, _: Path) -> None:
    event = invoice("I", "one", "K1")
    event.row["written_in"] = "900000000000"
    arrive(database, event)


@pytest.mark.parametrize(
    ("happen", "reason"),
    [
        (change_a_seed, "models or policies changed"),
        (change_a_model, "models or policies changed"),
        (publish_a_rate, "new exchange rates"),
        (drop_the_marts, "the marts are gone"),
        (die_in_full, "a full derive, or one of other models, died since"),
        (restore_elsewhere, "the database comes from another server"),
    ],
)
def test_everything_is_derived_after(
    derived: Database, project: Path, happen: Callable[[Database, Path], None], reason: str
) -> None:
    happen(derived, project)

    assert mode(prepare_scope(derived, project=project)) == ("full", reason)


def test_everything_is_derived_as_of_another_moment_and_after_it(
    derived: Database, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVENUE_AS_OF_SEQ", "7")
    earlier = prepare_scope(derived, project=project)
    monkeypatch.delenv("REVENUE_AS_OF_SEQ")
    later = prepare_scope(derived, project=project)

    assert mode(earlier) == ("full", "as of another moment")
    assert later.mode == "full"


def test_what_a_derive_that_died_had_to_do_is_done_by_the_next(
    derived: Database, project: Path
) -> None:
    arrive(derived, invoice("I", "one", "K1"))
    died = prepare_scope(derived, project=project)
    arrive(derived, invoice("J", "three", "K3"))

    scope = prepare_scope(derived, project=project)

    assert (died.mode, scope.mode, scope.changed) == ("incremental", "incremental", 2)
    assert touched(derived) >= {"one", "three"}


def test_finished_work_is_not_done_again(derived: Database, project: Path) -> None:
    arrive(derived, invoice("I", "one", "K1"))
    finish_scope(derived, prepare_scope(derived, project=project))

    scope = prepare_scope(derived, project=project)

    assert (scope.mode, scope.contracts, scope.changed) == ("incremental", 0, 0)


def test_what_is_written_while_a_derive_runs_is_new_to_the_next(
    derived: Database, project: Path
) -> None:
    with closing(derived.connect(autocommit=True)) as writing, writing.transaction():
        write_arrivals(writing, [invoice("I", "one", "K1")])
        during = prepare_scope(derived, project=project)
    finish_scope(derived, during)

    scope = prepare_scope(derived, project=project)

    assert (during.changed, scope.changed) == (0, 1)
    assert touched(derived) >= {"one"}


def test_the_hash_of_a_project_is_that_of_its_content(project: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(project, tmp_path / "copy")

    assert project_hash(copy) == project_hash(project) == project_hash(DBT_PROJECT_DIR)
