"""Everything that was planted in the sample is found, and nothing else."""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from revenue_pipeline.sample import write_sample
from revenue_pipeline.warehouse.database import Database

pytestmark = pytest.mark.slow

# Net of contract asset and contract liability: debits less credits, per contract.
NET_POSITION = """
    select
        contracts.contract_id,
        coalesce(sum(
            case when debit_role in ('contract_liability', 'contract_asset')
                then amount_minor else 0 end
            - case when credit_role in ('contract_liability', 'contract_asset')
                then amount_minor else 0 end
        ), 0)::bigint as net_minor
    from marts.dim_contract as contracts
    left join marts.fct_accounting_movement as movements
        on contracts.entity_id = movements.entity_id
        and contracts.contract_id = movements.contract_id
    where contracts.end_date < '2026-02-01' and not contracts.is_quarantined
    group by contracts.contract_id
"""


@pytest.fixture
def marts(sample_database: Database) -> Iterator[psycopg.Connection[Any]]:
    with sample_database.connect() as opened:
        yield opened


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("answers")
    write_sample(folder)
    loaded: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, dict[str, Any]]]:
    folder: Path = tmp_path_factory.mktemp("documents")
    write_sample(folder)
    found = []
    for tenant, currency in (("acct_us", "USD"), ("acct_de", "EUR")):
        text = (folder / "stripe" / f"{tenant}.jsonl").read_text(encoding="utf-8")
        found += [(currency, json.loads(line)) for line in text.splitlines()]
    return found


def test_the_exceptions_are_exactly_the_planted_ones(
    marts: psycopg.Connection[Any], manifest: dict[str, Any]
) -> None:
    found: dict[str, list[str]] = defaultdict(list)
    query = """
        select exceptions.reason_code, coalesce(usage.usage_id, exceptions.subject_id)
        from marts.fct_exception as exceptions
        left join marts.fct_usage_entitlement as usage
            on exceptions.subject_type = 'usage' and exceptions.subject_id = usage.event_id
    """
    for reason, subject in marts.execute(query):
        found[reason].append(subject)
    assert {reason: len(ids) for reason, ids in found.items()} == {
        reason: len(ids) for reason, ids in manifest["planted"].items()
    }
    assert {reason: sorted(ids) for reason, ids in found.items()} == manifest["planted"]


def test_each_exception_puts_the_planted_amount_at_risk(
    marts: psycopg.Connection[Any], manifest: dict[str, Any]
) -> None:
    found: dict[str, dict[str, int]] = defaultdict(dict)
    query = """
        select
            exceptions.reason_code,
            coalesce(usage.usage_id, exceptions.subject_id),
            exceptions.amount_at_risk_minor
        from marts.fct_exception as exceptions
        left join marts.fct_usage_entitlement as usage
            on exceptions.subject_type = 'usage' and exceptions.subject_id = usage.event_id
    """
    for reason, subject, amount in marts.execute(query):
        found[reason][subject] = amount
    assert found == manifest["planted_minor"]


def test_every_kind_of_fault_is_planted(manifest: dict[str, Any]) -> None:
    assert set(manifest["planted"]) == {
        "STALE_PRICE",
        "BEFORE_START",
        "AFTER_END",
        "NOT_IN_PLAN",
        "NO_CONTRACT",
        "CREDIT_WITHOUT_CAUSE",
        "OVERLAPPING_RENEWAL",
    }


def test_only_planted_usage_is_without_a_right(
    marts: psycopg.Connection[Any], manifest: dict[str, Any]
) -> None:
    reasons = ("BEFORE_START", "AFTER_END", "NOT_IN_PLAN", "NO_CONTRACT")
    rows = marts.execute("select usage_id from marts.fct_usage_entitlement where not is_entitled")
    planted = {usage_id for reason in reasons for usage_id in manifest["planted"][reason]}
    assert {usage_id for (usage_id,) in rows} == planted


def test_only_overlapping_renewals_are_kept_out_of_revenue(
    marts: psycopg.Connection[Any], manifest: dict[str, Any]
) -> None:
    rows = marts.execute("select contract_id from marts.dim_contract where is_quarantined")
    quarantined = sorted(contract for (contract,) in rows)
    assert quarantined == manifest["planted"]["OVERLAPPING_RENEWAL"]
    earned = marts.execute(
        "select count(*) from marts.fct_revenue_schedule where contract_id = any(%s)",
        (quarantined,),
    ).fetchone()
    assert earned == (0,)


def test_a_completed_contract_has_earned_what_was_billed_unless_billed_at_a_stale_price(
    marts: psycopg.Connection[Any],
) -> None:
    stale = {
        contract
        for (contract,) in marts.execute(
            "select contract_id from marts.fct_exception where reason_code = 'STALE_PRICE'"
        )
    }
    net: dict[str, int] = dict(marts.execute(NET_POSITION).fetchall())
    assert len(net) > 50
    unsettled = {contract for contract, minor in net.items() if minor}
    assert unsettled <= stale
    assert unsettled == stale & set(net)


def test_the_books_hold_every_document_of_the_sample(
    marts: psycopg.Connection[Any], documents: list[tuple[str, dict[str, Any]]]
) -> None:
    expected: dict[tuple[str, str], int] = defaultdict(int)
    for currency, document in documents:
        if document["object"] == "invoice":
            expected[currency, "billing"] += document["subtotal"]
            expected[currency, "tax"] += document["total"] - document["subtotal"]
            expected[currency, "payment"] += document["amount_paid"]
        elif document["object"] == "credit_note":
            expected[currency, "credit"] += document["subtotal"]
            expected[currency, "credit_tax"] += document["total"] - document["subtotal"]
        else:
            expected[currency, "refund"] += document["amount"]
    rows = marts.execute(
        "select currency_code, movement, sum(amount_minor)::bigint"
        " from marts.fct_accounting_movement"
        " where movement in ('billing', 'tax', 'payment', 'credit', 'credit_tax', 'refund')"
        " group by currency_code, movement"
    )
    assert {(code, movement): amount for code, movement, amount in rows} == dict(expected)


def test_a_bundle_gives_each_promise_its_share_of_the_price(
    marts: psycopg.Connection[Any],
) -> None:
    # A renewal that cuts its old term short takes over the rest of its price: one arrangement.
    row = marts.execute(
        """
        select
            count(*) filter (where price_minor <> allocated_minor) as wrong,
            count(*) as contracts
        from (
            select entity_id, arrangement_id, sum(transaction_price_minor) as price_minor
            from marts.dim_contract
            where not is_quarantined
            group by entity_id, arrangement_id
        ) as told
        inner join (
            select entity_id, arrangement_id, sum(allocated_minor) as allocated_minor
            from marts.fct_performance_obligation
            group by entity_id, arrangement_id
        ) as allocated using (entity_id, arrangement_id)
        """
    ).fetchone()
    assert row is not None
    wrong, contracts = row
    assert wrong == 0
    assert contracts > 200
