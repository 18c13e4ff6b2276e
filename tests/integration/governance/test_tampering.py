"""Whoever changes a protected row past its guards is named, by table and key."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import sql

from revenue_pipeline.governance.tables import CHAIN, CURRENT_STATE
from revenue_pipeline.governance.verify import Finding, Head, Verification, read_head, verify
from tests.integration.governance.filled import (
    BOOKKEEPING,
    ROWS,
    Column,
    columns,
    identifier,
    protected_tables,
)

Connection = psycopg.Connection[Any]

# One changed digit, letter or bit, by type.
CHANGED = {
    "text": "left({column}, -1) || '9'",
    "boolean": "not {column}",
    "smallint": "{column} + 100",
    "integer": "{column} + 100",
    "bigint": "{column} + 100",
    "numeric": "{column} + 0.001",
    "date": "{column} + 1",
    "timestamp with time zone": "{column} + interval '1 microsecond'",
    "bytea": "set_bit({column}, 0, 1 - get_bit({column}, 0))",
    "jsonb": "jsonb_set({column}, '{{amount}}', '9')",
    "text[]": "array[{column}[2], {column}[1]]",
    "bytea[]": "array[{column}[2], {column}[1]]",
    "bigint[]": "array[{column}[1], {column}[2] + 1]",
    "numeric[]": "array[1.1, {column}[2]]",  # 1.1 for 1.10: as many cents, other digits
}


@contextmanager
def undone(connection: Connection) -> Iterator[None]:
    """A transaction without triggers, as only a superuser can have it, rolled back at the end."""
    with connection.transaction(force_rollback=True):
        connection.execute("set local session_replication_role = replica")
        yield


def rows_of(connection: Connection, table: str) -> list[tuple[str, str]]:
    """Physical place and key of every row, by key."""
    keys = sql.SQL(", ").join(
        sql.Identifier(column.name) for column in columns(connection, table) if column.is_key
    )
    return connection.execute(
        sql.SQL(
            "select ctid::text, json_build_array({keys})::text from {table} order by {keys}"
        ).format(table=identifier(table), keys=keys)
    ).fetchall()


def middle_key(connection: Connection, table: str) -> tuple[str, str]:
    return rows_of(connection, table)[1]


def change(connection: Connection, table: str, column: Column, place: str, text: str) -> None:
    expression = text.format(column=sql.Identifier(column.name).as_string(connection))
    changed = connection.execute(
        sql.SQL("update {} set {} = {} where ctid = {}").format(
            identifier(table), sql.Identifier(column.name), sql.SQL(expression), place
        )
    )
    assert changed.rowcount == 1


def named(result: Verification, table: str, key: str) -> bool:
    return (result.findings[0].table, result.findings[0].key) == (table, key)


def test_filled_tables_are_clean_and_counted(filled: Connection) -> None:
    result = verify(filled)

    assert result.findings == []
    assert result.is_clean
    assert set(result.rows) == set(protected_tables(filled))
    assert {result.rows[table] for table in result.rows if table not in CHAIN} == {3}
    assert result.head == read_head(filled)
    assert result.head is not None
    assert result.head.link_no == result.rows["governance.chain"] == len(result.rows) - len(CHAIN)


def test_one_changed_digit_in_any_column_of_any_protected_table_is_named(
    filled: Connection,
) -> None:
    """All tables at once, another column in each of their rows, until every column had its turn."""
    tables = [table for table in protected_tables(filled) if table not in CHAIN]
    every = {
        table: [c for c in columns(filled, table) if c.kind not in BOOKKEEPING] for table in tables
    }
    todo, tried = dict(every), 0
    while any(todo.values()):
        expected = set()
        with undone(filled):
            for table in tables:
                for (place, key), column in zip(
                    rows_of(filled, table), todo[table][:ROWS], strict=False
                ):
                    change(filled, table, column, place, CHANGED[column.kind])
                    expected.add((table, key))
                todo[table] = todo[table][ROWS:]
            found = verify(filled).findings
        # A changed key is a row that vanished, and one that nobody wrote; the state of a period
        # then no longer follows from its events.
        assert expected == {
            (f.table, f.key)
            for f in found
            if f.differs != "unknown" and f.table not in CURRENT_STATE
        }
        tried += len(expected)
    assert tried == sum(map(len, every.values())) > 400


@pytest.mark.parametrize("table", CHAIN)
def test_one_changed_digit_in_the_chain_itself_is_named(filled: Connection, table: str) -> None:
    place, key = middle_key(filled, table)
    for column in columns(filled, table):
        with undone(filled):
            change(filled, table, column, place, CHANGED[column.kind])
            result = verify(filled)
        assert named(result, table, key), (column.name, result.findings)


def test_a_value_taken_away_changes_the_hash_of_its_row(filled: Connection) -> None:
    for table in protected_tables(filled):
        if table in CHAIN:
            continue
        place, _ = middle_key(filled, table)
        before = _forms(filled, table)
        for column in columns(filled, table):
            if column.is_nullable and column.kind not in BOOKKEEPING:
                with undone(filled):
                    change(filled, table, column, place, "null")
                    assert _forms(filled, table) != before, (table, column.name)


def _forms(connection: Connection, table: str) -> str:
    row = connection.execute("select governance.row_form(%s::regclass)", (table,)).fetchone()
    assert row is not None
    found = connection.execute(
        sql.SQL("select string_agg(({})::text, ' ' order by 1) from {} as r").format(
            sql.SQL(row[0]), identifier(table)
        )
    ).fetchone()
    assert found is not None
    return str(found[0])


def test_the_bytes_received_are_held_against_their_hash(filled: Connection) -> None:
    with undone(filled):
        filled.execute("update landing.inbox set body = body || 'x' where inbox_id = 2")
        assert verify(filled).findings == [
            Finding("landing.inbox", "[2]", "content", "is not what was written", _link(filled))
        ]


def _link(connection: Connection) -> int:
    row = connection.execute(
        "select link_no from governance.chain join governance.digest using (digest_id)"
        " where table_name = 'landing.inbox'"
    ).fetchone()
    assert row is not None
    return int(row[0])


def delete_row(connection: Connection, table: str, place: str) -> None:
    connection.execute(sql.SQL("delete from {} where ctid = {}").format(identifier(table), place))


def test_a_deleted_row_of_any_protected_table_is_named(filled: Connection) -> None:
    tables = [table for table in protected_tables(filled) if table not in CHAIN]
    with undone(filled):
        expected = set()
        for table in tables:
            place, key = middle_key(filled, table)
            delete_row(filled, table, place)
            expected.add((table, key, "missing"))
        found = verify(filled).findings
    told = {(f.table, f.key, f.differs) for f in found if f.table not in CURRENT_STATE}
    assert told == expected


@pytest.mark.parametrize("table", CHAIN)
def test_a_deleted_row_of_the_chain_itself_is_named(filled: Connection, table: str) -> None:
    place, key = middle_key(filled, table)
    with undone(filled):
        delete_row(filled, table, place)
        result = verify(filled)
    assert named(result, table, key)
    assert result.findings[0].differs == "missing"


def test_a_row_put_in_past_the_guards_is_named(filled: Connection) -> None:
    with undone(filled):
        filled.execute(
            "insert into landing.dead_letter (dead_letter_id, inbox_id, stage, reason_code, detail)"
            " values (77, 1, 'translate', 'SCHEMA', 'made up')"
        )
        (finding,) = verify(filled).findings
    assert (finding.table, finding.key, finding.differs) == (
        "landing.dead_letter",
        "[77]",
        "unknown",
    )


def test_rows_that_change_places_are_named(filled: Connection) -> None:
    with undone(filled):
        filled.execute(
            "update landing.inbox_log set log_seq = case log_seq when 1 then 2 else 1 end + 1000"
            " where log_seq in (1, 2)"
        )
        filled.execute("update landing.inbox_log set log_seq = log_seq - 1000 where log_seq > 1000")
        found = verify(filled).findings
    assert [(f.table, f.key, f.differs) for f in found] == [
        ("landing.inbox_log", "[1]", "content"),
        ("landing.inbox_log", "[2]", "content"),
    ]


def test_an_emptied_and_a_dropped_table_are_named(filled: Connection) -> None:
    with undone(filled):
        filled.execute("truncate canonical.fx_rate_event")
        result = verify(filled)
    assert [f.key for f in result.findings] == [
        '["event_id-1"]',
        '["event_id-2"]',
        '["event_id-3"]',
    ]
    with undone(filled):
        filled.execute("drop table canonical.fx_rate_event cascade")
        assert verify(filled).findings == [
            Finding("canonical.fx_rate_event", "", "missing", "the table is gone")
        ]


def test_the_state_of_a_period_is_held_against_its_events(filled: Connection) -> None:
    with undone(filled):
        filled.execute("update ledger.period set state = 'open' where entity_id = 'entity_id-2'")
        (finding,) = verify(filled).findings
    assert (finding.table, finding.differs) == ("ledger.period", "content")
    assert json.loads(finding.key) == ["entity_id-2", "2025-01-02"]


def test_the_first_of_several_touched_rows_comes_first(filled: Connection) -> None:
    with undone(filled):
        filled.execute("update ledger.journal_line set amount_minor = amount_minor + 1")
        filled.execute("update canonical.contract_event set customer_id = 'x'")
        result = verify(filled)
    assert result.finding_count == 6
    assert [f.table for f in result.findings] == ["canonical.contract_event"] * 3 + [
        "ledger.journal_line"
    ] * 3


REWRITE = """
    do $$
    declare
        link record;
        before bytea := decode(repeat('00', 32), 'hex');
    begin
        update governance.digest
        set digest = governance.digest_of(table_name, row_keys, row_hashes);
        for link in select * from governance.chain join governance.digest using (digest_id)
            order by link_no
        loop
            update governance.chain set previous_hash = before, hash = governance.link_of(
                link.link_no, link.digest_id, before, link.sealed_at, link.digest)
            where link_no = link.link_no returning hash into before;
        end loop;
    end $$
