"""What must hold whatever a contract says, on two thousand contracts nobody picked by hand.

All are derived in one build, some also told another way (shuffled, scaled, billed differently,
credited and billed again). A failure prints the seed, and the first contract it is about as a case:
save it beside tests/golden/golden.schema.json and ``revenue cases run`` shows it alone.
REVENUE_TEST_SEED and REVENUE_TEST_COUNT ask for other contracts and another number of them.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from revenue_pipeline.cases.figures import Figures
from revenue_pipeline.settings import Settings
from revenue_pipeline.warehouse.database import Database
from revenue_pipeline.warehouse.embedded import EmbeddedPostgres
from tests.conftest import MIGRATED, recreate
from tests.properties import checks
from tests.properties.case_variants import WAVED
from tests.properties.checks import Check, Found
from tests.properties.derived_contracts import (
    Contracts,
    Derived,
    derive,
    derive_later,
    draw_contracts,
)

pytestmark = pytest.mark.slow

SEED = int(os.environ.get("REVENUE_TEST_SEED", "11"))
COUNT = int(os.environ.get("REVENUE_TEST_COUNT", "2060"))  # a few close months and are left out
VARIED = max(COUNT // 13, 30)
SHOWN = 20
GROWING = "properties_growing"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("properties") / "project"


@pytest.fixture(scope="module")
def derived(cluster: EmbeddedPostgres, project: Path) -> Iterator[Derived]:
    """All contracts in one derive; the database that goes on is another one."""
    recreate(cluster, GROWING, MIGRATED)
    contracts = draw_contracts(SEED, COUNT, VARIED)
    figures = derive(contracts, *growing(cluster), project)
    recreate(cluster, "properties", GROWING)
    database = Database(cluster.url("properties"), cluster.root.parent)
    with closing(database.connect(autocommit=True)) as connection:
        yield Derived(contracts, figures, connection)


@pytest.fixture(scope="module")
def grown(derived: Derived, cluster: EmbeddedPostgres, project: Path) -> Derived:
    """What arrived later is derived too, by itself."""
    later = derive_later(derived.contracts, *growing(cluster), project)
    assert len(later) > VARIED // 2
    return replace(derived, figures={**derived.figures, **later})


def growing(cluster: EmbeddedPostgres) -> tuple[Database, Settings]:
    url = cluster.url(GROWING)
    return Database(url, cluster.root.parent), Settings(home=cluster.root.parent, database_url=url)


@pytest.fixture(autouse=True)
def _seed() -> None:
    print(f"REVENUE_TEST_SEED={SEED}")  # noqa: T201  shown by pytest when a test fails


# Each property, and of how many things it must have been asked, as a part of all contracts.
PROPERTIES: dict[Check, float] = {
    checks.as_the_oracle_says: 0.97,
    checks.allocation_adds_up: 1,
    checks.allocation_is_what_events_tell: 0.9,
    checks.lifetime_revenue_is_the_price: 0.1,
    checks.time_based_revenue_only_grows: 0.25,
    checks.no_day_is_earned_twice: 1,
    checks.superseded_days_are_earned_once: 0.002,
    checks.a_change_goes_on_where_the_old_terms_stood: 0.02,
    checks.order_and_repetition_change_nothing: 0.07,
    checks.later_is_as_if_at_once: 0.07,
    checks.a_hundred_times_is_a_hundred_times: 0.07,
    checks.splitting_invoices_moves_nothing: 0.07,
    checks.billing_in_parts_moves_no_revenue: 0.07,
    checks.a_credit_and_its_rebill_net_to_zero: 0.04,
}


@pytest.mark.parametrize("check", PROPERTIES, ids=lambda check: check.__name__)
def test_always_holds(grown: Derived, check: Check) -> None:
    found = check(grown)
    assert found.checked >= PROPERTIES[check] * COUNT
    assert not found.wrong, told(grown.contracts, found)


def test_what_nothing_arrived_for_stays_as_it_was(
    derived: Derived, grown: Derived, cluster: EmbeddedPostgres
) -> None:
    assert grown is not derived
    with closing(growing(cluster)[0].connect(autocommit=True)) as connection:
        assert others(connection) == others(derived.connection)


def others(connection: psycopg.Connection[Any]) -> dict[str, tuple[int, str]]:
    """Number and digest of the rows of each mart that belong to contracts told at once."""
    marts = connection.execute(
        """
        select table_name from information_schema.columns
        where table_schema = 'marts' and column_name = 'entity_id' order by table_name
        """
    ).fetchall()
    assert len(marts) > 10
    return {
        mart: connection.execute(
            f"select count(*), md5(string_agg(t::text, '' order by t::text)) from marts.{mart} as t"
            f" where split_part(entity_id, '/', 1) not like '%-{WAVED}'".encode()
        ).fetchone()
        for (mart,) in marts
    }


def test_two_thousand_contracts_are_asked(derived: Derived) -> None:
    assert len(derived.contracts.cases) >= min(2000, 0.97 * COUNT)


def told(contracts: Contracts, found: Found) -> str:
    """Everything that is wrong in short, and the first contract of it whole."""
    lines = [f"seed {SEED}: {len(found.wrong)} of {found.checked} wrong"]
    lines += [f"{each.case_id}: {each.reason}" for each in found.wrong[:SHOWN]]
    by_id = {case.case_id: case for case in contracts.all}
    first = next((each.case_id for each in found.wrong if each.case_id in by_id), None)
    if first is not None:
        lines += [f"--- {first}.yaml", yaml.safe_dump(by_id[first].content, sort_keys=False)]
    return "\n".join(lines)


# --- Whether each check can fail: one figure is wrong by the smallest unit ----------------------


def one_more(figures: Figures, account: str = "revenue") -> Figures:
    """The same, one posting of an account larger by one."""
    place = next(i for i, each in enumerate(figures.postings) if each.account == account)
    posting = figures.postings[place]
    larger = replace(
        posting,
        amount_minor=posting.amount_minor + 1,
        functional_minor=posting.functional_minor + 1,
    )
    return replace(
        figures, postings=(*figures.postings[:place], larger, *figures.postings[place + 1 :])
    )


@contextmanager
def wrong_figures(derived: Derived, *, variant: str = "") -> Iterator[Derived]:
    """Of one case, or of the variant of one, a posting of revenue is wrong."""
    cases = derived.contracts.variants[variant] if variant else derived.contracts.cases
    name = next(
        case.case_id
        for case in cases.values()
        if any(each.account == "revenue" for each in derived.figures[case.case_id].postings)
        and (variant or checks.is_performed_whole(case.content))
        and (variant or case.convention["minor_unit"] == "0.01")
    )
    figures = {**derived.figures, name: one_more(derived.figures[name])}
    yield replace(derived, figures=figures)


@contextmanager
def wrong_row(derived: Derived, statement: str) -> Iterator[Derived]:
    """One row of a model is wrong, until the end of the block."""
    with derived.connection.transaction(force_rollback=True):
        changed = derived.connection.execute(statement.encode())
        assert changed.rowcount > 0
        yield derived


def one_of(table: str, change: str, condition: str = "true") -> str:
    """A statement that changes one row of a model, always the same one."""
    return f"""
        update intermediate.{table} set {change}
        where ctid = (select ctid from intermediate.{table} where {condition} order by ctid limit 1)
    """


PAST_THE_RENEWAL = """
    update intermediate.earned_by_day as days set day = renewals.supersedes_from_date
    from canonical.contract_event as renewals
    where
        renewals.entity_id = days.entity_id
        and days.obligation_id like renewals.replaces_contract_id || ':%'
        and renewals.supersedes_from_date is not null
        and days.earned_minor <> days.base_minor
