"""Entities that keep their books by weeks: published calendars, and revenue that follows them."""

from contextlib import closing
from datetime import date
from typing import Any

import pytest

from revenue_pipeline.derivation.project import build, copy_project, read_seed
from revenue_pipeline.ledger.periods import ensure_periods, period_state
from revenue_pipeline.warehouse.database import Database
from revenue_pipeline.warehouse.embedded import EmbeddedPostgres
from tests.conftest import MIGRATED, recreate
from tests.integration.canonical_events import contract, happened
from tests.integration.test_incremental_derive import arrive

NAME = "calendars"
# Retail: Saturday nearest to the end of January. Hardware: last Saturday of September.
RETAIL, HARDWARE = "RETAIL", "HARDWARE"
BOOKS = {
    RETAIL: (date(2023, 10, 29), date(2025, 1, 5)),
    HARDWARE: (date(2022, 9, 25), date(2024, 9, 1)),
}
CALENDARS = {RETAIL: ("4-5-4", 1, "nearest"), HARDWARE: ("4-4-5", 9, "last")}


def _seeds() -> dict[str, list[dict[str, str]]]:
    seeds: dict[str, list[dict[str, str]]] = {}
    for name in (
        "ref_entity_policies",
        "ref_products",
        "ref_accounts",
        "ref_credit_causes",
        "ref_standalone_prices",
    ):
        seeds[name] = [
            row | {"entity_id": entity}
            for entity in BOOKS
            for row in read_seed(name)
            if row["entity_id"] == "US"
        ]
    seeds["ref_legal_entities"] = [
        {
            "entity_id": entity,
            "entity_name": entity,
            "functional_currency_code": "USD",
            "accounting_time_zone": "UTC",
            "first_period": first.isoformat(),
            "last_period": last.isoformat(),
            "reason": "test",
        }
        for entity, (first, last) in BOOKS.items()
    ]
    seeds["ref_calendars"] = [
        {
            "entity_id": entity,
            "week_pattern": pattern,
            "year_end_month": str(month),
            "year_end_weekday": "6",
            "year_end_rule": rule,
            "reason": "test",
        }
        for entity, (pattern, month, rule) in CALENDARS.items()
    ]
    return seeds


@pytest.fixture(scope="module")
def books(cluster: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Database:
    recreate(cluster, NAME, MIGRATED)
    database = Database(cluster.url(NAME), cluster.root.parent)
    project = copy_project(tmp_path_factory.mktemp("calendars") / "project", further=_seeds())
    year = {"start": date(2024, 2, 4), "end": date(2025, 2, 1)}  # 52 weeks, 364 days
    invoiced = happened(
        "invoice_event",
        "i1",
        "invoice.posted",
        entity_id=RETAIL,
        contract_id="c1",
        customer_id="k",
        invoice_id="i1",
        issued_date=date(2024, 3, 2),
        due_date=date(2024, 3, 2),
        currency_code="USD",
    )
    invoiced.parts["invoice_line"] = [
        {
            "event_id": "i1",
            "line_no": 1,
            "invoice_line_id": "1",
            "contract_line_id": "a",
            "amount_minor": 36_400,
            "tax_minor": 0,
        }
    ]
    arrive(
        database,
        [
            contract(
                "c1",
                "k",
                amount=36_400,
                entity_id=RETAIL,
                **year,
                line={"service_start_date": year["start"], "recognition_method": "ratable_daily"},
            ),
            invoiced,
        ],
    )
    result = build(project, database, full=True)
    assert result.built, result.reason
    return database


def _ask(database: Database, query: str) -> list[tuple[Any, ...]]:
    with closing(database.connect()) as connection:
        return connection.execute(query.encode()).fetchall()


@pytest.mark.parametrize(
    ("entity", "last_days"),
    [
        # 53 weeks: the last period of the year has five of them instead of four
        (
            RETAIL,
            ["2023-11-25", "2023-12-30", "2024-02-03", "2024-03-02", "2024-04-06", "2024-05-04"],
        ),
        (HARDWARE, ["2022-10-22", "2022-11-19", "2022-12-24"]),
    ],
)
def test_periods_end_where_published_calendars_end(
    books: Database, entity: str, last_days: list[str]
) -> None:
    known = _ask(
        books,
        "select period_end_date::text from marts.dim_period"
        f" where entity_id = '{entity}' order by 1",
    )
    assert [row[0] for row in known[: len(last_days)]] == last_days


def test_fiscal_years_of_52_and_53_weeks_end_on_their_saturday(books: Database) -> None:
    ends = {
        row[0]
        for row in _ask(
            books,
            f"select period_end_date::text from marts.dim_period where entity_id = '{HARDWARE}'",
        )
    }
    # published ends of fiscal years 2023 (53 weeks) to 2028
    assert ends >= {
        "2023-09-30",
        "2024-09-28",
        "2025-09-27",
        "2026-09-26",
        "2027-09-25",
        "2028-09-30",
    }


def test_every_day_has_one_period_and_every_period_a_name_of_its_own(books: Database) -> None:
    assert _ask(
        books,
        """
        select entity_id, count(*) - count(distinct period_label),
            sum(period_end_date - period_start_date + 1)
            - (max(period_end_date) - min(period_start_date) + 1)
        from marts.dim_period where entity_id in ('RETAIL', 'HARDWARE')
        group by entity_id order by 1
        """,
    ) == [(HARDWARE, 0, 0), (RETAIL, 0, 0)]


def test_revenue_is_earned_by_the_days_of_the_period(books: Database) -> None:
    earned = _ask(
        books,
        "select economic_period::text, recognized_minor from marts.fct_revenue_schedule"
        " where entity_id = 'RETAIL' order by 1 limit 4",
    )
    # 100 a day: four weeks, five weeks, four weeks, four weeks
    assert earned == [
        ("2024-02-04", 2_800),
        ("2024-03-03", 3_500),
        ("2024-04-07", 2_800),
        ("2024-05-05", 2_800),
    ]


def test_movements_and_positions_follow_the_calendar(books: Database) -> None:
    periods = _ask(
        books,
        """
        select count(*) from marts.fct_accounting_movement as movements
        left join marts.dim_period as periods
            on movements.entity_id = periods.entity_id
            and movements.economic_period = periods.period_start_date
        where movements.entity_id = 'RETAIL' and (
            periods.entity_id is null
            or movements.economic_date < periods.period_start_date
            or movements.economic_date > periods.period_end_date
        )
        """,
    )
    assert periods == [(0,)]
    # billed on the last day of the first period, 28 days earned
    assert _ask(
        books,
        "select contract_liability_minor from marts.fct_contract_position"
        " where entity_id = 'RETAIL' and period_end_date = '2024-03-02'",
    ) == [(36_400 - 2_800,)]


def test_the_ledger_keeps_the_same_periods(books: Database) -> None:
    with closing(books.connect()) as connection:
        ensure_periods(connection, RETAIL, date(2024, 3, 3))
        assert period_state(connection, RETAIL, date(2024, 3, 3)) is not None
        assert period_state(connection, RETAIL, date(2024, 3, 1)) is None
        connection.rollback()
