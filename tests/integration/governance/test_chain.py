"""How the chain grows: with every commit, beside each other, without waiting."""

import json
import random
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from revenue_pipeline.domain.errors import RevenueError
from revenue_pipeline.governance.audit import record_act
from revenue_pipeline.governance.heads import FILE, note_head, noted_heads
from revenue_pipeline.governance.verify import Head, read_head, seal_waiting, verify
from revenue_pipeline.landing.inbox import Record, receive
from revenue_pipeline.landing.sequencer import sequence
from revenue_pipeline.operate.verify import run_verify
from revenue_pipeline.paths import MIGRATIONS_DIR
from revenue_pipeline.settings import Settings
from revenue_pipeline.warehouse.database import Database
from revenue_pipeline.warehouse.embedded import EmbeddedPostgres
from revenue_pipeline.warehouse.migrate import migrate

Connection = psycopg.Connection[Any]


def act(connection: Connection, number: int = 1) -> int:
    return record_act(
        connection,
        actor="controller",
        action="period.closed",
        object_id=f"period:US:2025-{number:02}",
        evidence_hash="1:ab",
        detail={"number": number},
    )


def land(connection: Connection, *keys: str, tenant: str = "t") -> None:
    receive(
        connection,
        source="test",
        tenant=tenant,
        channel="file",
        origin="test.txt",
        content=b"content",
        records=[Record(key, "thing", key, key.encode(), "text/plain") for key in keys],
    )


def covered(connection: Connection) -> list[tuple[str, list[str]]]:
    return connection.execute(
        "select table_name, row_keys from governance.chain"
        " join governance.digest using (digest_id) order by link_no"
    ).fetchall()


def test_every_statement_that_is_committed_becomes_a_link(database: Database) -> None:
    with database.connect() as connection:
        land(connection, "a", "b")
        connection.commit()
        act(connection)
        connection.rollback()
        sequence(connection)
        connection.commit()
        assert covered(connection) == [
            ("landing.load", ["[1]"]),
            ("landing.inbox", ["[1]", "[2]"]),
            ("landing.inbox_log", ["[1]", "[2]"]),
        ]


def test_a_statement_that_adds_nothing_leaves_nothing(database: Database) -> None:
    with database.connect() as connection:
        sequence(connection)
        connection.commit()
        assert covered(connection) == []
        assert read_head(connection) is None


def test_who_finds_the_chain_busy_leaves_it_to_the_next(database: Database) -> None:
    with database.connect() as busy, database.connect() as other:
        act(busy, 1)
        assert seal_waiting(busy) == 1  # holds the chain until it commits
        started = time.monotonic()
        act(other, 2)
        other.commit()
        assert time.monotonic() - started < 1
        assert verify(other).waiting == 1
        busy.commit()
        act(other, 3)
        other.commit()
        result = verify(other)
        assert (result.waiting, result.findings) == (0, [])
        assert [keys for _, keys in covered(other)] == [["[1]"], ["[2]"], ["[3]"]]


def test_a_row_that_waits_is_named_when_it_is_touched(database: Database) -> None:
    with database.connect() as busy, database.connect(autocommit=True) as other:
        seal_waiting(busy)
        act(other)
        other.execute("set session_replication_role = replica")
        other.execute("update governance.audit_log set actor = 'somebody'")
        (finding,) = verify(other).findings
        assert (finding.table, finding.key, finding.link_no) == (
            "governance.audit_log",
            "[1]",
            None,
        )


def test_a_transaction_with_an_old_snapshot_leaves_the_chain_alone(database: Database) -> None:
    with database.connect() as old, database.connect(autocommit=True) as other:
        old.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        act(old, 1)
        act(other, 2)
        old.commit()
        assert verify(other).waiting == 1
        assert seal_waiting(other) == 1
        assert verify(other).is_clean


@pytest.mark.parametrize("seed", [20250101])
def test_writers_beside_each_other_make_one_chain(database: Database, seed: int) -> None:
    writers, turns = 6, 25
    failures: list[BaseException] = []

    def write(writer: int) -> None:
        chance = random.Random(seed + writer)
        try:
            with database.connect() as own:
                for turn in range(turns):
                    steps = [
                        lambda turn=turn: act(own, turn + 1),
                        lambda turn=turn: land(own, f"{writer}-{turn}", tenant=f"t{writer}"),
                        lambda: sequence(own),
                    ]
                    chance.shuffle(steps)
                    for step in steps:
                        step()
                    own.rollback() if chance.random() < 0.3 else own.commit()
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failures == [], f"seed {seed}"
    with database.connect(autocommit=True) as connection:
        seal_waiting(connection)
        result = verify(connection)
    assert (result.findings, result.waiting) == ([], 0), f"seed {seed}"
    assert result.rows["governance.chain"] == result.rows["governance.digest"]
    assert result.rows["governance.audit_log"] > writers * turns / 3


