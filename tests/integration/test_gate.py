"""The gate: every rule passes on sound books, and each is broken by one wrong row."""

import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from revenue_pipeline.paths import EXPECTATIONS_DIR
from revenue_pipeline.quality import gate, suites
from revenue_pipeline.quality.errors import GateClosedError, SuiteError
from revenue_pipeline.quality.fingerprint import entity_fingerprint
from revenue_pipeline.quality.gate import ERP_JOURNALS, GateResult, evaluate_gate
from revenue_pipeline.quality.plain import broken_rules
from revenue_pipeline.quality.suites import load_suites, suite_hash
from revenue_pipeline.quality.verdicts import require_open_gate
from revenue_pipeline.warehouse.database import Database
from tests.integration.books import contract, usage, write_books

MOVEMENT = "update marts.fct_accounting_movement"
SCHEDULE = "update marts.fct_revenue_schedule"
OBLIGATION = "update marts.fct_performance_obligation"
POSITION = "update marts.fct_contract_position"
ROLLFORWARD = "update marts.fct_deferred_revenue_rollforward"
USAGE = "update marts.fct_usage_entitlement"
REMAINING = "update marts.fct_remaining_performance_obligation"
SEGMENT = "update marts.fct_obligation_segment"


def copied(table: str, where: str) -> str:
    return f"insert into marts.{table} select * from marts.{table} where {where}"


BROKEN = {
    "MOV-001": f"{MOVEMENT} set credit_account_code = '9999' where movement_id = 'm01'",
    "MOV-002": f"{MOVEMENT} set debit_account_code = null where movement_id = 'm01'",
    "MOV-003": f"{MOVEMENT} set credit_account_code = null where movement_id = 'm01'",
    "MOV-004": f"{MOVEMENT} set credit_account_code = '4010' where movement_id = 'm03'",
    "MOV-005": f"{MOVEMENT} set currency_code = 'usd' where movement_id = 'm01'",
    "MOV-006": f"{MOVEMENT} set amount_minor = 0 where movement_id = 'm02'",
    "MOV-007": copied("fct_accounting_movement", "movement_id = 'm02'"),
    "MOV-008": copied("fct_accounting_movement", "movement_id = 'm02'"),
    "MOV-009": f"{MOVEMENT} set amount_minor = 3101 where movement_id = 'm03'",
    "MOV-010": f"{MOVEMENT} set economic_period = '2025-04-01' where movement_id = 'm02'",
    "MOV-011": f"{MOVEMENT} set credit_account_code = '1100' where movement_id = 'm02'",
    "MOV-012": f"{MOVEMENT} set contract_id = 'C3' where movement_id = 'm03'",
    "MOV-013": f"{MOVEMENT} set economic_date = '2025-02-01' where movement_id = 'm03'",
    "MOV-014": f"{MOVEMENT} set functional_amount_minor = 3101 where movement_id = 'm03'",
    "MOV-015": f"{MOVEMENT} set amount_minor = 3099 where movement_id = 'm10'",
    "MOV-016": f"{MOVEMENT} set debit_role = 'refund_liability' where movement_id = 'm02'",
    "MOV-017": f"{MOVEMENT} set arrangement_id = 'C9' where movement_id = 'm02'",
    "MOV-018": "insert into marts.fct_exception values"
    " ('x9', 'US', 'MISSING_RATE', 'contract', 'C1:EUR', true)",
    "SCH-001": f"{SCHEDULE} set currency_code = 'US' where schedule_id = 's1'",
    "SCH-002": f"{SCHEDULE} set schedule_id = 's1' where schedule_id = 's2'",
    "SCH-003": f"{SCHEDULE} set recognized_minor = null where schedule_id = 's1'",
    "SCH-004": f"{SCHEDULE} set recognized_to_date_minor = 3101 where schedule_id = 's1'",
    "SCH-005": f"{SCHEDULE} set recognized_minor = 3099 where schedule_id = 's3'",
    "SCH-006": f"{SCHEDULE} set component = 'bonus' where schedule_id = 's4'",
    "SCH-007": f"{SCHEDULE} set economic_period = '2025-01-02' where schedule_id = 's1'",
    "SCH-008": f"{SCHEDULE} set component = 'financing' where schedule_id = 's4'",
    "SCH-009": "update marts.fct_catch_up set amount_minor = 2801",
    "OBL-001": copied("fct_performance_obligation", "obligation_id = 'O1S'"),
    "OBL-002": f"{OBLIGATION} set currency_code = '$' where obligation_id = 'O1'",
    "OBL-003": f"{OBLIGATION} set allocated_minor = 9001 where obligation_id = 'O1'",
    "OBL-004": f"{OBLIGATION} set pending_minor = 0 where obligation_id = 'O1S'",
    "OBL-005": f"{SEGMENT} set cut_date = '2025-02-11' where price_minor = 4000",
    "OBL-006": "update marts.dim_contract set is_quarantined = true where contract_id = 'C2'",
    "OBL-007": contract("C9"),
    "OBL-008": f"{OBLIGATION} set pending_minor = 1 where obligation_id = 'O2'",
    "POS-001": copied("fct_contract_position", "contract_id = 'C2'"),
    "POS-002": f"{POSITION} set currency_code = 'Usd' where contract_id = 'C2'",
    "POS-003": f"{POSITION} set contract_asset_minor = 1, contract_liability_minor = 5901"
    " where contract_id = 'C1' and period_start_date = '2025-01-01'",
    "POS-004": f"{POSITION} set recognized_minor = 3101 where billed_minor = 0",
    "POS-005": f"{POSITION} set receivable_minor = 5899 where receivable_minor = 5900",
    "POS-006": f"{POSITION} set contract_liability_noncurrent_minor = 1 where billed_minor = 0",
    "RPO-001": copied("fct_remaining_performance_obligation", "expected_period is null"),
    "RPO-002": f"{REMAINING} set currency_code = 'dollar' where obligation_id = 'O1'",
    "RPO-003": f"{REMAINING} set contract_id = 'C2' where obligation_id = 'O1S'",
    "RPO-004": f"{REMAINING} set amount_minor = 1499 where obligation_id = 'O1S'",
    "RPO-005": f"{REMAINING} set band = '13-24' where expected_period = '2025-03-01'",
    "RPO-006": f"{REMAINING} set amount_minor = 0 where expected_period = '2025-03-01'",
    "RPO-007": f"{REMAINING} set amount_minor = -3200 where expected_period = '2025-03-01'",
    "ROL-001": copied("fct_deferred_revenue_rollforward", "period_start_date = '2025-03-01'"),
    "ROL-002": f"{ROLLFORWARD} set currency_code = 'USD ' where opening_minor = 0",
    "ROL-003": f"{ROLLFORWARD} set billings_minor = 9001 where opening_minor = 0",
    "ROL-004": "delete from marts.fct_deferred_revenue_rollforward where opening_minor = 5900",
    "ROL-005": f"{ROLLFORWARD} set other_minor = 1, closing_minor = 1 where closing_minor = 0",
    "USE-001": copied("fct_usage_entitlement", "event_id = 'e1'"),
    "USE-002": usage("e9", "u9", 5, "2025-02-06"),
    "USE-003": "delete from marts.fct_exception where exception_id = 'x1'",
    "USE-004": f"{USAGE} set line_id = null where event_id = 'e1'",
    "USE-005": "insert into landing.load (source, channel, origin, content_sha256, received_count,"
    " added_count, duplicate_count, collision_count)"
    " values ('crm_orders', 'file', 'lost.jsonl', 'h', 3, 3, 0, 0)",
    "USE-006": f"{USAGE} set is_entitled = true, reason_code = null, line_id = 'L1'"
    " where usage_id = 'u3'",
}


