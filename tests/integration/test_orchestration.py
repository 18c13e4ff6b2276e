"""The pipeline run by Dagster: what blocks the journal, whichever way the run was started."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
import pytest

from revenue_pipeline.operate.jobs import JobRunner, RunFailedError
from revenue_pipeline.operate.report import print_report, wide_console
from revenue_pipeline.settings import Settings
from revenue_pipeline.warehouse.database import Database

pytestmark = pytest.mark.slow

JANUARY = date(2025, 1, 1)
FEBRUARY = date(2025, 2, 1)
JOURNAL = dg.AssetKey(["ledger", "journal_line"])
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


@pytest.fixture
def jobs(sample_database: Database, instance: dg.DagsterInstance) -> JobRunner:
    return JobRunner(instance)


def execute(database: Database, statement: str) -> int:
    with database.connect() as connection:
        return connection.execute(statement.encode()).rowcount


def one(database: Database, query: str) -> Any:
    with database.connect() as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def posted(database: Database) -> int:
    return int(one(database, "select count(*) from ledger.journal_line"))


ONE_CENT = """
    update marts.fct_revenue_schedule set recognized_minor = recognized_minor + 1
    where schedule_id = (select min(schedule_id) from marts.fct_revenue_schedule
        where entity_id = 'US')
"""
ONE_MORE_PAYMENT = """
    insert into canonical.payment_event
    select (jsonb_populate_record(payment, jsonb_build_object(
        'event_id', 'late', 'payment_id', 'late', 'source_id', 'late',
        'written_in', pg_current_xact_id()::text))).*
    from canonical.payment_event as payment
    where payment.entity_id = 'US' order by payment.event_id limit 1
"""


def test_a_journal_started_alone_after_a_failed_check_is_refused(sample_database, jobs):
    assert execute(sample_database, ONE_CENT) == 1

    with pytest.raises(RunFailedError):
        jobs.run("judge")
    with pytest.raises(RunFailedError, match=r"refused it for .*SCH-004"):
        jobs.run("post_month", entity="US", month=JANUARY)

    assert posted(sample_database) == 0


def test_a_run_without_checks_is_refused_when_it_built_other_rows(sample_database, instance):
    from revenue_pipeline.definitions import defs

    assert execute(sample_database, ONE_MORE_PAYMENT) == 1
    built = dg.AssetSelection.groups("staging", "intermediate", "marts")
    unchecked = dg.define_asset_job(
        "unchecked",
        selection=(built | dg.AssetSelection.assets(JOURNAL)).without_checks(),
    )
    definitions = dg.Definitions.merge(defs(), dg.Definitions(jobs=[unchecked]))
    result = definitions.resolve_job_def("unchecked").execute_in_process(
        instance=instance,
        partition_key=dg.MultiPartitionKey({"entity": "US", "period": "2025-01-01"}),
        raise_on_error=False,
        run_config=QUIET,
    )

    assert not result.success
    built_keys = {event.asset_key for event in result.get_asset_materialization_events()}
    assert dg.AssetKey(["marts", "fct_accounting_movement"]) in built_keys
    assert JOURNAL not in built_keys
    assert result.get_asset_check_evaluations() == []
    assert posted(sample_database) == 0


def test_rows_changed_by_one_cent_after_the_check_are_refused(sample_database, jobs):
    assert execute(sample_database, ONE_CENT) == 1

    with pytest.raises(RunFailedError, match="its rows changed since verdict"):
        jobs.run("post_month", entity="US", month=JANUARY)

    assert posted(sample_database) == 0


def test_one_entity_s_broken_rows_do_not_hold_up_another(sample_database, jobs):
    execute(sample_database, ONE_CENT)

    jobs.run("post_month", entity="DE", month=JANUARY)

    assert posted(sample_database) > 0


def test_posting_twice_adds_nothing(sample_database, jobs):
    jobs.run("post_month", entity="US", month=JANUARY)
    lines = posted(sample_database)
    jobs.run("post_month", entity="US", month=JANUARY)

    assert lines > 0
    assert posted(sample_database) == lines


def test_months_close_in_order_only(sample_database, jobs):
    with pytest.raises(RunFailedError, match="2025-01 is still open"):
        jobs.run("close_month", entity="US", month=FEBRUARY)

    jobs.run("close_month", entity="US", month=JANUARY)
    jobs.run("close_month", entity="US", month=FEBRUARY)

    closed = "select count(*) from ledger.period where entity_id = 'US' and state = 'closed'"
    assert one(sample_database, closed) == 2


def test_a_month_that_the_entity_does_not_have_is_refused_in_words(jobs):
    with pytest.raises(RunFailedError, match="US has no month 1999-01"):
        jobs.run("post_month", entity="US", month=date(1999, 1, 1))


def test_deriving_again_changes_no_row_that_was_judged(sample_database, jobs):
    judged = "select count(distinct fingerprint) from governance.gate_verdict"
    before = one(sample_database, judged)

    jobs.run("derive")

    assert one(sample_database, judged) == before


def test_one_more_payment_derives_one_contract_again(sample_database, instance):
    assert execute(sample_database, ONE_MORE_PAYMENT) == 1

    JobRunner(instance).run("derive")

    key = dg.AssetKey(["marts", "fct_accounting_movement"])
    event = instance.get_latest_materialization_event(key)
    assert event is not None
    assert event.asset_materialization is not None
    told = event.asset_materialization.metadata
    assert told["derive_mode"].value == "incremental"
    assert told["events_new"].value == 1
    assert told["contracts_derived"].value < one(
        sample_database, "select count(*) from marts.dim_contract"
    )


def test_everything_is_derived_when_asked_for(sample_database, jobs):
    jobs.run("derive", full=True)

    newest = "select mode || ': ' || reason from derivation.run order by run_id desc limit 1"
    assert one(sample_database, newest) == "full: asked for"


def test_a_derivation_tells_rows_amounts_columns_and_their_origin(sample_database, instance):
    JobRunner(instance).run("derive")
    key = dg.AssetKey(["marts", "fct_revenue_schedule"])
    event = instance.get_latest_materialization_event(key)

    assert event is not None
    assert event.asset_materialization is not None
    told = event.asset_materialization.metadata
    rows = one(sample_database, "select count(*) from marts.fct_revenue_schedule")
    assert told["dagster/row_count"].value == rows
    total = "select sum(recognized_minor)::bigint from marts.fct_revenue_schedule"
    assert told["recognized_minor USD"].value == one(
        sample_database, f"{total} where currency_code = 'USD'"
    )
    origin = told["dagster/column_lineage"].value.deps_by_column["recognized_minor"]
    assert origin
    assert {dep.asset_key.path[0] for dep in origin} == {"intermediate"}


def test_the_report_is_the_same_text_for_the_same_database(sample_database, jobs, tmp_path):
    jobs.run("close_month", entity="US", month=JANUARY)
    settings = Settings(home=tmp_path, database_url=sample_database.url)
    texts = []
    for _ in range(2):
        console = wide_console()
        with console.capture() as captured:
            assert print_report(settings, console) == 0
        texts.append(captured.get())

    assert texts[0] == texts[1]
    assert "Revenue posted, by month it was earned" in texts[0]