"""


def forge(connection: Connection) -> None:
    """Change an amount and write all that covers it anew, as somebody who read this would."""
    connection.execute(
        "update ledger.journal_line set amount_minor = 9 where entry_id = 'entry_id-2'"
    )
    row = connection.execute("select governance.row_form('ledger.journal_line')").fetchone()
    assert row is not None
    connection.execute(
        sql.SQL(
            "update governance.digest set row_hashes[2] = (select {} from ledger.journal_line as r"
            " where entry_id = 'entry_id-2') where table_name = 'ledger.journal_line'"
        ).format(sql.SQL(row[0]))
    )
    connection.execute(REWRITE)


def test_a_chain_written_anew_is_found_by_the_heads_kept_in_it(filled: Connection) -> None:
    with undone(filled):
        forge(filled)
        found = verify(filled).findings
    assert {f.table for f in found} == {"governance.audit_log"}
    assert {f.differs for f in found} == {"order"}


def test_a_chain_written_anew_is_found_by_a_head_kept_outside(filled: Connection) -> None:
    head = read_head(filled)
    assert head is not None
    with undone(filled):
        forge(filled)
        filled.execute("update governance.audit_log set head_hash = null, head_link_no = null")
        (finding, *_) = verify(filled, [head]).findings[-1:]
    assert (finding.table, finding.key) == ("governance.chain", f"[{head.link_no}]")
    assert verify(filled, [head]).is_clean


def test_a_tail_cut_off_with_all_that_covers_it_is_found_by_a_head_kept_outside(
    filled: Connection,
) -> None:
    head = read_head(filled)
    assert head is not None
    with undone(filled):
        filled.execute("truncate governance.audit_log")
        filled.execute("delete from governance.chain where link_no = %s", (head.link_no,))
        filled.execute("delete from governance.digest where table_name = 'governance.audit_log'")
        assert verify(filled).is_clean  # nothing inside can know
        (finding,) = verify(filled, [head]).findings
    assert (finding.table, finding.key, finding.differs) == (
        "governance.chain",
        f"[{head.link_no}]",
        "missing",
    )


def test_a_wrong_head_is_refused(filled: Connection) -> None:
    head = read_head(filled)
    assert head is not None
    wrong = Head(head.link_no, head.hash[::-1])
    assert [f.differs for f in verify(filled, [wrong]).findings] == ["order"]


@pytest.mark.parametrize(
    ("weakened", "table"),
    [
        (
            "alter table ledger.journal_line disable trigger journal_line_append_only",
            "ledger.journal_line",
        ),
        ("drop trigger journal_line_append_only on ledger.journal_line", "ledger.journal_line"),
        (
            "alter table ledger.journal_line disable trigger journal_line_digest",
            "ledger.journal_line",
        ),
        ("drop trigger journal_line_digest on ledger.journal_line", "ledger.journal_line"),
        ("drop trigger chain_append_only on governance.chain", "governance.chain"),
        ("grant update on landing.inbox to revenue_app", "landing.inbox"),
        ("grant update (detail) on landing.dead_letter to erp_reader", "landing.dead_letter"),
        (
            "create rule quiet as on insert to landing.attempt do instead nothing",
            "landing.attempt",
        ),
        ("grant truncate on governance.audit_log to public", "governance.audit_log"),
        ("create table ledger.forgotten (id bigint primary key)", "ledger.forgotten"),
        (
            "create or replace function landing.refuse_change() returns trigger language plpgsql"
            " as $$ begin return null; end $$",
            "landing.refuse_change",
        ),
        (
            "create or replace function governance.row_form(relation regclass) returns text"
            " language sql as $$ select '''''::bytea' $$",
            "governance.row_form",
        ),
        (
            "create or replace function governance.digest_ledger_journal_line() returns trigger"
            " language plpgsql as $$ begin return null; end $$",
            "ledger.journal_line",
        ),
    ],
)
def test_a_guard_taken_away_is_named(filled: Connection, weakened: str, table: str) -> None:
    with filled.transaction(force_rollback=True):
        filled.execute(weakened.encode())
        (finding,) = verify(filled).findings
    assert (finding.table, finding.differs) == (table, "guard")


def test_one_row_of_a_long_statement_is_named(filled: Connection) -> None:
    with filled.transaction(force_rollback=True):
        filled.execute(
            "insert into landing.attempt (attempt_id, inbox_id, log_seq, adapter_version, outcome)"
            " select n, 1, 1, '1', 'waiting' from generate_series(1001, 3500) as n"
        )
        filled.execute("set constraints all immediate")
        assert verify(filled).is_clean
        assert filled.execute(
            "select array_agg(cardinality(row_keys) order by digest_id) from governance.digest"
            " where table_name = 'landing.attempt'"
        ).fetchone() == ([3, 1000, 1000, 500],)
        with undone(filled):
            filled.execute("update landing.attempt set log_seq = 2 where attempt_id = 2703")
            assert [f.key for f in verify(filled).findings] == ["[2703]"]
        with undone(filled):
            filled.execute("update landing.attempt set log_seq = 3 where attempt_id > 1000")
            result = verify(filled)
            assert result.finding_count == 2500
            assert [f.key for f in result.findings] == [f"[{n}]" for n in range(1001, 1021)]


def test_no_setting_of_a_session_changes_a_hash(filled: Connection) -> None:
    for setting in (
        "timezone = 'Asia/Kathmandu'",
        "datestyle = 'German, DMY'",
        "bytea_output = 'escape'",
        "intervalstyle = 'sql_standard'",
        "extra_float_digits = -10",
        "client_encoding = 'LATIN1'",
        "lc_numeric = 'C'",
        "standard_conforming_strings = off",
        "search_path = 'ledger, governance'",
    ):
        with undone(filled):
            filled.execute(f"set local {setting}".encode())
            assert verify(filled).findings == [], setting


def test_a_copy_with_other_numbers_of_types_and_another_order_of_columns_has_the_same_hashes(
    filled: Connection,
) -> None:
    with undone(filled):
        before = _forms(filled, "ledger.journal_line")
        filled.execute("alter table ledger.journal_line add column again bigint")
        filled.execute("update ledger.journal_line set again = amount_minor")
        filled.execute("alter table ledger.journal_line drop column amount_minor cascade")
        filled.execute("alter table ledger.journal_line rename column again to amount_minor")
        assert _forms(filled, "ledger.journal_line") == before


def test_a_column_added_later_leaves_old_rows_as_they_were_and_is_covered(
    filled: Connection,
) -> None:
    with filled.transaction(force_rollback=True):
        filled.execute("alter table ledger.journal_entry add column memo text")
        filled.execute("select governance.protect('ledger.journal_entry')")
        assert verify(filled).is_clean
        filled.execute("set local session_replication_role = replica")
        filled.execute("update ledger.journal_entry set memo = 'x' where entry_id = 'entry_id-3'")
        assert [f.key for f in verify(filled).findings] == ['["entry_id-3"]']


KNOWN = r"""
    create table ledger.known (
        id bigint, again integer, name text, plain canonical.currency, amount numeric(38, 12),
        is_on boolean, day date, at timestamptz, body bytea, detail jsonb, tags text[],
        numbers bigint[], parts numeric[], nothing text,
        came_in xid8 default pg_current_xact_id(), primary key (id, name)
    );
    insert into ledger.known values (
        -1, 2, e'\u00fc ''\\', 'EUR', 1.50, true, '2025-01-31', '2025-01-31 23:59:59.000001+02',
        '\x00ff', '{"b": 1.10, "a": [null]}', '{"a,b",null}', '{1,2}', '{1.10}', null
    )