@pytest.fixture
def books(database: Database) -> Database:
    with database.connect() as connection:
        write_books(connection)
    return database


def change(database: Database, statement: str) -> None:
    with database.connect() as connection:
        connection.execute(statement.encode())


def judge(database: Database, **options: Any) -> GateResult:
    return evaluate_gate(database, ERP_JOURNALS, "US", "run-1", **{"docs": False, **options})


def asked_plainly(database: Database) -> list[str]:
    with database.connect() as connection:
        answers = broken_rules(connection, ERP_JOURNALS, ["DE-other", "US"])
    return [broken.rule for broken in answers.get("US", ())]


def test_sound_books_pass_every_rule(books: Database) -> None:
    result = judge(books)

    assert [(rule.rule, rule.error, rule.sample) for rule in result.rules if not rule.passed] == []
    assert result.passed
    assert asked_plainly(books) == []


@pytest.mark.parametrize("rule", BROKEN)
def test_a_wrong_row_breaks_its_rule(books: Database, rule: str) -> None:
    change(books, BROKEN[rule])

    result = judge(books)

    answer = next(answer for answer in result.rules if answer.rule == rule)
    assert not answer.passed
    assert answer.error is None
    assert answer.unexpected_count >= 1
    assert answer.sample
    assert (rule in result.broken_rules) == (answer.severity == "critical")
    assert asked_plainly(books) == list(result.broken_rules)


def test_every_rule_has_a_row_that_breaks_it() -> None:
    rules = [rule.rule for suite in load_suites(ERP_JOURNALS) for rule in suite.rules]

    assert sorted(rules) == sorted(BROKEN)


