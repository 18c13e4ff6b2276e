"""The ledger: posting needs a verdict, happens once, balances, and respects closed periods."""

import threading
import time
from datetime import date
from typing import Any

import psycopg
import pytest
from psycopg import errors

from revenue_pipeline.governance.verify import verify
from revenue_pipeline.ledger.errors import LedgerError
from revenue_pipeline.ledger.periods import close_period, ensure_periods, period_state
from revenue_pipeline.ledger.post import PostingResult, post_period
from revenue_pipeline.quality import suites
from revenue_pipeline.quality.errors import GateClosedError
from revenue_pipeline.quality.fingerprint import entity_fingerprint
from revenue_pipeline.quality.suites import ERP_JOURNALS, load_suites, suite_hash
from revenue_pipeline.quality.verdicts import record_verdict
from revenue_pipeline.warehouse.database import Database
from tests.integration.books import write_books

JANUARY, FEBRUARY, MARCH = date(2025, 1, 1), date(2025, 2, 1), date(2025, 3, 1)

LATE_USAGE = (
    "insert into marts.fct_accounting_movement values ('m99', 'US', 'C1', 'O1U', 'usage',"
    " '2025-01-01', 'USD', 'contract_liability', 'usage_revenue', '2100', '4010', 40)"
)


@pytest.fixture
def books(database: Database) -> Database:
    """Books with a positive verdict. What the rules say is the subject of test_gate.py."""
    with database.connect() as connection:
        write_books(connection)
    allow(database)
    return database


def allow(database: Database, *broken: str) -> int:
    """Record a verdict on the rows and rules as they are."""
    with database.connect() as connection:
        return record_verdict(
            connection,
            gate=ERP_JOURNALS,
            entity_id="US",
            fingerprint=entity_fingerprint(connection, "US"),
            suite_hash=suite_hash(load_suites(ERP_JOURNALS)),
            rules_evaluated=1,
            broken_rules=broken,
            detail={},
            run_id="gate-run",
        )


def change(database: Database, statement: str) -> None:
    with database.connect() as connection:
        connection.execute(statement.encode())


def ask(database: Database, query: str) -> list[tuple[Any, ...]]:
    with database.connect() as connection:
        return connection.execute(query.encode()).fetchall()


def cluster_connection(cluster: Any) -> psycopg.Connection[Any]:
    return psycopg.connect(cluster.url(), autocommit=True)


def post(database: Database, period: date) -> PostingResult:
    with database.connect() as connection:
        return post_period(connection, entity_id="US", period=period, run_id="run-1")


def close(database: Database, period: date) -> bool:
    with database.connect() as connection:
        return close_period(connection, "US", period, "controller", "month end")


def test_a_month_is_posted_with_its_balances(books: Database) -> None:
    result = post(books, JANUARY)

    assert (result.entries, result.lines) == (5, 10)
    assert result.debit_minor == {"USD": 9000 + 900 + 3100 + 3100 + 3100}
    balances = ask(
        books,
        "select account_code, sum(amount_minor)::int from ledger.journal_line"
        " group by account_code order by account_code",
    )
    assert balances == [
        ("1100", 9900),
        ("1130", 3100),
        ("2000", -900),
        ("2100", -5900),
        ("4000", -6200),
    ]


def test_the_batch_says_what_it_was_derived_from(books: Database) -> None:
    result = post(books, JANUARY)

    assert ask(
        books,
        "select batch_id, known_seq, verdict_id, fingerprint, line_count, run_id"
        " from ledger.journal_batch",
    ) == [(result.batch_id, 41, result.verdict_id, result.fingerprint, result.lines, "run-1")]


def test_every_entry_balances_and_nothing_of_another_entity_is_posted(books: Database) -> None:
    post(books, MARCH)

    assert ask(books, "select distinct entity_id from ledger.journal_line") == [("US",)]
    unbalanced = "select entry_id from ledger.journal_line group by 1 having sum(amount_minor) <> 0"
    assert ask(books, unbalanced) == []


def test_posting_twice_adds_nothing(books: Database) -> None:
    post(books, JANUARY)
    again = post(books, JANUARY)

    assert again.batch_id is None
    assert (again.entries, again.lines, again.debit_minor) == (0, 0, {})
    assert ask(books, "select count(*) from ledger.journal_batch") == [(1,)]


