"""Case files: text stays text, and a file that is no case is refused in one line."""

import shutil
from datetime import date
from pathlib import Path

import pytest
import yaml

from revenue_pipeline.cases.capabilities import claimed
from revenue_pipeline.cases.command import lines
from revenue_pipeline.cases.errors import CaseFileError
from revenue_pipeline.cases.files import Case, named, read_cases
from revenue_pipeline.cases.loading import segments
from revenue_pipeline.cases.months import months_of
from revenue_pipeline.cases.running import Outcome
from revenue_pipeline.cases.seeds import ACCOUNT_OF_ROLE, seed_rows
from revenue_pipeline.domain.periods import PeriodError
from revenue_pipeline.paths import PROJECT_ROOT

GOLDEN = PROJECT_ROOT / "tests" / "golden"
NAME = "saas-annual-leap-year"
CASES = read_cases(GOLDEN)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("golden.schema.json", f"{NAME}.yaml"):
        shutil.copy(GOLDEN / name, tmp_path / name)
    return tmp_path


def rewrite(folder: Path, old: str, new: str) -> None:
    path = folder / f"{NAME}.yaml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def test_every_golden_case_can_be_read() -> None:
    assert len(CASES) == len(list(GOLDEN.glob("*.yaml")))
    assert all(case.path.stem == case.case_id for case in CASES)


def test_decimals_and_dates_stay_text(folder: Path) -> None:
    rewrite(folder, "tolerance: '0'", "tolerance: 0.10")
    rewrite(folder, "'2023-09-01'", "2023-09-01")
    (case,) = read_cases(folder)
    assert case.convention["tolerance"] == "0.10"
    assert case.events[0]["occurred_on"] == "2023-09-01"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("schema_version: 1", "schema_version: 2", "schema_version: 1 was expected"),
        ("title:", "titel:", "titel"),
        ("events:", "events: [", "is not YAML"),
        ("title:", "title: twice\ntitle:", "repeated key 'title'"),
        ("level: core", "level: expert", "level: 'expert' is not one of"),
        ("contract_signed", "contract_sighted", "contract_sighted"),
        ("title:", "title: \x00", "is not YAML"),
    ],
)
def test_a_file_that_is_no_case_is_refused_in_one_line(
    folder: Path, old: str, new: str, reason: str
) -> None:
    rewrite(folder, old, new)
    with pytest.raises(CaseFileError, match=NAME) as caught:
        read_cases(folder)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("content", [b"\xff", b"", b"- 1", b"&a [*a]", b"[" * 5000])
def test_any_other_content_is_refused(folder: Path, content: bytes) -> None:
    (folder / f"{NAME}.yaml").write_bytes(content)
    with pytest.raises(CaseFileError):
        read_cases(folder)


def test_a_folder_without_cases_or_schema_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CaseFileError, match="no such folder"):
        read_cases(tmp_path / "none")
    (folder / "golden.schema.json").unlink()
    with pytest.raises(CaseFileError, match=r"the schema .* is missing"):
        read_cases(folder)
    (folder / f"{NAME}.yaml").unlink()
    with pytest.raises(CaseFileError, match="holds no cases"):
        read_cases(folder)


def test_an_id_may_be_there_once(folder: Path) -> None:
    shutil.copy(folder / f"{NAME}.yaml", folder / "other.yaml")
    with pytest.raises(CaseFileError, match="is there twice"):
        read_cases(folder)


def test_cases_are_chosen_by_id_and_capability() -> None:
    assert [case.case_id for case in named(CASES, NAME, None)] == [NAME]
    assert all("rec.daily" in case.requires for case in named(CASES, None, "rec.daily"))
    for case_id, capability in (("none", None), (None, "none"), (NAME, "repurchase")):
        with pytest.raises(CaseFileError):
            named(CASES, case_id, capability)


@pytest.mark.parametrize(
    ("text", "first", "count"),
    [("2025-04", 4, 1), ("2025-Q3", 7, 3), ("2025-H2", 7, 6), ("2025", 1, 12)],
)
def test_a_period_is_its_months(text: str, first: int, count: int) -> None:
    months = months_of(text)
    assert (months[0], len(months)) == (date(2025, first, 1), count)


@pytest.mark.parametrize("text", ["2025-13", "2025-Q5", "0000", "25", "2025-01-01", ""])
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(PeriodError):
        months_of(text)


def changed(case: Case, **content: object) -> Case:
    return Case(case.path, {**case.content, **content})


def test_events_are_cut_at_the_closes_of_months(folder: Path) -> None:
    (case,) = read_cases(folder)
    close = {"id": "X", "type": "period_closed", "occurred_on": "2023-10-05", "data": {}}
    first, *rest = case.events
    parts = segments(changed(case, events=[first, close, close, *rest]))
    assert parts == [([first], [close, close]), (rest, [])]
    opening = segments(changed(case, opening_balances={"cash": "1.00 USD"}))[0][0][0]
    assert (opening["type"], opening["occurred_on"]) == ("opening_balances", "2023-08-31")


def test_a_case_is_a_legal_entity_with_its_choices_and_every_account(folder: Path) -> None:
    (case,) = read_cases(folder)
    rows = seed_rows([case])
    (entity,) = rows["ref_legal_entities"]
    assert (entity["first_period"], entity["last_period"]) == ("2023-09-01", "2024-08-01")
    (policy,) = rows["ref_entity_policies"]
    assert (policy["proration"], policy["rounding_unit_minor"]) == ("actual_days", "1")
    accounts = {row["account_role"]: row["account_name"] for row in rows["ref_accounts"]}
    assert accounts == ACCOUNT_OF_ROLE
    whole = seed_rows([changed(case, convention={**case.convention, "minor_unit": "1"})])
    assert whole["ref_entity_policies"][0]["rounding_unit_minor"] == "100"


def test_a_quantity_is_no_year(folder: Path) -> None:
    (case,) = read_cases(folder)
    first, *rest = case.events
    line = {**first["data"]["lines"][0], "quantity": "1000"}
    bought = {**first, "data": {**first["data"], "lines": [line]}}
    assert changed(case, events=[bought, *rest]).dates == case.dates


def test_an_event_is_late_when_its_month_was_closed_before_it_came() -> None:
    (case,) = named(CASES, "saas-backdated-amendment-after-close", None)
    late = [e["id"] for e in case.events if e["type"] != "period_closed" and case.is_late(e)]
    assert late == ["E07"]


def test_every_claimed_capability_is_a_word_of_the_schema() -> None:
    schema = yaml.safe_load((GOLDEN / "golden.schema.json").read_text("utf-8"))
    assert claimed() <= set(schema["properties"]["requires"]["items"]["enum"])


def test_the_last_line_counts_what_came_of_all(folder: Path) -> None:
    (case,) = read_cases(folder)
    outcomes = [
        Outcome(case, "passed"),
        Outcome(case, "failed", reason="a\nreason"),
        Outcome(case, "skipped", reason="not covered: repurchase"),
    ]
    said = lines(outcomes)
    assert said[-1] == "1 passed, 1 failed, 1 skipped"
    assert said[1].endswith("a reason")
    assert any(line.split() == ["core", "1", "1", "1"] for line in said)
