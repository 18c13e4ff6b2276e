"""The pages about policies name only what there is, and leave out nothing that is claimed."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from revenue_pipeline.cases.capabilities import claimed
from revenue_pipeline.cases.files import read_cases
from revenue_pipeline.paths import DBT_PROJECT_DIR, EXPECTATIONS_DIR, PROJECT_ROOT
from revenue_pipeline.policies.versions import seed_columns

PAGES = sorted((PROJECT_ROOT / "docs" / "policies").glob("[a-z]*.md"))
ROWS = {"IFRS", "US GAAP", "Models", "Gate", "Capabilities", "Cases"}
CASES = {case.case_id: case for case in read_cases(PROJECT_ROOT / "tests" / "golden")}


def table(page: Path) -> dict[str, str]:
    """The table of a page: what stands beside each name."""
    cells = re.findall(r"^\| ([A-Z][\w ]+) \| (.+) \|$", page.read_text("utf-8"), re.MULTILINE)
    return dict(cells)


def names(page: Path, row: str) -> list[str]:
    return re.findall(r"`([^`]+)`", table(page).get(row, ""))


def cases(page: Path) -> list[str]:
    return re.findall(r"\[([a-z0-9-]+)\]\(\.\./\.\./tests/golden/\1\.yaml\)", table(page)["Cases"])


def rules() -> Iterator[str]:
    for path in EXPECTATIONS_DIR.rglob("*.yml"):
        for rule in yaml.safe_load(path.read_text("utf-8"))["expectations"]:
            yield rule["meta"]["rule"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_names_what_there_is(page: Path) -> None:
    models = {path.stem for path in (DBT_PROJECT_DIR / "models").rglob("*.sql")}
    columns = seed_columns(DBT_PROJECT_DIR)
    assert set(table(page)) - {"Choices"} == ROWS
    assert set(names(page, "Models")) <= models
    assert set(names(page, "Gate")) <= set(rules())
    for choice in names(page, "Choices"):
        seed, _, column = choice.partition(".")
        assert seed in columns
        assert not column or column in columns[seed]
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
        assert (page.parent / link).is_file(), link
    assert names(page, "Models")
    assert cases(page)
    for case_id in cases(page):
        assert set(CASES[case_id].requires) & set(names(page, "Capabilities")), case_id


def test_every_case_every_claim_and_every_choice_is_on_a_page() -> None:
    assert {case_id for page in PAGES for case_id in cases(page)} == set(CASES)
    assert {name for page in PAGES for name in names(page, "Capabilities")} == claimed()
    choices = {name.partition(".")[2] for page in PAGES for name in names(page, "Choices")}
    kept = {"entity_id", "effective_from", "reason"}
    assert set(seed_columns(DBT_PROJECT_DIR)["ref_entity_policies"]) - kept == choices - {""}


def test_the_index_links_every_page() -> None:
    index = (PROJECT_ROOT / "docs" / "policies" / "README.md").read_text("utf-8")
    assert re.findall(r"^- \[.+\]\((.+)\)$", index, re.MULTILINE)
    assert {Path(link).stem for link in re.findall(r"\]\(([a-z-]+\.md)\)", index)} == {
        page.stem for page in PAGES
    }


def test_the_readme_shows_what_is_claimed() -> None:
    readme = (PROJECT_ROOT / "README.md").read_text("utf-8")
    section = readme.split("## Acceptance cases", 1)[1].split("\n## ", 1)[0]
    shown = re.findall(r"`([a-z]+(?:\.[a-z_]+)?)`", section)
    assert sorted(shown) == sorted(claimed())