def test_a_month_takes_only_its_own_movements_while_earlier_ones_are_open(books: Database) -> None:
    post(books, FEBRUARY)

    assert ask(books, "select distinct economic_period from ledger.journal_line") == [(FEBRUARY,)]


def test_the_same_posting_in_another_database_has_the_same_ids(
    books: Database, cluster: Any
) -> None:
    twin = books.with_name("twin")
    with cluster_connection(cluster) as server:
        server.execute("drop database if exists twin with (force)")
        server.execute("create database twin template revenue strategy file_copy")

    here, there = post(books, JANUARY), post(twin, JANUARY)

    ids = "select entry_id, line_no from ledger.journal_line order by 1, 2"
    assert here.batch_id == there.batch_id
    assert ask(books, ids) == ask(twin, ids)
    with cluster_connection(cluster) as server:
        server.execute("drop database twin with (force)")


def test_a_correction_before_the_close_is_posted_as_the_difference(books: Database) -> None:
    post(books, JANUARY)
    change(
        books,
        "update marts.fct_accounting_movement set amount_minor = 3000 where movement_id = 'm03'",
    )
    allow(books)

    result = post(books, JANUARY)

    assert (result.entries, result.lines, result.debit_minor) == (1, 2, {"USD": 100})
    assert ask(
        books,
        "select line.account_code, line.amount_minor, entry.is_late"
        " from ledger.journal_line as line"
        " join ledger.journal_entry as entry using (entry_id)"
        f" where entry.batch_id = '{result.batch_id}' order by account_code",
    ) == [("2100", -100, False), ("4000", 100, False)]


def test_posted_taken_back_and_posted_again_is_three_batches(books: Database) -> None:
    first = post(books, JANUARY)
    for identifier in ("C9", "C1"):
        change(
            books,
            f"update marts.fct_accounting_movement set contract_id = '{identifier}'"
            " where movement_id = 'm02'",
        )
        allow(books)
        post(books, JANUARY)

    assert ask(books, "select count(*) from ledger.journal_batch") == [(3,)]
    assert first.batch_id is not None
    assert ask(
        books,
        "select contract_id, sum(amount_minor)::int from ledger.journal_line"
        " where movement = 'tax' and account_code = '2000' group by 1 order by 1",
    ) == [("C1", -900), ("C9", 0)]


def test_without_a_verdict_nothing_is_posted(database: Database) -> None:
    with database.connect() as connection:
        write_books(connection)

    with pytest.raises(GateClosedError, match="no verdict yet"):
        post(database, JANUARY)
    assert ask(database, "select count(*) from ledger.journal_batch") == [(0,)]


def test_a_negative_verdict_refuses_and_names_the_rule(books: Database) -> None:
    allow(books, "MOV-001")

    with pytest.raises(GateClosedError, match="MOV-001"):
        post(books, JANUARY)


def test_one_cent_changed_after_the_verdict_refuses(books: Database) -> None:
    change(
        books,
        "update marts.fct_accounting_movement set amount_minor = 9001 where movement_id = 'm01'",
    )

    with pytest.raises(GateClosedError, match="rows changed"):
        post(books, JANUARY)


def test_a_change_in_any_gated_table_refuses(books: Database) -> None:
    change(books, "update marts.fct_usage_entitlement set quantity = 21 where event_id = 'e1'")

    with pytest.raises(GateClosedError, match="rows changed"):
        post(books, JANUARY)


