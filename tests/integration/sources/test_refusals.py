"""What is refused as a whole, what row by row, and that nothing is lost either way."""

import os
from pathlib import Path
from typing import Any

import psycopg
import pytest

import revenue_pipeline.sources.translate as translation
from revenue_pipeline.landing.watermarks import read_watermark
from revenue_pipeline.settings import load_settings
from revenue_pipeline.sources.ingest import IngestReport, ingest
from revenue_pipeline.sources.translate import translate_pending

Connection = psycopg.Connection[Any]
HEADER = "usage_id,customer_id,contract_id,meter,quantity,usage_at\n"
INVOICES = (
    "invoice_id,invoice_number,contract_id,customer_id,issued_date,due_date,line_id,"
    "contract_line_id,product_code,quantity,amount,tax,currency,period_start_date,"
    "period_end_date,price_ref\n"
)
CONTRACTS = (
    "contract_id,version,event_type,customer_id,signed_date,effective_date,end_date,term_months,"
    "replaces_contract_id,line_id,product_code,quantity,amount,currency,service_start_date,"
    "service_end_date,price_ref,usage_meter,unit_price,included_quantity\n"
)
GOOD_USAGE = "U0,K1,,m,1,2025-01-01\n"
GOOD_INVOICE = "I-0,,C-1,K-1,2025-01-15,,L-1,,PLATFORM,1,10.00,1.90,EUR,2025-01-01,2025-01-31,\n"
GOOD_CONTRACT = (
    "C-0,1,,K-1,2025-01-01,2025-01-01,2025-12-31,,,L-1,PLATFORM,1,1200.00,USD,"
    "2025-01-01,2025-12-31,,,,\n"
)


def land(
    connection: Connection, source: str, *paths: Path | str, root: Path | None = None
) -> IngestReport:
    return ingest(connection, source, paths, settings=load_settings(), root=root, translate=True)


def written(folder: Path, content: str | bytes, name: str = "rows.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def count(connection: Connection, table: str) -> int:
    row = connection.execute(f"select count(*) from {table}".encode()).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b" \n\n", "the file is empty"),
        (HEADER.encode(), "no rows"),
        (b"usage_id,customer\nU1,K1\n", "row 1: wrong header"),
        (HEADER.replace("meter,", "").encode() + b"x\n", "without meter"),
        (b"customer_id,usage_id,contract_id,meter,quantity,usage_at\nx\n", "another order"),
        (
            HEADER.encode() + b"U1,K1,,m,1,2025-01-01\nU2,K\xff,,m,1,2025-01-01\n",
            "row 3: byte 0xff",
        ),
        (HEADER.encode() + b'U1,"K1,,m,1,2025-01-01\nU2,K1,,m,1,2025-01-01\n', "never closed"),
    ],
)
def test_a_file_that_is_not_as_agreed_is_refused_whole(
    connection: Connection, tmp_path: Path, content: bytes, said: str
) -> None:
    report = land(connection, "usage_v1", written(tmp_path, content))

    assert report.refused
    reason = report.files[0].reason or ""
    assert "rows.csv" in reason
    assert said in reason
    assert count(connection, "landing.inbox") == 0
    assert count(connection, "landing.load where refused_reason is not null") == 1


@pytest.mark.parametrize("content", [b"\x00\x01", b"hello", b"17", b'{"a": ', b"\xff{}"])
def test_what_is_no_json_is_refused_by_stripe(
    connection: Connection, tmp_path: Path, content: bytes
) -> None:
    assert land(connection, "stripe", written(tmp_path, content, "x.json")).refused
    assert count(connection, "landing.inbox") == 0


def test_paths_that_leave_their_folder_are_refused(connection: Connection, tmp_path: Path) -> None:
    secret = written(tmp_path, HEADER + "U1,K1,,m,1,2025-01-01\n", "secret.csv")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link.csv").symlink_to(secret)
    os.mkfifo(inside / "pipe.csv")

    for path in ("../secret.csv", "link.csv", "pipe.csv", "absent.csv", inside, "a\x00b"):
        report = land(connection, "usage_v1", path, root=inside)
        assert report.refused, path
        assert count(connection, "landing.inbox") == 0, path
    assert not land(connection, "usage_v1", secret, root=inside).refused


def test_a_refused_file_does_not_stop_the_next(connection: Connection, tmp_path: Path) -> None:
    bad = written(tmp_path, "", "a.csv")
    good = written(tmp_path, HEADER + "U1,K1,,m,1,2025-01-01\n", "b.csv")

    report = land(connection, "usage_v1", bad, good)

    assert [file.refused for file in report.files] == [True, False]
    assert count(connection, "canonical.usage_event") == 1


