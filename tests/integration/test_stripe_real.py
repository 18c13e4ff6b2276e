"""Recorded Stripe answers, webhooks and fixtures: nothing crashes, nothing is lost."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from revenue_pipeline.settings import load_settings
from revenue_pipeline.sources.ingest import IngestReport, ingest

Connection = psycopg.Connection[Any]

FOLDERS = ("stripe_pay_rails", "stripe_djstripe", "stripe_openapi")


def land(connection: Connection, folder: Path, tenant: str = "default") -> IngestReport:
    files = sorted(folder.rglob("*.json"))
    assert files
    report = ingest(
        connection, "stripe", files, settings=load_settings(), tenant=tenant, translate=True
    )
    connection.commit()
    return report


def counts(connection: Connection) -> dict[str, int]:
    row = connection.execute(
        "select received_count, processed_count, waiting_count, dead_count, duplicate_count"
        " from landing.completeness where source = 'stripe'"
    ).fetchone()
    assert row is not None
    return dict(zip(("received", "processed", "waiting", "dead", "duplicate"), row, strict=True))


def events(connection: Connection, table: str) -> dict[str, int]:
    return dict(
        connection.execute(
            f"select event_type, count(*) from canonical.{table} group by 1".encode()
        ).fetchall()
    )


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_object_received_is_accounted_for(
    connection: Connection, real: Path, folder: str
) -> None:
    report = land(connection, real / folder)
    assert not report.refused
    found = counts(connection)
    assert found["received"] == sum(file.received for file in report.files) > 0
    assert found["waiting"] == 0
    assert found["received"] == found["processed"] + found["dead"] + found["duplicate"]


def test_a_second_time_everything_is_a_duplicate_and_nothing_is_booked(
    connection: Connection, real: Path
) -> None:
    for folder in FOLDERS:
        land(connection, real / folder)
    before = counts(connection)
    for folder in FOLDERS:
        report = land(connection, real / folder)
        assert report.translation is not None
        assert report.translation.events == {}
        assert sum(file.added for file in report.files) == 0
    after = counts(connection)
    assert after["processed"] == before["processed"]
    assert after["received"] == 2 * before["received"]
    assert after["duplicate"] == before["duplicate"] + before["received"]


def test_recordings_of_seven_api_versions_are_booked(connection: Connection, real: Path) -> None:
    report = land(connection, real / "stripe_pay_rails")
    for letter in report.dead_letters:
        assert letter.reason_code == "IDENTITY_CONFLICT", str(letter)
    assert events(connection, "invoice_event") == {"invoice.posted": 11}
    assert events(connection, "payment_event") == {"payment.settled": 10, "payment.refunded": 2}
    # Line amounts are gross, subtotal is net of the items' discounts, the total of all: 245.12.
    row = connection.execute(
        "select sum(amount_minor), sum(tax_minor) from canonical.invoice_line"
        " inner join canonical.invoice_event using (event_id)"
        " where invoice_id = 'in_1RFFohKXBGcbgpbZk9MxzDMc'"
    ).fetchone()
    assert row == (22707, 1805)


def test_a_plan_swap_is_two_prorations(connection: Connection, real: Path) -> None:
    land(connection, real / "stripe_pay_rails")
    rows = connection.execute(
        "select amount_minor, is_proration from canonical.invoice_line"
        " inner join canonical.invoice_event using (event_id)"
        " where invoice_id = 'in_1SRzq3KXBGcbgpbZInUxyXNS' order by line_no"
    ).fetchall()
    assert rows == [(-2500, True), (25000, True)]


def test_tax_inside_a_price_is_no_revenue(connection: Connection, real: Path) -> None:
    report = land(connection, real / "stripe_djstripe")
    assert [letter.reason_code for letter in report.dead_letters] == ["SCHEMA"]
    row = connection.execute(
        "select amount_minor, tax_minor from canonical.invoice_line"
        " inner join canonical.invoice_event using (event_id)"
        " where invoice_id = 'in_fakefakefakefakefake0004'"
    ).fetchone()
    assert row == (3478, 522)


def test_a_readme_is_refused_and_the_files_beside_it_are_kept(
    connection: Connection, real: Path
) -> None:
    report = ingest(
        connection, "stripe", [real / "stripe_openapi"], settings=load_settings(), translate=True
    )
    refused = {Path(file.path).name for file in report.files if file.refused}
    assert refused == {"README.md", "LICENSE.upstream.txt"}
    assert counts(connection)["received"] == sum(file.received for file in report.files) > 0
