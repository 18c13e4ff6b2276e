"""A public data set nobody here wrote, through the whole pipeline, with its known answer."""

from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

from revenue_pipeline.ledger.periods import close_period
from revenue_pipeline.ledger.post import post_period
from revenue_pipeline.quality.gate import evaluate_gate
from revenue_pipeline.quality.suites import ERP_JOURNALS
from revenue_pipeline.settings import load_settings
from revenue_pipeline.sources.ingest import ingest
from revenue_pipeline.warehouse.database import Database
from tests.derivation import derive

pytestmark = pytest.mark.slow

SUBSCRIPTIONS, USAGE_ROWS = 3_407, 17_149
BEFORE_START, AFTER_END, COLLISIONS = 13_146, 185, 9


def number(connection: psycopg.Connection[Any], query: str) -> int:
    row = connection.execute(query).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return int(row[0])


def test_usage_without_a_right_stands_in_the_exceptions_and_earns_nothing(
    database: Database, connection: psycopg.Connection[Any], real: Path, tmp_path: Path
) -> None:
    folder = real / "saas_ravenstack"
    settings = load_settings()

    contracts = ingest(
        connection,
        "ravenstack_subscriptions",
        [folder / "ravenstack_subscriptions.csv"],
        settings=settings,
        translate=True,
    )
    usage = ingest(
        connection,
        "ravenstack_usage",
        [folder / "ravenstack_feature_usage.csv"],
        settings=settings,
        translate=True,
    )
    connection.commit()
    derive(tmp_path)

    assert not contracts.refused
    assert not usage.refused
    assert number(connection, "select count(*) from marts.dim_contract") == SUBSCRIPTIONS
    assert number(connection, "select count(*) from marts.fct_usage_entitlement") == USAGE_ROWS
    reasons = connection.execute(
        "select reason_code, count(*) from marts.fct_exception group by reason_code"
    ).fetchall()
    assert dict(reasons) == {
        "BEFORE_START": BEFORE_START,
        "AFTER_END": AFTER_END,
        "COLLISION": COLLISIONS,
    }
    assert (
        number(
            connection,
            """
            select count(*) from marts.fct_usage_entitlement as usage
            where usage.is_entitled and exists (
                select 1 from marts.fct_exception as held
                where held.entity_id = usage.entity_id
                    and held.subject_id in (usage.event_id, usage.usage_id)
            )
            """,
        )
        == 0
    )
    connection.commit()

    judged = evaluate_gate(database, ERP_JOURNALS, "RAVEN", "test")
    assert judged.broken_rules == ()
    posted = post_period(connection, entity_id="RAVEN", period=date(2023, 1, 1), run_id="test")
    assert posted.lines > 0
    assert close_period(connection, "RAVEN", date(2023, 1, 1), "test", "known answer")
    connection.commit()
    again = post_period(connection, entity_id="RAVEN", period=date(2023, 1, 1), run_id="test")
    assert again.batch_id is None
    assert (
        number(
            connection,
            "select coalesce(sum(amount_minor), 0) from ledger.journal_line",
        )
        == 0
    )
