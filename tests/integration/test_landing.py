"""Landing and translation: each delivery once, none lost, whatever the order, crash or company."""

import json
import random
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from revenue_pipeline.canonical.models import CanonicalEvent
from revenue_pipeline.landing.inbox import InboxRow, Record, receive
from revenue_pipeline.landing.sequencer import sequence
from revenue_pipeline.landing.watermarks import newest_log_seq, read_watermark
from revenue_pipeline.settings import load_settings
from revenue_pipeline.sources.context import TranslationContext
from revenue_pipeline.sources.ingest import ingest
from revenue_pipeline.sources.stripe import StripeAdapter
from revenue_pipeline.sources.translate import CONSUMER, translate_pending
from revenue_pipeline.warehouse.database import Database
from revenue_pipeline.warehouse.embedded import EmbeddedPostgres

Connection = psycopg.Connection[Any]
JAN_15 = 1_736_899_200
FEB_15 = 1_739_577_600

# What an event says, without when and from which delivery we know it.
CONTENT = {
    "invoice_event": "event_id, event_type, source_id, source_version, occurred_at, recorded_at,"
    " entity_id, invoice_id, contract_id, customer_id, currency_code, issued_date, due_date",
    "invoice_line": "*",
    "payment_event": "event_id, event_type, source_version, occurred_at, payment_id, invoice_id,"
    " contract_id, currency_code, paid_date, amount_minor",
    "credit_event": "event_id, event_type, source_version, occurred_at, credit_id, invoice_id,"
    " cause, issued_date, amount_minor, tax_minor",
    "contract_event": "event_id, event_type, source_version, occurred_at, contract_id,"
    " contract_version, effective_date, end_date, term_months",
    "contract_line": "*",
}


def record(key: str, body: bytes = b"{}") -> Record:
    return Record(key, "customer", key, body, "application/json")


def put(connection: Connection, records: Sequence[Record], tenant: str = "default") -> Any:
    return receive(
        connection,
        source="stripe",
        tenant=tenant,
        channel="file",
        origin="test",
        content=b"test",
        records=records,
    )


def invoice(number: int, **changes: object) -> dict[str, object]:
    line = {
        "id": f"il_{number}",
        "amount": 1000 * number,
        "quantity": 1,
        "period": {"start": JAN_15, "end": FEB_15},
        "metadata": {"contract_line_id": f"C-{number}-1"},
    }
    return {
        "id": f"in_{number}",
        "object": "invoice",
        "status": "open",
        "customer": "cus_1",
        "currency": "usd",
        "created": JAN_15 + number,
        "subtotal": 1000 * number,
        "total": 1000 * number,
        "amount_paid": 0,
        "status_transitions": {"finalized_at": JAN_15 + number, "paid_at": None},
        "metadata": {"contract_id": f"C-{number}"},
        "lines": {"object": "list", "has_more": False, "data": [line]},
        **changes,
    }


def paid(number: int) -> dict[str, object]:
    moments = {"finalized_at": JAN_15 + number, "paid_at": FEB_15}
    return invoice(number, status="paid", amount_paid=1000 * number, status_transitions=moments)


def voided(number: int) -> dict[str, object]:
    moments = {"finalized_at": JAN_15 + number, "voided_at": FEB_15}
    return invoice(number, status="void", status_transitions=moments)


def subscription(number: int, **changes: object) -> dict[str, object]:
    price = {
        "id": "price_1",
        "currency": "usd",
        "product": "prod_1",
        "unit_amount": 100 * number,
        "recurring": {"interval": "month"},
    }
    return {
        "id": f"sub_{number}",
        "object": "subscription",
        "status": "active",
        "customer": "cus_1",
        "created": JAN_15,
        "start_date": JAN_15,
        "items": {"data": [{"id": f"si_{number}", "quantity": 1, "price": price}]},
        **changes,
    }


def credit_note(number: int) -> dict[str, object]:
    return {
        "id": f"cn_{number}",
        "object": "credit_note",
        "status": "issued",
        "created": FEB_15,
        "currency": "usd",
        "customer": "cus_1",
        "invoice": f"in_{number}",
        "amount": 100,
        "reason": "order_change",
    }


def deliveries() -> list[dict[str, object]]:
    """Two states of each object, partly as events and partly as objects."""
    objects = [invoice(n) for n in range(1, 7)] + [paid(n) for n in (1, 2, 3)] + [voided(4)]
    objects += [subscription(n) for n in (1, 2)] + [credit_note(n) for n in (1, 2)]
    objects.append(subscription(1, status="canceled", ended_at=FEB_15))
    events = [
        {
            "id": f"evt_{number}",
            "object": "event",
            "type": f"{found['object']}.updated",
            "created": FEB_15,
            "data": {"object": found},
        }
        for number, found in enumerate(objects)
    ]
    return objects + events