"""
SPELLED = ",".join(
    [
        '"again":2',
        '"amount":1.500000000000',
        '"at":"2025-01-31T21:59:59.000001"',
        f'"body":{hashlib.sha256(bytes([0, 255])).hexdigest()}',
        '"day":"2025-01-31"',
        """"detail":'{"a": [null], "b": 1.10}'""",
        '"id":-1',
        '"is_on":true',
        r""""name":E'ü ''\\'""",
        """"numbers":'{1,2}'""",
        """"parts":'{1.10}'""",
        """"plain":'EUR'""",
        """"tags":'{"a,b",NULL}'""",
    ]
)


def test_the_form_of_a_row_is_the_one_described(filled: Connection) -> None:
    """Spelled out without the database: whoever changes the form breaks every chain there is."""
    with filled.transaction(force_rollback=True):
        filled.execute(KNOWN.encode())
        row = filled.execute(
            "select governance.row_form('ledger.known'), governance.key_form('ledger.known')"
        ).fetchone()
        assert row is not None
        hashed = filled.execute(
            sql.SQL("select {}, {} from ledger.known as r").format(*map(sql.SQL, row))
        ).fetchone()
        filled.execute("select governance.protect('ledger.known')")
        digest = filled.execute(
            "select row_keys, row_hashes, digest from governance.digest"
            " where table_name = 'ledger.known'"
        ).fetchone()
    key = json.dumps([-1, "\u00fc '\\"], ensure_ascii=False)
    row_hash = hashlib.sha256(SPELLED.encode()).digest()
    assert hashed == (row_hash, key)
    told = f'["ledger.known", [{json.dumps(key, ensure_ascii=False)}]]'.encode()
    assert digest == ([key], [row_hash], hashlib.sha256(told + row_hash).digest())


def test_a_link_is_the_one_described(filled: Connection) -> None:
    links = filled.execute(
        "select link_no, digest_id, previous_hash, hash, digest, to_char(sealed_at at time zone"
        """ 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US')"""
        " from governance.chain join governance.digest using (digest_id) order by link_no limit 2"
    ).fetchall()
    before = bytes(32)
    for link_no, digest_id, previous, found, digest, at in links:
        told = f'[{link_no}, {digest_id}, "{at.rstrip("0").rstrip(".")}"]'.encode()
        assert previous == before
        before = hashlib.sha256(before + told + digest).digest()
        assert found == before


def test_what_changes_by_design_is_not_hashed(filled: Connection) -> None:
    hashed = filled.execute(
        "select distinct table_name from governance.digest order by table_name"
    ).fetchall()
    assert {name for (name,) in hashed} == {*protected_tables(filled)} - {*CHAIN}
    assert not {name for (name,) in hashed} & CURRENT_STATE.keys()
