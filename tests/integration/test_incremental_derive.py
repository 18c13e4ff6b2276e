"""One change of each kind that touches another contract, derived alone and as part of everything.

Every way in which contracts are coupled (docs/decisions/0010) is taken out of the scope once, and
the same comparison must notice.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from threading import Thread

import pytest

from revenue_pipeline.derivation import scope
from revenue_pipeline.derivation.project import BuildResult, build, copy_project
from revenue_pipeline.derivation.scope import deriving
from revenue_pipeline.warehouse.database import Database
from revenue_pipeline.warehouse.embedded import EmbeddedPostgres
from tests.conftest import MIGRATED, recreate
from tests.integration.canonical_events import (
    contract,
    credit,
    entitled,
    invoice,
    money,
    opening,
    renewal,
    used,
    voided,
)
from tests.properties.arriving_waves import Arrival, read_marts, write_arrivals

pytestmark = pytest.mark.slow

NOVEMBER, JULY, APRIL, MAY = (date(2025, month, 1) for month in (11, 7, 4, 5))
BY_US = {"performing_entity_id": "US"}
PER_CALL = {"usage_meter": "calls", "unit_price_minor": 5, "amount_minor": 0, "ssp_minor": None}


def first_events() -> list[Arrival]:
    return [
        contract("untouched", "K0"),
        invoice("I-untouched", "untouched", "K0"),
        contract("emptied", "K1"),
        contract("old term", "K2"),
        renewal("overlapping", "K2", "old term", cuts=False),
        contract("renewed later", "K3"),
        invoice("I-renewed", "renewed later", "K3"),
        contract("cut", "K4"),
        renewal("cuts", "K4", "cut", cuts=True),
        contract("credited", "K5"),
        contract("refunded", "K5"),
        invoice("I-credited", "credited", "K5"),
        invoice("I-refunded", "refunded", "K5"),
        money("R-refunded", "refunded", 20_000, APRIL, invoice_id="I-refunded"),
        contract("billed late", "K6"),
        money("P-late", "settled", 120_000, APRIL, invoice_id="I-late", customer_id="K6"),
        contract("voided", "K7"),
        invoice("I-voided", "voided", "K7"),
        contract("used", "K8", product="API_CALLS", line=PER_CALL),
        entitled("used", "K8"),
        used("U-april", "K8", None, APRIL),
        used("U-july", "K8", None, JULY),
        contract("first of twins", "K9", product="API_CALLS", line=PER_CALL),
        entitled("first of twins", "K9"),
        used("U-twin", "K9", "first of twins", APRIL),
        contract("other of twins", "K10", product="API_CALLS", line=PER_CALL),
        entitled("other of twins", "K10"),
        contract("shared", "K11", line=BY_US),
        invoice("I-shared", "shared", "K11"),
        opening("RAVEN", 5_000),
        contract("alone", "K12", product="RS-PRO", entity_id="RAVEN"),
    ]  # fmt: skip


def later_events() -> list[Arrival]:
    return [
        contract("emptied", "K1", "amended", 2, end=None),  # no end and no term: quarantined
        contract("old term", "K2", "terminated", 2, start=NOVEMBER, end=None),
        renewal("joins", "K3", "renewed later", cuts=True),
        invoice("I-cut", "cut", "K4"),
        credit("C-credited", "I-credited", "K5", 30_000),
        invoice("I-late", "billed late", "K6"),
        voided("I-voided", "K7"),
        contract("used", "K8", "terminated", 2, start=MAY, end=None),
        used("U-twin again", "K10", "other of twins", APRIL, usage_id="U-twin", is_collision=True),
        contract("shared", "K11", "amended", 2, start=JULY, amount=180_000, line=BY_US),
        contract("second", "K13", product="RS-PRO", entity_id="RAVEN"),
    ]  # fmt: skip


@dataclass
class Company:
    """A project and a template database `base`, derived before the later events came."""

    cluster: EmbeddedPostgres
    project: Path
    full: dict[str, list[str]]

    def copy(self, name: str) -> Database:
        recreate(self.cluster, name, "base")
        return Database(self.cluster.url(name), self.cluster.root.parent)

    def derive(self, database: Database, *, full: bool = False) -> BuildResult:
        return build(self.project, database, full=full)

    def differing(self, database: Database) -> set[str]:
        marts = marts_of(database)
        return {name for name, rows in self.full.items() if marts[name] != rows}


def marts_of(database: Database) -> dict[str, list[str]]:
    with closing(database.connect(autocommit=True)) as connection:
        return read_marts(connection)


def arrive(database: Database, events: list[Arrival]) -> None:
    with closing(database.connect(autocommit=True)) as connection:
        write_arrivals(connection, events)


@pytest.fixture(scope="module")
def company(cluster: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Company:
    project = copy_project(tmp_path_factory.mktemp("incremental") / "project")
    recreate(cluster, "base", MIGRATED)
    base = Database(cluster.url("base"), cluster.root.parent)
    arrive(base, first_events())
    made = Company(cluster, project, {})
    result = made.derive(base)
    assert result.built, result.reason
    everything = made.copy("everything")
    arrive(everything, later_events())
    result = made.derive(everything, full=True)
    assert result.built, result.reason
    made.full = marts_of(everything)
    return made


def test_a_change_is_derived_with_what_it_touches_and_nothing_else(company: Company) -> None:
    database = company.copy("changed")
    arrive(database, later_events())

    result = company.derive(database)

    assert result.built, result.reason
    assert result.scope is not None
    assert (result.scope.mode, result.scope.changed) == ("incremental", len(later_events()))
    assert company.differing(database) == set()
    with closing(database.connect()) as connection:
        rows = connection.execute("select key from derivation.scope where kind = 'contract'")
        touched = {row[0] for row in rows.fetchall()}
    assert {"overlapping", "cuts", "refunded", "first of twins", "alone"} <= touched
    assert "untouched" not in touched
    # what derives to nothing now has left the marts and stands in the exceptions
    assert any("emptied" in row for row in company.full["fct_exception"])
    assert not any("emptied" in row for row in company.full["fct_obligation_segment"])


def test_nothing_new_derives_nothing(company: Company) -> None:
    database = company.copy("unchanged")
    before = marts_of(database)

    result = company.derive(database)

    assert result.scope is not None
    assert (result.scope.mode, result.scope.contracts, result.scope.changed) == (
        "incremental",
        0,
        0,
    )
    assert marts_of(database) == before


def test_a_derive_that_died_is_made_up_for_by_the_next(company: Company) -> None:
    database = company.copy("died")
    arrive(database, later_events()[:6])
    with closing(database.connect(autocommit=True)) as connection:
        connection.execute("alter table marts.fct_revenue_schedule add check (false) not valid")
    assert not company.derive(database).built
    with closing(database.connect(autocommit=True)) as connection:
        connection.execute(
            "alter table marts.fct_revenue_schedule drop constraint fct_revenue_schedule_check"
        )
    arrive(database, later_events()[6:])

    result = company.derive(database)

    assert result.built, result.reason
    assert result.scope is not None
    assert result.scope.mode == "incremental"
    assert company.differing(database) == set()


def test_two_derives_at_once_take_turns(company: Company) -> None:
    database = company.copy("twice")
    order: list[str] = []

    def second() -> None:
        with deriving(database, project=company.project) as later:
            order.append(later.reason)

    with deriving(database, project=company.project) as first:
        waiting = Thread(target=second)
        waiting.start()
        waiting.join(1)
        order.append("first is done")
    waiting.join()

    assert order == ["first is done", f"follows run {first.run_id}"]


def cut(section: str, old: bytes, new: bytes) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    def mutate(parts: dict[str, bytes]) -> dict[str, bytes]:
        assert old in parts[section]
        return {**parts, section: parts[section].replace(old, new)}

    return mutate


@pytest.mark.parametrize(
    "mutate",
    [
        pytest.param(
            cut("couplings", b"analyze refunded_customer", b"delete from refunded_customer"),
            id="customers with refunds",
        ),
        pytest.param(
            cut("reach", b"loose.contract_id is null", b"false"), id="usage of the customer alone"
        ),
        pytest.param(cut("couplings", b"analyze twin", b"delete from twin"), id="colliding usage"),
        pytest.param(
            cut("couplings", b"analyze entity_pair", b"delete from entity_pair"),
            id="performing entities",
        ),
        pytest.param(
            cut("reach", b"linked.contract_id as key", b"null as key"), id="packages and renewals"
        ),
        pytest.param(
            cut("reach", b"and payments.invoice_id = reached.key", b"and false"),
            id="payments of invoices",
        ),
        pytest.param(
            cut("opened_entities", b"where exists", b"where not exists"), id="opening balances"
        ),
        pytest.param(
            cut("name_unassigned", b"'unassigned:'", b"'nothing:'"), id="documents of nobody"
        ),
    ],
)
def test_a_scope_that_leaves_out_a_coupling_is_noticed(
    company: Company,
    monkeypatch: pytest.MonkeyPatch,
    mutate: Callable[[dict[str, bytes]], dict[str, bytes]],
) -> None:
    broken = mutate(scope.statements())
    monkeypatch.setattr(scope, "statements", lambda: broken)
    database = company.copy("mutated")
    arrive(database, later_events())

    result = company.derive(database)

    assert not result.built or company.differing(database)