def canonical(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    return {
        table: connection.execute(
            f"select {columns} from canonical.{table} order by 1, 2".encode()
        ).fetchall()
        for table, columns in CONTENT.items()
    }


def test_a_delivery_that_comes_again_is_counted_and_not_stored(connection: Connection) -> None:
    first = put(connection, [record("a"), record("b"), record("a")])
    assert (first.received, first.added, first.duplicates) == (3, 2, 1)
    second = put(connection, [record("b"), record("c")])
    assert (second.received, second.added, second.duplicates) == (2, 1, 1)
    assert connection.execute("select count(*) from landing.inbox").fetchone() == (3,)


def test_another_tenant_has_keys_of_its_own(connection: Connection) -> None:
    put(connection, [record("a")])
    assert put(connection, [record("a")], "other").added == 1


def test_other_content_under_a_known_key_is_kept_and_points_to_the_first(
    connection: Connection,
) -> None:
    put(connection, [record("a")])
    result = put(connection, [record("a", b"[]"), record("a", b"[]")])
    assert (result.added, result.duplicates, result.collisions) == (1, 1, 1)
    rows = connection.execute(
        "select collides_with_inbox_id is null, position('#' in delivery_key) > 0"
        " from landing.inbox order by inbox_id"
    ).fetchall()
    assert rows == [(True, False), (False, True)]


def test_the_sequencer_loses_nothing_beside_writers_that_commit_late_or_never(
    database: Database,
) -> None:
    """Eight writers, every third transaction rolled back, two sequencers all the while."""
    writers, rounds, per_round = 8, 6, 5
    committed: list[str] = []
    failures: list[BaseException] = []
    done = threading.Event()

    def write(number: int) -> None:
        rng = random.Random(number)
        with database.connect() as connection:
            for turn in range(rounds):
                keys = [f"{number}-{turn}-{n}" for n in range(per_round)]
                # Tenants of their own: writers of one tenant would wait for each other.
                put(connection, [record(key) for key in keys], f"tenant-{number}")
                done.wait(rng.random() / 100)
                if turn % 3 == 2:
                    connection.rollback()
                else:
                    connection.commit()
                    committed.extend(keys)

    def order() -> None:
        with database.connect() as connection:
            while not done.is_set():
                sequence(connection)
                connection.commit()

    def guarded(work: Any, *arguments: Any) -> None:
        try:
            work(*arguments)
        except BaseException as error:
            failures.append(error)
            raise

    sequencers = [threading.Thread(target=guarded, args=(order,)) for _ in range(2)]
    threads = [threading.Thread(target=guarded, args=(write, n)) for n in range(writers)]
    for thread in (*sequencers, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    for thread in sequencers:
        thread.join()
    assert not failures
    with database.connect() as connection:
        sequence(connection)
        logged = connection.execute(
            "select delivery_key from landing.inbox_log join landing.inbox using (inbox_id)"
        ).fetchall()
        left = connection.execute("select count(*) from landing.unsequenced").fetchone()
    assert sorted(key for (key,) in logged) == sorted(committed)
    assert len(committed) == writers * 4 * per_round
    assert left == (0,)


def test_a_row_that_commits_late_stands_behind_those_already_read(database: Database) -> None:
    with database.connect() as late, database.connect() as early:
        put(late, [record("late")], "one")
        put(early, [record("early")], "two")
        early.commit()
        sequence(early)
        early.commit()
        mark = newest_log_seq(early)
        late.commit()
        assert sequence(early) == 1
        rows = early.execute(
            "select delivery_key from landing.inbox_log join landing.inbox using (inbox_id)"
            " where log_seq > %s",
            (mark,),
        ).fetchall()
        assert rows == [("late",)]


def land(connection: Connection, folder: Path, values: Sequence[object]) -> None:
    """One file per delivery, each translated before the next one arrives."""
    folder.mkdir()
    for number, value in enumerate(values):
        path = folder / f"{number}.json"
        path.write_text(json.dumps(value))
        ingest(connection, "stripe", [path], settings=load_settings(), translate=True)
        connection.commit()


@pytest.fixture
def second(cluster: EmbeddedPostgres) -> Iterator[Connection]:
    """Another empty, migrated database beside `database`."""
    with psycopg.connect(cluster.url(), autocommit=True) as server:
        server.execute("drop database if exists second with (force)")
        server.execute("create database second template template_migrated strategy file_copy")
        with psycopg.connect(cluster.url("second")) as opened:
            yield opened
            opened.rollback()
        server.execute("drop database second with (force)")


@pytest.mark.parametrize("seed", [11, 20250131, 777])
def test_any_order_and_repetition_of_deliveries_gives_the_same_canonical_tables(
    connection: Connection, second: Connection, tmp_path: Path, seed: int
) -> None:
    print(f"seed {seed}")  # noqa: T201
    rng = random.Random(seed)
    land(connection, tmp_path / "plain", deliveries())
    expected = canonical(connection)
    shuffled = deliveries() + rng.sample(deliveries(), 12)
    rng.shuffle(shuffled)
    land(second, tmp_path / "shuffled", shuffled)
    assert canonical(second) == expected
    assert [len(rows) for rows in expected.values()] == [7, 7, 3, 2, 3, 2]


class _Crashing(StripeAdapter):
    """Dies at the third row, as a defect or a lost machine would."""

    def __init__(self) -> None:
        self.rows = 0

    def translate(self, row: InboxRow, context: TranslationContext) -> Sequence[CanonicalEvent]:
        self.rows += 1
        if self.rows == 3:
            raise ZeroDivisionError
        return super().translate(row, context)


def test_a_crash_inside_a_translation_leaves_no_trace(
    connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "invoices.json"
    path.write_text(json.dumps([invoice(n) for n in range(1, 6)]))
    ingest(connection, "stripe", [path], settings=load_settings())
    connection.commit()
    with monkeypatch.context() as patch:
        patch.setattr("revenue_pipeline.sources.translate.adapter_for", lambda *_: _Crashing())
        with pytest.raises(ZeroDivisionError):
            translate_pending(connection, settings=load_settings())
    connection.rollback()
    for table in ("landing.attempt", "canonical.invoice_event", "canonical.invoice_line"):
        assert connection.execute(f"select count(*) from {table}".encode()).fetchone() == (0,)
    assert read_watermark(connection, CONSUMER) == 0

    summary = translate_pending(connection, settings=load_settings())
    assert (summary.processed, summary.events) == (5, {"invoice.posted": 5})
    assert read_watermark(connection, CONSUMER) == newest_log_seq(connection) == 5


def test_a_bad_delivery_dies_alone_and_the_sum_still_holds(
    connection: Connection, tmp_path: Path
) -> None:
    path = tmp_path / "mixed.json"
    values = [invoice(1), invoice(2, total=1), {"object": "payout", "id": "po_1"}, invoice(1)]
    path.write_text("\n".join(json.dumps(value) for value in values))
    report = ingest(connection, "stripe", [path], settings=load_settings(), translate=True)
    (letter,) = report.dead_letters
    assert (letter.reason_code, letter.origin_row) == ("ARITHMETIC", 2)
    row = connection.execute(
        "select received_count, processed_count, waiting_count, dead_count, duplicate_count"
        " from landing.completeness"
    ).fetchone()
    assert row == (4, 2, 0, 1, 1)


def test_changed_terms_without_a_date_are_not_booked_over_the_past(
    connection: Connection, tmp_path: Path
) -> None:
    dearer = subscription(2) | {"id": "sub_1"}
    land(connection, tmp_path / "files", [subscription(1), dearer])
    assert connection.execute("select reason_code from landing.dead_letter").fetchall() == [
        ("IDENTITY_CONFLICT",)
    ]
    assert connection.execute("select count(*) from canonical.contract_event").fetchone() == (1,)


def change(dearer: dict[str, object]) -> dict[str, object]:
    return {
        "id": "evt_change",
        "object": "event",
        "type": "customer.subscription.updated",
        "created": FEB_15,
        "data": {"object": dearer, "previous_attributes": {"items": {}}},
    }


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (1, 2, 0), (0, 1, 2, 0, 2, 1)])
def test_a_change_with_its_date_explains_the_terms_an_object_shows_later(
    connection: Connection, tmp_path: Path, order: tuple[int, ...]
) -> None:
    dearer = subscription(2) | {"id": "sub_1"}
    values = [subscription(1), change(dearer), dearer]
    land(connection, tmp_path / "files", [values[place] for place in order])
    assert connection.execute("select detail from landing.dead_letter").fetchall() == []
    rows = connection.execute(
        "select event_type, effective_date::text, amount_minor from canonical.contract_event"
        " inner join canonical.contract_line using (event_id) order by effective_date"
    ).fetchall()
    assert rows == [
        ("contract.signed", "2025-01-15", 100),
        ("contract.amended", "2025-02-15", 200),
    ]