def test_a_rule_in_sql_is_limited_to_the_entity_of_the_batch() -> None:
    reads_elsewhere = [
        rule
        for suite in load_suites(ERP_JOURNALS)
        for rule in suite.rules
        if any(
            schema in str(rule.kwargs.get("unexpected_rows_query", ""))
            for schema in ("marts.", "canonical.")
        )
    ]

    assert reads_elsewhere
    assert [r.rule for r in reads_elsewhere if "{entity_id}" not in str(r.kwargs)] == []


def test_a_rule_reads_tables_that_hold_every_contract() -> None:
    """Staging and intermediate models hold the contracts of the last derive."""
    for suite in load_suites(ERP_JOURNALS):
        for rule in suite.rules:
            query = str(rule.kwargs.get("unexpected_rows_query", ""))
            assert "intermediate." not in query, rule.rule
            assert "staging." not in query, rule.rule


def test_an_entity_without_rows_passes_and_has_a_fingerprint_of_its_own(books: Database) -> None:
    change(books, "delete from marts.fct_accounting_movement where entity_id = 'DE'")

    result = evaluate_gate(books, ERP_JOURNALS, "DE", "run-1", docs=False)

    assert result.broken_rules == ()
    assert result.fingerprint.startswith("0:")


def test_a_rule_that_raises_is_no_answer_when_asked_plainly(books: Database) -> None:
    change(books, "alter table marts.fct_contract_position rename billed_minor to invoiced_minor")

    with pytest.raises(SuiteError, match=r"POS-004.*billed_minor"):
        asked_plainly(books)


def test_a_rule_that_raises_closes_the_gate(books: Database) -> None:
    change(books, "alter table marts.fct_contract_position rename billed_minor to invoiced_minor")

    result = judge(books)

    answer = next(answer for answer in result.rules if answer.rule == "POS-004")
    assert answer.error is not None
    assert "billed_minor" in answer.error
    assert not result.passed
    assert "POS-004" in result.broken_rules


def test_a_missing_table_closes_the_gate(books: Database) -> None:
    change(books, "drop table marts.fct_contract_position")

    with pytest.raises(SuiteError, match="fct_contract_position has not been built"):
        judge(books)


def test_an_entity_id_cannot_carry_sql(books: Database) -> None:
    with pytest.raises(SuiteError, match="no entity id"):
        evaluate_gate(books, ERP_JOURNALS, "US' or 'a' = 'a", "run-1")


def test_the_gate_leaves_no_connection_behind(books: Database) -> None:
    judge(books)

    with books.connect() as connection:
        left = connection.execute(
            "select count(*) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        ).fetchone()
    assert left == (0,)


def test_the_verdict_is_stored_with_what_broke(books: Database) -> None:
    change(books, BROKEN["POS-004"])

    result = judge(books)

    with books.connect() as connection:
        stored = connection.execute(
            "select passed, broken_rules, rules_evaluated, fingerprint, suite_hash, run_id,"
            ' jsonb_path_query_first(detail, \'$.not_passed[*] ? (@.rule == "POS-004")'
            ".sample[0].contract_id') #>> '{}'"
            " from governance.gate_verdict"
        ).fetchall()
    assert stored == [
        (
            False,
            list(result.broken_rules),
            len(BROKEN),
            result.fingerprint,
            result.suite_hash,
            "run-1",
            "C2",
        )
    ]


def test_data_docs_are_static_pages_of_the_newest_evaluation_only(books: Database) -> None:
    judge(books, docs=True)
    result = evaluate_gate(books, ERP_JOURNALS, "US", "run-2", docs=True)

    assert result.docs is not None
    assert result.docs.is_file()
    pages = list((books.home / "data_docs" / "US" / "validations").rglob("*.html"))
    assert len(pages) == len(load_suites(ERP_JOURNALS))
    assert all("run-2" in str(page) for page in pages)


def test_the_fingerprint_ignores_order_and_other_entities(
    books: Database, connection: psycopg.Connection[Any]
) -> None:
    before = entity_fingerprint(connection, "US")
    connection.execute("update marts.fct_revenue_schedule set component = component")
    connection.execute("delete from marts.fct_accounting_movement where entity_id = 'DE'")

    assert entity_fingerprint(connection, "US") == before


def test_the_fingerprint_sees_a_row_that_is_there_twice(
    books: Database, connection: psycopg.Connection[Any]
) -> None:
    before = entity_fingerprint(connection, "US")
    connection.execute(copied("fct_revenue_schedule", "schedule_id = 's1'").encode())
    connection.execute(copied("fct_revenue_schedule", "schedule_id = 's1'").encode())

    assert entity_fingerprint(connection, "US") != before


def test_the_fingerprint_is_the_same_in_every_time_zone(
    books: Database, connection: psycopg.Connection[Any]
) -> None:
    before = entity_fingerprint(connection, "US")
    connection.execute("set time zone 'Asia/Tokyo'")

    assert entity_fingerprint(connection, "US") == before


def test_no_verdict_keeps_the_gate_closed(connection: psycopg.Connection[Any]) -> None:
    with pytest.raises(GateClosedError, match="no verdict yet"):
        require_open_gate(connection, ERP_JOURNALS, "US", "1:x", "hash")


def test_the_newest_verdict_on_the_same_rows_counts(books: Database) -> None:
    opened = judge(books)
    reopened = judge(books)

    with books.connect() as connection:
        verdict = require_open_gate(
            connection, ERP_JOURNALS, "US", opened.fingerprint, opened.suite_hash
        )
    assert verdict == reopened.verdict_id


def edited(folder: Path, file: str, edit: Any) -> Path:
    """Copy of the suites with one file changed."""
    copy = folder / "expectations"
    shutil.copytree(EXPECTATIONS_DIR, copy)
    path = copy / ERP_JOURNALS / file
    content = yaml.safe_load(path.read_text())
    edit(content)
    path.write_text(yaml.safe_dump(content))
    return copy


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        pytest.param(lambda c: c["expectations"].clear(), "no expectations", id="empty suite"),
        pytest.param(lambda c: c["meta"].pop("table"), "table", id="no table"),
        pytest.param(lambda c: c["meta"].pop("key"), "key", id="no key"),
        pytest.param(
            lambda c: c["expectations"][0]["meta"].pop("reason"), "reason", id="no reason"
        ),
        pytest.param(
            lambda c: c["expectations"][0]["meta"].update(rule="POS-002"), "twice", id="same number"
        ),
        pytest.param(
            lambda c: c["expectations"][0].update(severity="harmless"), "severity", id="severity"
        ),
    ],
)
def test_a_suite_that_cannot_be_trusted_is_not_loaded(
    tmp_path: Path, edit: Any, complaint: str
) -> None:
    folder = edited(tmp_path, "fct_contract_position.yml", edit)

    with pytest.raises(SuiteError, match=complaint):
        load_suites(ERP_JOURNALS, folder)


