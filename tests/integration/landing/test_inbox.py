"""The inbox: every delivery once, in a log that follows commits."""

import random
import threading
from typing import Any

import psycopg
import pytest

from revenue_pipeline.landing.inbox import LoadResult, Record, receive, refuse
from revenue_pipeline.landing.sequencer import sequence
from revenue_pipeline.landing.watermarks import newest_log_seq, read_watermark, write_watermark
from revenue_pipeline.warehouse.database import Database

Connection = psycopg.Connection[Any]


def record(key: str, body: bytes = b"body") -> Record:
    return Record(key, "thing", key, body, "text/plain")


def land(connection: Connection, *records: Record, tenant: str = "t") -> LoadResult:
    return receive(
        connection,
        source="test",
        tenant=tenant,
        channel="file",
        origin="test.txt",
        content=b"".join(r.body for r in records),
        records=records,
    )


def keys(connection: Connection) -> list[tuple[str, str | None]]:
    return connection.execute(
        "select inbox.delivery_key, base.delivery_key from landing.inbox"
        " left join landing.inbox as base on inbox.collides_with_inbox_id = base.inbox_id"
        " order by inbox.inbox_id"
    ).fetchall()


def test_the_same_delivery_is_stored_once_and_counted_twice(connection: Connection) -> None:
    first = land(connection, record("a"), record("a"), record("b"))
    again = land(connection, record("b"), record("a"))

    assert (first.received, first.added, first.duplicates) == (3, 2, 1)
    assert (again.received, again.added, again.duplicates) == (2, 0, 2)
    assert keys(connection) == [("a", None), ("b", None)]


def test_a_key_with_other_content_is_kept_beside_the_first(connection: Connection) -> None:
    land(connection, record("a", b"1"))
    second = land(connection, record("a", b"2"), record("a", b"2"), record("a", b"1"))
    third = land(connection, record("a", b"2"), record("a", b"3"))

    assert (second.added, second.duplicates, second.collisions) == (1, 2, 1)
    assert (third.added, third.duplicates, third.collisions) == (1, 1, 1)
    stored = keys(connection)
    assert [base for _, base in stored] == [None, "a", "a"]
    assert all(key.startswith("a#") for key, base in stored if base)


def test_a_key_of_one_tenant_is_free_for_another(connection: Connection) -> None:
    land(connection, record("a", b"1"), tenant="one")

    assert land(connection, record("a", b"2"), tenant="two").collisions == 0


def test_a_refused_load_leaves_its_reason_and_nothing_else(connection: Connection) -> None:
    refuse(connection, source="test", channel="file", origin="x", content=b"", reason="empty")

    row = connection.execute("select received_count, refused_reason from landing.load").fetchone()
    assert row == (0, "empty")
    assert keys(connection) == []


def test_a_watermark_never_goes_back(connection: Connection) -> None:
    assert read_watermark(connection, "c") == 0
    write_watermark(connection, "c", 7)
    write_watermark(connection, "c", 3)

    assert read_watermark(connection, "c") == 7


@pytest.mark.parametrize("seed", [20250101])
def test_the_log_loses_nothing_of_writers_that_commit_and_roll_back(
    database: Database, seed: int
) -> None:
    committed: list[str] = []
    seen: list[int] = []
    failures: list[BaseException] = []
    done = threading.Event()

    def write(writer: int) -> None:
        chance = random.Random(seed + writer)
        try:
            with database.connect() as own:
                for number in range(25):
                    key = f"{writer}-{number}"
                    land(own, record(key), tenant=f"t{writer % 3}")
                    if chance.random() < 0.4:
                        own.rollback()
                    else:
                        own.commit()
                        committed.append(key)
        except BaseException as error:
            failures.append(error)
            raise

    def read() -> None:
        """A consumer: what it read up to its watermark must never grow behind its back."""
        mark = 0
        with database.connect(autocommit=True) as own:
            while True:
                last_round = done.is_set()
                sequence(own)
                newest = newest_log_seq(own)
                rows = own.execute(
                    "select inbox_id from landing.inbox_log where log_seq > %s and log_seq <= %s",
                    (mark, newest),
                ).fetchall()
                seen.extend(row[0] for row in rows)
                mark = newest
                if last_round:
                    return

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    reader = threading.Thread(target=read)
    for thread in (*writers, reader):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()

    assert not failures
    with database.connect() as own:
        stored = {
            row[0]: row[1]
            for row in own.execute("select inbox_id, delivery_key from landing.inbox")
        }
    assert sorted(stored.values()) == sorted(committed), f"seed {seed}"
    assert sorted(seen) == sorted(stored), f"seed {seed}"