def test_rows_from_before_the_chain_are_taken_into_it(
    cluster: EmbeddedPostgres, tmp_path: Path
) -> None:
    older = tmp_path / "migrations"
    older.mkdir()
    for file in sorted(MIGRATIONS_DIR.glob("*.sql")):
        if file.name < "0007":
            shutil.copy(file, older)
    with psycopg.connect(cluster.url(), autocommit=True) as server:
        server.execute("drop database if exists older with (force)")
        server.execute("create database older")
        with psycopg.connect(cluster.url("older"), autocommit=True) as connection:
            migrate(connection, older)
            with connection.transaction():
                land(connection, *(str(number) for number in range(1500)))
            sequence(connection)
            assert migrate(connection) == sorted(
                file.stem for file in MIGRATIONS_DIR.glob("*.sql") if file.name >= "0007"
            )
            result = verify(connection)
            assert result.findings == []
            assert result.rows["landing.inbox"] == 1500
            assert [(name, len(keys)) for name, keys in covered(connection)] == [
                ("landing.inbox", 1000),
                ("landing.inbox", 500),
                ("landing.inbox_log", 1000),
                ("landing.inbox_log", 500),
                ("landing.load", 1),
            ]
        server.execute("drop database older with (force)")


def test_the_command_notes_the_head_and_misses_it_when_the_end_is_cut_off(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(home=tmp_path, database_url=database.url)
    with database.connect(autocommit=True) as connection:
        act(connection, 1)
        act(connection, 2)
        head = read_head(connection)
        assert head is not None
        assert run_verify(settings, [], as_json=False) == 0
        printed = capsys.readouterr().out
        assert "2  governance.audit_log" in printed
        assert f"head of the chain, keep it outside: {head}\n" in printed
        assert run_verify(settings, [], as_json=False) == 0
        assert noted_heads(tmp_path, "revenue") == [head]  # the same head is noted once
        capsys.readouterr()

        connection.execute("set session_replication_role = replica")
        connection.execute("delete from governance.chain where link_no = 2")
        connection.execute("delete from governance.digest where digest_id = 2")
        connection.execute("delete from governance.audit_log where act_id = 2")
        assert run_verify(settings, [], as_json=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["clean"] is False
    assert told["finding_count"] == 1
    assert told["findings"][0]["table"] == "governance.chain"
    assert told["findings"][0]["key"] == "[2]"
    assert told["head"] != str(head)
    assert noted_heads(tmp_path, "revenue") == [head]  # a broken chain is never noted


def test_the_command_names_the_first_touched_row(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with database.connect(autocommit=True) as connection:
        land(connection, "a", "b")
        connection.execute("set session_replication_role = replica")
        connection.execute("update landing.inbox set origin = 'other.txt' where inbox_id = 2")
    assert run_verify(Settings(home=tmp_path, database_url=database.url), [], as_json=False) == 1
    assert (
        "touched: landing.inbox [2]: is not what was written (content, link 2)\n"
        in capsys.readouterr().out
    )
    assert not (tmp_path / FILE).exists()


def test_a_head_given_by_hand_must_be_in_the_chain(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(home=tmp_path, database_url=database.url)
    assert run_verify(settings, [], as_json=False) == 0
    assert "nothing is chained yet" in capsys.readouterr().out
    assert run_verify(settings, [f"7:{'0' * 64}"], as_json=False) == 1
    assert "the head noted outside, 7:0000" in capsys.readouterr().out
    with pytest.raises(RevenueError, match="no head of the chain"):
        run_verify(settings, ["7"], as_json=False)


def test_heads_belong_to_a_database_and_a_damaged_file_is_refused(tmp_path: Path) -> None:
    head = Head(3, "ab" * 32)
    assert note_head(tmp_path, "revenue", head)
    assert note_head(tmp_path, "other", Head(9, "cd" * 32))
    assert noted_heads(tmp_path, "revenue") == [head]
    with (tmp_path / FILE).open("a") as file:
        file.write('{"database": "revenue"}\n')
    with pytest.raises(RevenueError, match=r"chain_heads\.jsonl:3 names no head"):
        noted_heads(tmp_path, "revenue")
