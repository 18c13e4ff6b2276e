"""`revenue cases run`: one faulty case fails alone, and the user's books are never touched."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from revenue_pipeline import cli
from revenue_pipeline.paths import EXPECTATIONS_DIR, PROJECT_ROOT
from revenue_pipeline.quality import suites
from revenue_pipeline.quality.suites import ERP_JOURNALS
from revenue_pipeline.settings import Settings
from revenue_pipeline.warehouse.database import open_database
from revenue_pipeline.warehouse.embedded import EmbeddedPostgres

GOLDEN = PROJECT_ROOT / "tests" / "golden"
USAGE = "saas-usage-overage-in-arrears"


@pytest.fixture
def settings(cluster: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> Settings:
    chosen = Settings(home=cluster.root.parent, database_url=cluster.url("revenue"))
    monkeypatch.setenv("REVENUE_HOME", str(chosen.home))
    monkeypatch.setenv("REVENUE_DATABASE_URL", str(chosen.database_url))
    return chosen


def write(folder: Path, name: str, change: Callable[[dict[str, Any]], object]) -> None:
    case = yaml.safe_load((GOLDEN / f"{USAGE}.yaml").read_text("utf-8"))
    case["id"] = name
    change(case)
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(case), "utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "golden.schema.json").write_bytes((GOLDEN / "golden.schema.json").read_bytes())
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["revenue", "cases", "run", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def data(number: int, **changes: object) -> Callable[[dict[str, Any]], object]:
    return lambda case: case["events"][number]["data"].update(changes)


@pytest.mark.slow
def test_a_faulty_case_fails_alone(
    folder: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(folder, "good", lambda _: None)
    write(folder, "wrong-total", data(1, total="501.00 USD"))
    write(folder, "too-much", data(2, quantity="9" * 23))
    write(folder, "unknown", data(2, contract_id="C-9"))
    write(
        folder,
        "wrong-figure",
        lambda case: case["expected"]["lifetime_revenue"][0].update(amount="1.00 USD"),
    )
    out = folder / "out.json"
    open_database(settings)  # the books are there before, and stay as they were
    with psycopg.connect(str(settings.database_url)) as connection:
        before = connection.execute("select count(*) from landing.inbox").fetchone()

    assert run(monkeypatch, str(folder), "--json", str(out)) == 1

    said = capsys.readouterr().out.splitlines()
    assert said[-1] == "1 passed, 4 failed, 0 skipped"
    told = {case["case"]: case for case in json.loads(out.read_text("utf-8"))}
    assert told["good"]["state"] == "passed"
    assert "wrong-total E02: lines: do not add up" in told["wrong-total"]["reason"]
    assert "waits for contract C-9" in told["unknown"]["reason"]
    assert "out of range" in told["too-much"]["reason"]
    assert [d["figure"] for d in told["wrong-figure"]["differences"]] == ["lifetime_revenue C-1"]
    with psycopg.connect(str(settings.database_url)) as connection:
        left = connection.execute(
            "select count(*) from pg_database where datname like '%_cases_%'"
        ).fetchone()
        landed = connection.execute("select count(*) from landing.inbox").fetchone()
    assert (left, landed) == ((0,), before)
    assert not list((settings.home / "cases").iterdir())


@pytest.mark.slow
def test_a_case_whose_gate_would_be_closed_fails_with_the_number_of_the_rule(
    folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from revenue_pipeline.cases.files import read_cases
    from revenue_pipeline.cases.running import run_cases

    rules = folder / "expectations"
    shutil.copytree(EXPECTATIONS_DIR, rules)
    file = rules / ERP_JOURNALS / "fct_usage_entitlement.yml"
    suite = yaml.safe_load(file.read_text("utf-8"))
    suite["expectations"][0] |= {
        "type": "unexpected_rows_expectation",
        "kwargs": {"unexpected_rows_query": "select 1 from {batch} where '{entity_id}' = 'shut'"},
    }
    file.write_text(yaml.safe_dump(suite), "utf-8")
    monkeypatch.setattr(suites, "EXPECTATIONS_DIR", rules)
    write(folder, "good", lambda _: None)
    write(folder, "shut", lambda _: None)

    good, shut = run_cases(read_cases(folder), settings)

    assert (good.state, shut.state) == ("passed", "failed")
    assert shut.first.startswith("the gate of shut is closed: USE-001 (")


@pytest.mark.slow
def test_a_case_that_needs_more_than_is_claimed_is_skipped(
    folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from revenue_pipeline.cases.files import read_cases
    from revenue_pipeline.cases.running import run_cases

    write(folder, "good", lambda _: None)
    (outcome,) = run_cases(read_cases(folder), settings, frozenset({"rec.usage"}))
    assert outcome.state == "skipped"
    assert outcome.reason == "not covered: rec.monthly_equal, pres.contract_asset"


@pytest.mark.parametrize(
    "content", ["a: [", "schema_version: 1", "id: good\nid: good", "\x00", "[" * 3000]
)
def test_a_file_that_is_no_case_is_one_line_and_exit_code_2(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    content: str,
) -> None:
    (folder / "good.yaml").write_text(content, "utf-8")
    assert run(monkeypatch, str(folder)) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert "good.yaml" in said.err
