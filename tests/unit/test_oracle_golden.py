"""The oracle reproduces every golden case, by the rules of their README."""

from pathlib import Path

import pytest

from tests.oracle.compare import differences
from tests.oracle.loading import read_case

CASES = sorted((Path(__file__).parents[1] / "golden").glob("*.yaml"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_oracle_reproduces_the_golden_case(path: Path) -> None:
    assert differences(read_case(path)) == []
