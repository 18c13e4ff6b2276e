"""Stripe files, from the file to the canonical tables, on recorded input and on made-up input."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from revenue_pipeline.settings import load_settings
from revenue_pipeline.sources.ingest import IngestReport, ingest
from revenue_pipeline.sources.translate import translate_range

Connection = psycopg.Connection[Any]
DAY = 86_400
START = 1_735_689_600  # 2025-01-01T00:00:00Z


def land(connection: Connection, *paths: Path) -> IngestReport:
    return ingest(connection, "stripe", paths, settings=load_settings(), translate=True)


def land_objects(connection: Connection, folder: Path, *objects: object) -> IngestReport:
    path = folder / f"stripe-{random.getrandbits(64)}.json"
    path.write_text(json.dumps(list(objects)), encoding="utf-8")
    return land(connection, path)


def events(connection: Connection, table: str) -> list[tuple[str, str]]:
    query = f"select event_type, source_id from canonical.{table} order by 1, 2"
    return connection.execute(query.encode()).fetchall()


def complete(connection: Connection) -> bool:
    rows = connection.execute(
        "select received_count = processed_count + waiting_count + dead_count + duplicate_count"
        " from landing.completeness"
    ).fetchall()
    return bool(rows) and all(row[0] for row in rows)


def invoice(status: str = "open", **changes: object) -> dict[str, object]:
    paid = status == "paid"
    return {
        "object": "invoice",
        "id": "in_1",
        "status": status,
        "currency": "usd",
        "customer": "cus_1",
        "created": START,
        "number": "A-1",
        "subtotal": 1000,
        "total": 1000,
        "amount_paid": 1000 if paid else 0,
        "parent": {"subscription_details": {"metadata": {"contract_id": "C-1"}}},
        "status_transitions": {
            "finalized_at": START,
            "paid_at": START + DAY if paid else None,
            "voided_at": START + 2 * DAY if status == "void" else None,
        },
        "lines": {
            "object": "list",
            "has_more": False,
            "data": [
                {
                    "object": "line_item",
                    "id": "il_1",
                    "amount": 1000,
                    "currency": "usd",
                    "period": {"start": START, "end": START + 31 * DAY},
                    "quantity": 1,
                }
            ],
        },
        **changes,
    }


@pytest.mark.parametrize("name", ["stripe_pay_rails", "stripe_djstripe", "stripe_openapi"])
def test_recorded_stripe_input_is_translated_or_explained(
    connection: Connection, real: Path, name: str
) -> None:
    files = sorted((real / name).rglob("*.json"))

    report = land(connection, *files)

    assert not report.refused
    assert complete(connection)
    assert report.translation is not None
    assert report.translation.events
    assert all(letter.detail for letter in report.dead_letters)
    again = land(connection, *files)
    assert sum(file.added for file in again.files) == 0
    assert again.translation is not None
    assert again.translation.events == {}
    assert complete(connection)


def test_an_invoice_seen_open_and_paid_is_posted_once_and_paid_once(
    connection: Connection, tmp_path: Path
) -> None:
    land_objects(connection, tmp_path, invoice("open"))
    land_objects(connection, tmp_path, invoice("paid"))

    assert events(connection, "invoice_event") == [("invoice.posted", "in_1")]
    assert events(connection, "payment_event") == [("payment.settled", "in_1:paid")]


def test_both_shapes_of_the_api_give_one_invoice(connection: Connection, tmp_path: Path) -> None:
    new, old = invoice(), invoice()
    del old["parent"]
    old["metadata"] = {"contract_id": "C-1"}
    old["billing_reason"] = "subscription_cycle"

    land_objects(connection, tmp_path, new, old)

    assert events(connection, "invoice_event") == [("invoice.posted", "in_1")]


def test_the_period_of_a_line_ends_on_its_last_day(connection: Connection, tmp_path: Path) -> None:
    land_objects(connection, tmp_path, invoice())

    row = connection.execute(
        "select period_start_date::text, period_end_date::text from canonical.invoice_line"
    ).fetchone()
    assert row == ("2025-01-01", "2025-01-31")


def test_a_void_invoice_was_posted_and_is_taken_back(
    connection: Connection, tmp_path: Path
) -> None:
    land_objects(connection, tmp_path, invoice("void"))

    assert events(connection, "invoice_event") == [
        ("invoice.posted", "in_1"),
        ("invoice.voided", "in_1"),
    ]


def test_a_draft_is_no_accounting_document(connection: Connection, tmp_path: Path) -> None:
    report = land_objects(connection, tmp_path, invoice("draft"))

    assert report.dead_letters == ()
    assert events(connection, "invoice_event") == []
    row = connection.execute("select note from landing.attempt").fetchone()
    assert row is not None
    assert "draft" in row[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"currency": "zzz"},
        {"total": 1000.0},
        {"subtotal": 999},
        {"subtotal": 10**18, "total": 10**18},
        {"customer": None},
        {"status": "strange"},
        {"created": "yesterday", "status_transitions": {}},
        {"lines": {"data": "none"}},
        {"lines": {"data": [1]}},
        {"lines": {"data": [{"amount": True}]}},
    ],
)
def test_an_invoice_that_cannot_be_booked_is_a_dead_letter_and_the_next_one_goes_on(
    connection: Connection, tmp_path: Path, changes: dict[str, object]
) -> None:
    report = land_objects(connection, tmp_path, invoice(**changes), invoice(id="in_2"))

    assert len(report.dead_letters) == 1, report.dead_letters
    assert events(connection, "invoice_event") == [("invoice.posted", "in_2")]
    assert complete(connection)


def test_an_event_id_with_other_content_is_a_collision(
    connection: Connection, tmp_path: Path
) -> None:
    event = {"object": "event", "id": "evt_1", "type": "invoice.updated", "created": START}
    first = {**event, "pending_webhooks": 2, "data": {"object": invoice()}}
    retried = {**first, "pending_webhooks": 1}
    other = {**event, "data": {"object": invoice(id="in_2")}}

    report = land_objects(connection, tmp_path, first, retried, other)

    assert (report.files[0].duplicates, report.files[0].collisions) == (1, 1)
    assert [letter.reason_code for letter in report.dead_letters] == ["COLLISION"]


def test_a_refund_waits_for_its_charge_and_takes_the_customer_from_it(
    connection: Connection, tmp_path: Path
) -> None:
    refund = {
        "object": "refund",
        "id": "re_1",
        "status": "succeeded",
        "created": START,
        "currency": "usd",
        "amount": 500,
        "charge": "ch_1",
    }
    charge = {"object": "charge", "id": "ch_1", "customer": "cus_1", "invoice": "in_1"}

    first = land_objects(connection, tmp_path, refund)
    assert first.translation is not None
    assert (first.translation.waiting, first.translation.events) == (1, {})
    assert complete(connection)
    land_objects(connection, tmp_path, charge)

    rows = connection.execute(
        "select payment_id, customer_id, invoice_id, amount_minor from canonical.payment_event"
    ).fetchall()
    assert rows == [("re_1", "cus_1", "in_1", 500)]
    assert complete(connection)


SNAPSHOT = """
    select string_agg(row_text, chr(10) order by row_text) from (
        select (
            to_jsonb(t) - '{known_seq,inbox_id,payload_hash,raw_uri,recorded_at,written_in}'::text[]
        )::text as row_text
        from canonical.%s as t
    ) as rows