FILES = {
    "usage_v1": (HEADER, GOOD_USAGE),
    "invoices_v1": (INVOICES, GOOD_INVOICE),
    "contracts_v1": (CONTRACTS, GOOD_CONTRACT),
}


@pytest.mark.parametrize(
    ("source", "old", "new", "said"),
    [
        ("usage_v1", "m,1,", "m,NaN,", "NaN"),
        ("usage_v1", "m,1,", "m,1e5,", "1e5"),
        ("usage_v1", "2025-01-01", "2025-13-01", "usage_at"),
        ("usage_v1", "K1", "", "customer_id"),
        ("usage_v1", "K1", "=cmd|' /C calc'!A0", "formula"),
        ("usage_v1", "K1", "@SUM(A1)", "formula"),
        ("usage_v1", "K1", "-2+3+cmd|' /C calc'!A0", "formula"),
        ("usage_v1", ",2025-01-01", "", "5 cells"),
        ("usage_v1", "K1", "K\x001", "NUL"),
        ("usage_v1", "K1", '5" pipe, 6', "7 cells"),
        ("invoices_v1", "10.00", "10.005", "10.005"),
        ("invoices_v1", "10.00", "1" + "0" * 18, "10^17"),
        ("invoices_v1", "EUR", "QQQ", "QQQ"),
        ("invoices_v1", "10.00", "", "amount"),
        ("contracts_v1", "2025-12-31", "2024-12-31", "before"),
        ("contracts_v1", ",1,,K", ",1,torn,K", "torn"),
    ],
)
def test_a_bad_row_is_kept_and_named_and_the_others_go_on(
    connection: Connection, tmp_path: Path, *, source: str, old: str, new: str, said: str
) -> None:
    header, good = FILES[source]
    bad = good.replace("I-0", "I-9").replace("C-0", "C-9").replace("U0", "U9").replace(old, new)
    path = written(tmp_path, header + bad + good)

    report = land(connection, source, path)

    assert not report.refused
    assert len(report.dead_letters) == 1, report.dead_letters
    letter = str(report.dead_letters[0])
    assert f"{path}:2: " in letter
    assert said in letter
    assert count(connection, "landing.inbox") == 2
    assert report.translation is not None
    assert report.translation.processed == 1


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "0001-01-01T00:00:00+14:00"])
@pytest.mark.parametrize("tenant", ["acct_us", "acct_de"])
def test_days_at_the_edge_of_the_calendar_crash_nothing(
    connection: Connection, tmp_path: Path, day: str, tenant: str
) -> None:
    path = written(tmp_path, HEADER + f"U1,K1,,m,1,{day}\n" + GOOD_USAGE)

    report = ingest(
        connection, "usage_v1", [path], settings=load_settings(), tenant=tenant, translate=True
    )

    assert report.translation is not None
    assert report.translation.processed + report.translation.dead == 2
    assert report.translation.processed >= 1


def test_two_contracts_under_one_key_are_a_collision(
    connection: Connection, tmp_path: Path
) -> None:
    other = GOOD_CONTRACT.replace("1200.00", "1300.00")

    report = land(
        connection, "contracts_v1", written(tmp_path, CONTRACTS + GOOD_CONTRACT * 2 + other)
    )

    file = report.files[0]
    assert (file.received, file.added, file.duplicates, file.collisions) == (3, 2, 1, 1)
    assert [letter.reason_code for letter in report.dead_letters] == ["COLLISION"]
    assert count(connection, "canonical.contract_event") == 1


def test_a_quoted_cell_may_hold_a_line_break_and_a_file_a_byte_order_mark(
    connection: Connection, tmp_path: Path
) -> None:
    content = (
        "\ufeff" + HEADER + 'U1,"K\n1",,m,1,2025-01-01\r\nU2,K2,,m,2,2025-01-01T23:30:00-05:00'
    )

    report = land(connection, "usage_v1", written(tmp_path, content))

    assert report.dead_letters == ()
    rows = connection.execute(
        "select usage_id, customer_id, usage_date::text from canonical.usage_event order by 1"
    ).fetchall()
    assert rows == [("U1", "K\n1", "2025-01-01"), ("U2", "K2", "2025-01-02")]


def test_a_crash_while_translating_leaves_neither_rows_nor_watermark(
    connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, HEADER + "U1,K1,,m,1,2025-01-01\n")
    ingest(connection, "usage_v1", [path], settings=load_settings())
    connection.commit()

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(translation, "write_watermark", crash)
        with pytest.raises(KeyboardInterrupt):
            translate_pending(connection)
    assert count(connection, "canonical.usage_event") == 0
    assert count(connection, "landing.attempt") == 0
    assert read_watermark(connection, translation.CONSUMER) == 0

    assert translate_pending(connection).events == {"usage.recorded": 1}
    assert read_watermark(connection, translation.CONSUMER) == 1
    assert translate_pending(connection).processed == 0
