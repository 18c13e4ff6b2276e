"""Rules of the house about the graph. What the house demands, a test proves."""

from pathlib import Path

import dagster as dg
import pytest

from revenue_pipeline.defs.automation.monthly import close_last_month
from revenue_pipeline.defs.gates.naming import check_name
from revenue_pipeline.quality.suites import ERP_JOURNALS, gated_tables, load_suites

BOOKS = {"ledger", "erp"}


def test_the_definitions_load_with_jobs_sensor_and_schedule(definitions):
    assert {job.name for job in definitions.jobs} >= {"derive", "post_month", "close_month"}
    assert [sensor.name for sensor in definitions.sensors] == ["new_deliveries"]
    assert [schedule.name for schedule in definitions.schedules] == ["close_last_month"]


def test_the_workspace_file_names_the_same_code():
    text = (Path(__file__).parents[2] / "workspace.yaml").read_text()

    assert "module_name: revenue_pipeline.definitions" in text


def test_every_key_has_two_parts_schema_and_table(graph):
    assert [key for key in graph.get_all_asset_keys() if len(key.path) != 2] == []


def test_everything_says_what_it_is_who_owns_it_and_where_it_runs(graph):
    silent = [
        key.to_user_string()
        for key in graph.get_all_asset_keys()
        if not (node := graph.get(key)).description
        or not node.owners
        or not node.kinds
        or node.group_name in (None, "default")
    ]

    assert silent == []


def test_every_input_of_the_books_is_gated_by_checks_that_block(graph):
    blocking = {check.asset_key for check in graph.asset_check_keys if graph.get(check).blocking}
    inputs = {
        parent
        for key in graph.get_all_asset_keys()
        if key.path[0] in BOOKS
        for parent in graph.get(key).parent_keys
        if parent.path[0] not in BOOKS
    }

    assert inputs
    assert inputs - blocking == set()


def test_every_critical_rule_is_a_blocking_check_of_its_own(graph):
    shown = {
        (check.asset_key.path[-1], check.name): graph.get(check).blocking
        for check in graph.asset_check_keys
    }

    for suite in load_suites(ERP_JOURNALS):
        for rule in suite.rules:
            name = (suite.table.partition(".")[2], check_name(rule.rule))
            assert shown[name] == (rule.severity == "critical")


def test_the_journal_reads_every_table_the_gate_judges(graph):
    parents = {
        ".".join(key.path) for key in graph.get(dg.AssetKey(["ledger", "journal_line"])).parent_keys
    }

    assert set(gated_tables(load_suites(ERP_JOURNALS))) <= parents


def test_every_data_test_is_an_asset_check(graph, manifest):
    """Dagster drops, without a word, tests it cannot place and tests that share a name."""
    shown = {
        graph.get(check).metadata.get("dagster_dbt/unique_id") for check in graph.asset_check_keys
    }
    written = {
        unique_id
        for unique_id, node in manifest["nodes"].items()
        if node["resource_type"] == "test"
    }

    assert written
    assert written - shown == set()


def test_every_model_and_seed_says_its_grain(manifest):
    silent = [
        node["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] in {"model", "seed"}
        and "Grain: one row per" not in " ".join(node["description"].split())
    ]

    assert silent == []


def test_every_source_is_produced_by_an_asset(graph, manifest):
    produced = {
        tuple(key.path) for key in graph.get_all_asset_keys() if graph.get(key).is_materializable
    }
    sources = {(node["schema"], node["name"]) for node in manifest["sources"].values()}

    assert sources
    assert sources - produced == set()


def test_data_flows_one_way_through_the_schemas(graph):
    order = [
        "landing", "canonical", "reference", "staging", "intermediate", "marts", "ledger", "erp",
    ]  # fmt: skip
    backwards = [
        (parent.to_user_string(), key.to_user_string())
        for key in graph.get_all_asset_keys()
        for parent in graph.get(key).parent_keys
        if order.index(parent.path[0]) > order.index(key.path[0])
    ]

    assert backwards == []


def test_two_runs_that_touch_the_books_never_overlap(definitions):
    tags = {
        job.name: definitions.resolve_job_def(job.name).tags.get("revenue/lock")
        for job in definitions.jobs
    }

    assert set(tags.values()) == {"books"}


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2026-02-03", {"DE|2026-01-01", "TEST|2026-01-01", "US|2026-01-01"}),
        ("2025-01-03", {"TEST|2024-12-01", "RAVEN|2024-12-01"}),
    ],
)
def test_the_schedule_closes_the_month_before_where_the_books_cover_it(day, expected):
    from datetime import datetime
    from zoneinfo import ZoneInfo

    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(
            instance,
            scheduled_execution_time=datetime.fromisoformat(day).replace(
                hour=6, tzinfo=ZoneInfo("UTC")
            ),
        )
        requests = list(close_last_month(context))

    assert {request.partition_key for request in requests} == expected