def test_a_rule_changed_after_the_verdict_refuses(
    books: Database, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ERP_JOURNALS
    folder.mkdir()
    for file in (suites.EXPECTATIONS_DIR / ERP_JOURNALS).glob("*.yml"):
        text = file.read_text()
        (folder / file.name).write_text(text.replace('"^[A-Z]{3}$"', '"^[A-Z]+$"'))
    monkeypatch.setattr(suites, "EXPECTATIONS_DIR", tmp_path)

    with pytest.raises(GateClosedError, match="rules changed"):
        post(books, JANUARY)


def test_rows_put_back_are_allowed_by_the_verdict_they_had(books: Database) -> None:
    change(books, LATE_USAGE)
    change(books, "delete from marts.fct_accounting_movement where movement_id = 'm99'")

    assert post(books, JANUARY).batch_id is not None


def test_a_late_movement_goes_to_the_next_open_period_and_says_so(books: Database) -> None:
    post(books, JANUARY)
    close(books, JANUARY)
    change(books, LATE_USAGE)
    allow(books)

    into_closed = post(books, JANUARY)
    result = post(books, FEBRUARY)

    assert into_closed.batch_id is None
    assert result.batch_id is not None
    assert ask(
        books,
        "select movement, economic_period, posting_period from ledger.journal_entry where is_late",
    ) == [("usage", JANUARY, FEBRUARY)]
    assert post(books, MARCH).batch_id is not None
    assert ask(books, "select count(*) from ledger.journal_entry where is_late") == [(1,)]


def test_the_journal_after_all_closes_is_what_was_derived(books: Database) -> None:
    for period in (JANUARY, FEBRUARY, MARCH):
        post(books, period)
        close(books, period)

    difference = """
        select account_code, sum(amount_minor) from (
            select debit_account_code as account_code, amount_minor
            from marts.fct_accounting_movement where entity_id = 'US'
            union all
            select credit_account_code, -amount_minor
            from marts.fct_accounting_movement where entity_id = 'US'
            union all
            select account_code, -amount_minor from ledger.journal_line
        ) as both_sides group by 1 having sum(amount_minor) <> 0
    """
    assert ask(books, difference) == []


def test_closing_is_refused_while_something_due_is_not_posted(books: Database) -> None:
    with pytest.raises(LedgerError, match="10 journal lines due in it are not posted"):
        close(books, JANUARY)
    assert ask(books, "select count(*) from ledger.period where state = 'closed'") == [(0,)]


def test_closing_is_refused_while_an_earlier_period_is_open(books: Database) -> None:
    post(books, FEBRUARY)

    with pytest.raises(LedgerError, match="2025-01 is still open"):
        close(books, FEBRUARY)


def test_closing_is_refused_while_the_gate_is_closed(books: Database) -> None:
    post(books, JANUARY)
    change(books, LATE_USAGE)

    with pytest.raises(GateClosedError):
        close(books, JANUARY)


def test_closing_an_unknown_period_is_refused(books: Database) -> None:
    with pytest.raises(LedgerError, match="no such period"):
        close(books, date(2031, 1, 1))


def test_posting_into_an_unknown_period_is_refused(books: Database) -> None:
    with pytest.raises(LedgerError, match="no period 2031-01"):
        post(books, date(2031, 1, 1))


def test_closing_needs_a_name_and_a_reason(books: Database) -> None:
    with books.connect() as connection, pytest.raises(LedgerError, match="actor and a reason"):
        close_period(connection, "US", JANUARY, "controller", " ")


def test_closing_twice_is_recorded_once(books: Database) -> None:
    post(books, JANUARY)

    assert close(books, JANUARY)
    assert not close(books, JANUARY)
    assert ask(
        books,
        "select actor, reason from ledger.period_event where state = 'closed'",
    ) == [("controller", "month end")]


def test_periods_are_opened_once_and_keep_their_state(books: Database) -> None:
    post(books, JANUARY)
    close(books, JANUARY)
    with books.connect() as connection:
        added = ensure_periods(connection, "US", MARCH)
        again = ensure_periods(connection, "US", MARCH)
        state = period_state(connection, "US", JANUARY)

    assert (added, again, state) == (2, 0, "closed")


def test_a_closed_period_refuses_inserts_in_the_database_itself(books: Database) -> None:
    result = post(books, JANUARY)
    close(books, JANUARY)

    with pytest.raises(errors.CheckViolation, match="is closed, not open"):
        change(
            books,
            "insert into ledger.journal_entry values ('forged',"
            f" '{result.batch_id}', 'US', '2025-01-01', '2025-01-01', 'C1', 'tax', 'USD', false)",
        )


def test_an_unbalanced_entry_is_refused_by_the_database(books: Database) -> None:
    result = post(books, JANUARY)
    line = "'US', '2025-01-01', '2025-01-01', 'C1', '', 'tax'"

    forged = f"""
        insert into ledger.journal_entry values
            ('forged', '{result.batch_id}', 'US', '2025-01-01', '2025-01-01', 'C1', 'tax', 'USD',
            false);
        insert into ledger.journal_line values
            ('forged', 1, {line}, '1100', 'USD', 10), ('forged', 2, {line}, '2000', 'USD', -9)
    """

    with pytest.raises(errors.CheckViolation, match="does not balance"):
        change(books, forged)


@pytest.mark.parametrize("table", ["journal_batch", "journal_entry", "journal_line"])
def test_posted_rows_can_neither_change_nor_vanish(books: Database, table: str) -> None:
    post(books, JANUARY)

    with pytest.raises(errors.InsufficientPrivilege, match="append-only"):
        change(books, f"delete from ledger.{table}")


def test_two_posts_at_once_leave_one_batch(books: Database) -> None:
    with books.connect() as first:
        with first.transaction():
            opened = post_period(first, entity_id="US", period=JANUARY, run_id="first")
            outcome: list[PostingResult] = []
            second = threading.Thread(target=lambda: outcome.append(post(books, JANUARY)))
            second.start()
            time.sleep(0.3)
            assert second.is_alive()
        second.join(timeout=20)

    assert opened.batch_id is not None
    assert [result.batch_id for result in outcome] == [None]
    assert ask(books, "select run_id from ledger.journal_batch") == [("first",)]


def test_a_connection_killed_in_mid_post_leaves_nothing(books: Database) -> None:
    with books.connect() as blocker:
        # The post gets as far as its lines and waits there.
        blocker.execute("lock table ledger.journal_line in share row exclusive mode")
        failure: list[BaseException] = []
        victim = threading.Thread(target=lambda: failure.append(failing_post(books)))
        victim.start()
        deadline = time.monotonic() + 20
        killed: list[tuple[Any, ...]] = []
        while not killed and time.monotonic() < deadline:
            killed = ask(
                books,
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where wait_event_type = 'Lock' and query like 'insert into ledger.journal_line%'",
            )
            time.sleep(0.05)
        victim.join(timeout=20)
        blocker.rollback()

    assert killed == [(True,)]
    assert isinstance(failure[0], psycopg.OperationalError)
    counts = (
        "select (select count(*) from ledger.journal_batch),"
        " (select count(*) from ledger.journal_entry), (select count(*) from ledger.period)"
    )
    assert ask(books, counts) == [(0, 0, 0)]
    assert post(books, JANUARY).lines == 10


def failing_post(database: Database) -> BaseException:
    try:
        post(database, JANUARY)
    except psycopg.OperationalError as error:
        return error
    raise AssertionError("the post went through")


@pytest.mark.slow
def test_thousands_of_lines_are_posted_per_second(database: Database) -> None:
    with database.connect() as connection:
        write_books(connection)
        connection.execute(
            "insert into marts.fct_accounting_movement select 'p' || n, 'US', 'P' || n, 'O' || n,"
            " 'recognition', '2025-01-01', 'USD', 'contract_liability', 'subscription_revenue',"
            " '2100', '4000', n from generate_series(1, 20000) as n"
        )
    allow(database)

    started = time.monotonic()
    result = post(database, JANUARY)
    seconds = time.monotonic() - started

    assert result.lines == 40_010
    assert result.lines / seconds > 2_000


def test_a_batch_shows_the_gate_run_that_allowed_it(books: Database) -> None:
    post(books, JANUARY)

    assert ask(
        books,
        "select verdict.run_id, verdict.passed from ledger.journal_batch as batch"
        " join governance.gate_verdict as verdict using (verdict_id)",
    ) == [("gate-run", True)]


def test_what_was_done_is_logged_with_its_evidence_and_chained(books: Database) -> None:
    posted = post(books, JANUARY)
    close(books, JANUARY)
    close(books, JANUARY)  # nothing is done, nothing is logged

    assert ask(
        books,
        "select actor, action, object_id, evidence_hash from governance.audit_log order by act_id",
    ) == [
        ("run:gate-run", "verdict.stored", f"gate_verdict:{posted.verdict_id}", posted.fingerprint),
        ("run:run-1", "batch.posted", f"journal_batch:{posted.batch_id}", posted.fingerprint),
        ("controller", "period.closed", "period:US:2025-01", posted.fingerprint),
    ]
    assert ask(books, "select detail ->> 'reason' from governance.audit_log where act_id = 3") == [
        ("month end",)
    ]
    with books.connect() as connection:
        result = verify(connection)
    assert result.findings == []
    assert result.rows["ledger.journal_line"] == posted.lines


def test_a_refused_act_is_not_logged(books: Database) -> None:
    with pytest.raises(LedgerError, match="not posted"):
        close(books, JANUARY)

    assert ask(books, "select action from governance.audit_log") == [("verdict.stored",)]
