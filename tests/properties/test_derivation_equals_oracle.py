"""The SQL derivation against the oracle on contracts nobody picked by hand.

One seed makes a few hundred contracts. A failure prints the seed: set REVENUE_TEST_SEED to it.
"""

import os
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

from revenue_pipeline.warehouse.database import Database
from tests.derivation import derive
from tests.oracle.revenue import released_on_termination, schedule, worth
from tests.properties.canonical_rows import ENTITY, FIRST_MONTH, LAST_DAY, Story, stories, write

pytestmark = pytest.mark.slow

SEED = int(os.environ.get("REVENUE_TEST_SEED", "20260115"))
COUNT = 240
HORIZON = date(2027, 12, 31)  # the longest renewing term that starts by LAST_DAY is over

Key = tuple[str, str, str, date]
COMPARED = ("fct_revenue_schedule", "fct_contract_position", "fct_accounting_movement")


def derived_schedule(connection: psycopg.Connection[Any]) -> dict[Key, int]:
    """What a termination releases is compared per contract: the oracle names no obligation."""
    rows = connection.execute(
        """
        select
            contract_id,
            case when component = 'termination' then '' else obligation_id end,
            component,
            economic_period,
            sum(recognized_minor)::bigint
        from marts.fct_revenue_schedule
        where entity_id = %s
        group by 1, 2, 3, 4
        having sum(recognized_minor) <> 0
        """,
        (ENTITY,),
    ).fetchall()
    return {(row[0], row[1], row[2], row[3]): row[4] for row in rows}


def told_schedule(told: list[Story]) -> dict[Key, int]:
    return {
        (
            story.contract_id,
            f"{story.contract_id}:{posting.obligation}" if posting.obligation else "",
            posting.component,
            posting.month,
        ): posting.amount
        for story in told
        for posting in schedule(story.told, FIRST_MONTH, HORIZON, renew_until=LAST_DAY)
    }


def allocated(connection: psycopg.Connection[Any]) -> dict[str, int]:
    """Price that the derivation gave to the obligations of each contract, earned or not."""
    rows = connection.execute(
        """
        select contract_id, sum(allocated_minor)::bigint
        from marts.fct_performance_obligation
        where entity_id = %s
        group by contract_id
        """,
        (ENTITY,),
    ).fetchall()
    return dict(rows)


def stated(told: list[Story]) -> dict[str, int]:
    """What each contract and what it carried over are worth; renewing and cut terms state none."""
    return {
        story.contract_id: worth(story.told)
        for story in told
        if not any(version.term_months for version in story.told.versions)
        and not (story.told.termination and story.told.termination.refund is None)
    }


def snapshot(connection: psycopg.Connection[Any]) -> dict[str, list[str]]:
    return {
        table: [
            row[0]
            for row in connection.execute(
                f"select t::text from marts.{table} as t order by t::text"  # type: ignore[arg-type]
            )
        ]
        for table in COMPARED
    }


def forget_everything(connection: psycopg.Connection[Any]) -> None:
    """Empty the append-only tables; only the owner of the server can, and only like this."""
    connection.execute("set session_replication_role = replica")
    connection.execute(
        "truncate canonical.contract_event, canonical.contract_line, canonical.fulfilment_event,"
        " canonical.invoice_event, canonical.invoice_line, canonical.price_component"
    )
    connection.execute("set session_replication_role = default")


@pytest.fixture
def told() -> list[Story]:
    print(f"REVENUE_TEST_SEED={SEED}")  # noqa: T201  shown by pytest when the test fails
    return stories(SEED, COUNT)


def test_derivation_equals_the_oracle_whatever_order_it_arrived_in(
    database: Database, told: list[Story], tmp_path: Path
):
    with database.connect(autocommit=True) as connection:
        with connection.transaction():
            write(connection, told, arrival=1)
        derive(tmp_path)

        expected, derived = told_schedule(told), derived_schedule(connection)
        different = {
            key: (expected.get(key, 0), derived.get(key, 0))
            for key in expected.keys() | derived.keys()
            if expected.get(key, 0) != derived.get(key, 0)
        }
        assert different == {}, "key: (oracle, derived)"

        prices, shares = stated(told), allocated(connection)
        assert {contract: shares[contract] for contract in prices} == prices

        first = snapshot(connection)
        with connection.transaction():
            forget_everything(connection)
            write(connection, told, arrival=2)
        derive(tmp_path, full=True)

        assert snapshot(connection) == first


def test_a_contract_earns_its_price_less_what_it_gave_back(told: list[Story]):
    """Of the oracle itself: what a contract that is over earned is what it is worth."""
    over = [
        story.told
        for story in told
        if not any(version.term_months for version in story.told.versions)
        and not (story.told.termination and story.told.termination.refund is None)
        and (story.told.termination or "point_in_time" not in _methods(story))
    ]

    earned: dict[str, int] = defaultdict(int)
    for contract in over:
        for posting in schedule(contract, FIRST_MONTH, LAST_DAY):
            earned[contract.contract_id] += posting.amount

    assert len(over) > COUNT // 4
    assert {c.contract_id: earned[c.contract_id] for c in over} == {
        c.contract_id: worth(c) for c in over
    }
    kept = [c for c in over if c.termination and released_on_termination(c)]
    assert kept
    for contract in kept:
        assert contract.termination is not None
        billed, refund = contract.termination.billed, contract.termination.refund
        assert billed is None or earned[contract.contract_id] == max(0, billed - (refund or 0))


def _methods(story: Story) -> set[str]:
    return {line.method for version in story.told.versions for line in version.lines}