def test_a_gate_without_suites_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="no suites"):
        load_suites(ERP_JOURNALS, tmp_path)


def test_a_changed_rule_changes_the_hash_and_a_changed_comment_does_not(tmp_path: Path) -> None:
    loosened = edited(
        tmp_path,
        "fct_contract_position.yml",
        lambda c: c["expectations"][1]["kwargs"].update(regex="^[A-Z]{2,3}$"),
    )
    here = suite_hash(load_suites(ERP_JOURNALS))

    assert suite_hash(load_suites(ERP_JOURNALS, loosened)) != here
    commented = tmp_path / "commented"
    shutil.copytree(EXPECTATIONS_DIR, commented)
    path = commented / ERP_JOURNALS / "fct_contract_position.yml"
    path.write_text("# for finance\n" + path.read_text())
    assert suite_hash(load_suites(ERP_JOURNALS, commented)) == here


def test_a_broken_warning_is_shown_but_does_not_close_the_gate(
    books: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    softened = edited(
        tmp_path,
        "fct_usage_entitlement.yml",
        lambda c: c["expectations"][2].update(severity="warning"),
    )
    monkeypatch.setattr(suites, "EXPECTATIONS_DIR", softened)
    change(books, BROKEN["USE-003"])

    result = judge(books)

    assert [rule.rule for rule in result.rules if not rule.passed] == ["USE-003"]
    assert result.passed


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda rule: rule.update(type="expect_miracles"), id="unknown type"),
        pytest.param(lambda rule: rule.update(kwargs={"colour": "red"}), id="unknown argument"),
    ],
)
def test_a_rule_great_expectations_cannot_read_leaves_no_verdict(
    books: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edit: Any
) -> None:
    folder = edited(tmp_path, "fct_contract_position.yml", lambda c: edit(c["expectations"][1]))
    monkeypatch.setattr(suites, "EXPECTATIONS_DIR", folder)

    with pytest.raises(SuiteError, match="a rule cannot be read"):
        judge(books)
    with books.connect() as connection:
        assert connection.execute("select count(*) from governance.gate_verdict").fetchone() == (0,)


def test_rows_that_change_while_they_are_judged_get_no_verdict(
    books: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = gate._Evaluation.run

    def change_and_judge(evaluation: Any, run_id: str) -> Any:
        change(books, f"{MOVEMENT} set amount_minor = 9001 where movement_id = 'm01'")
        return judged(evaluation, run_id)

    monkeypatch.setattr(gate._Evaluation, "run", change_and_judge)

    with pytest.raises(SuiteError, match="changed while they were judged"):
        judge(books)