"""


def snapshot(connection: Connection) -> list[str]:
    tables = ("contract_event", "contract_line", "invoice_event", "invoice_line")
    more = ("credit_event", "payment_event", "usage_event", "entitlement_event")
    rows = [connection.execute((SNAPSHOT % t).encode()).fetchone() for t in (*tables, *more)]
    return [str(row[0]) for row in rows if row is not None]


def deliver(connection: Connection, folder: Path, objects: Sequence[object]) -> list[str]:
    with connection.transaction(force_rollback=True):
        cut = len(objects) // 2
        land_objects(connection, folder, *objects[:cut])
        land_objects(connection, folder, *objects[cut:])
        return snapshot(connection)


@pytest.mark.parametrize("seed", range(6))
def test_no_order_and_no_repetition_of_deliveries_changes_the_canonical_tables(
    connection: Connection, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    objects: list[object] = [
        state
        for number in range(5)
        for state in (
            invoice("draft", id=f"in_{number}"),
            invoice("open", id=f"in_{number}"),
            invoice(chance.choice(["paid", "void"]), id=f"in_{number}"),
        )
    ]
    expected = deliver(connection, tmp_path, objects)

    shuffled = objects + chance.choices(objects, k=10)
    chance.shuffle(shuffled)

    assert deliver(connection, tmp_path, shuffled) == expected, f"seed {seed}"


def test_translating_the_log_again_adds_no_event(connection: Connection, tmp_path: Path) -> None:
    land_objects(connection, tmp_path, invoice("paid"), invoice("void", id="in_2"))
    before = snapshot(connection)

    summary = translate_range(connection, 0, 2)

    assert summary.events == {}
    assert snapshot(connection) == before
    assert complete(connection)