"""
IS_FOLLOWED = """
    exists (
        select 1 from intermediate.int_obligations__segments as later
        where
            later.entity_id = int_obligations__segments.entity_id
            and later.obligation_id = int_obligations__segments.obligation_id
            and later.in_force_from = int_obligations__segments.until_date
            and later.until_date is null
    )
"""
HAS_DAY_BEFORE = """
    price_mode = 'repool' and effective_date = in_force_from
    and (entity_id, obligation_id, effective_date - 1) in (
        select entity_id, obligation_id, day from intermediate.earned_by_day
    )
"""
FAULTS: dict[Check, Callable[[Derived], AbstractContextManager[Derived]]] = {
    checks.as_the_oracle_says: wrong_figures,
    checks.allocation_adds_up: partial(
        wrong_row,
        statement=one_of("int_prices__allocated", "allocated_minor = allocated_minor + 1"),
    ),
    checks.allocation_is_what_events_tell: partial(
        wrong_row, statement=one_of("int_prices__told", "price_minor = price_minor + 1")
    ),
    checks.lifetime_revenue_is_the_price: wrong_figures,
    checks.time_based_revenue_only_grows: partial(
        wrong_row,
        statement=one_of("earned_by_day", "earned_minor = base_minor - 1", "price_minor > 0"),
    ),
    checks.no_day_is_earned_twice: partial(
        wrong_row,
        statement=one_of("int_obligations__segments", "until_date = until_date + 1", IS_FOLLOWED),
    ),
    checks.superseded_days_are_earned_once: partial(wrong_row, statement=PAST_THE_RENEWAL),
    checks.a_change_goes_on_where_the_old_terms_stood: partial(
        wrong_row,
        statement=one_of(
            "int_obligations__segments",
            "base_minor = base_minor + 1",
            HAS_DAY_BEFORE,
        ),
    ),
    checks.order_and_repetition_change_nothing: partial(wrong_figures, variant="shuffled"),
    checks.later_is_as_if_at_once: partial(wrong_figures, variant=WAVED),
    checks.a_hundred_times_is_a_hundred_times: partial(wrong_figures, variant="scaled"),
    checks.splitting_invoices_moves_nothing: partial(wrong_figures, variant="split"),
    checks.billing_in_parts_moves_no_revenue: partial(wrong_figures, variant="rebilled"),
    checks.a_credit_and_its_rebill_net_to_zero: partial(wrong_figures, variant="credited"),
}


@pytest.mark.parametrize("check", PROPERTIES, ids=lambda check: check.__name__)
def test_a_wrong_figure_is_noticed(grown: Derived, check: Check) -> None:
    sound = set(check(grown).wrong)
    with FAULTS[check](grown) as faulty:
        noticed = set(check(faulty).wrong) - sound
    assert noticed


def test_a_failure_shows_the_contract_it_is_about(derived: Derived) -> None:
    with wrong_figures(derived) as faulty:
        shown = told(derived.contracts, checks.as_the_oracle_says(faulty))
    first = shown.partition("--- ")[2]
    name, _, text = first.partition(".yaml\n")
    assert yaml.safe_load(text) == derived.contracts.cases[name].content
