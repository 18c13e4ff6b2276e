"""The golden cases: sound in themselves, and every figure of them reproduced."""

import subprocess
import sys
from pathlib import Path

import pytest

from revenue_pipeline.cases.files import read_cases
from revenue_pipeline.cases.running import Outcome, run_cases
from revenue_pipeline.settings import Settings
from revenue_pipeline.warehouse.embedded import EmbeddedPostgres

FOLDER = Path(__file__).parent
CASES = read_cases(FOLDER)


def test_the_cases_are_sound() -> None:
    checked = subprocess.run(
        [sys.executable, str(FOLDER / "check_golden.py")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.fixture(scope="module")
def outcomes(cluster: EmbeddedPostgres) -> dict[str, Outcome]:
    settings = Settings(home=cluster.root.parent, database_url=cluster.url("revenue"))
    return {outcome.case.case_id: outcome for outcome in run_cases(CASES, settings)}


@pytest.mark.slow
@pytest.mark.parametrize("case_id", [case.case_id for case in CASES])
def test_the_figures_of_the_case(outcomes: dict[str, Outcome], case_id: str) -> None:
    outcome = outcomes[case_id]
    told = [str(difference) for difference in outcome.differences]
    assert outcome.state != "failed", (outcome.reason, told)
