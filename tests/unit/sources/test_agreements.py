"""File agreements: what ships is sound, and what is wrong is named before any file is read."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from revenue_pipeline.domain.errors import ConfigurationError
from revenue_pipeline.settings import Settings
from revenue_pipeline.sources.files.adapter import FileAdapter
from revenue_pipeline.sources.files.agreement import BUILT_IN, load_agreements, read_agreement
from revenue_pipeline.sources.registry import adapter_for

SHIPPED = sorted(BUILT_IN.glob("*.yml"))
GOOD: dict[str, Any] = {
    "name": "mine",
    "description": "Usage of mine.",
    "columns": ["id", "customer", "units", "day"],
    "key": ["id"],
    "events": [
        {
            "object_type": "usage",
            "fields": {
                "usage_id": "id",
                "customer_id": "customer",
                "meter": {"constant": "calls"},
                "quantity": "units",
                "usage_at": "day",
            },
        }
    ],
}


def written(folder: Path, **changes: object) -> Path:
    path = folder / "mine.yml"
    path.write_text(yaml.safe_dump({**GOOD, **changes}), encoding="utf-8")
    return path


def test_every_shipped_agreement_is_named_like_its_file_and_described() -> None:
    assert len(SHIPPED) == 5
    for file in SHIPPED:
        agreement = read_agreement(file)
        assert agreement.name == file.stem
        assert agreement.description


def test_a_folder_of_ones_own_adds_agreements(tmp_path: Path) -> None:
    written(tmp_path)
    settings = Settings(agreements=tmp_path)

    assert "mine" in load_agreements(settings)
    assert isinstance(adapter_for("mine", settings), FileAdapter)
    assert adapter_for("file:mine", settings).name == "file:mine"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"delimiter": "x"}, "delimiter"),
        ({"colour": "red"}, "colour"),
        ({"key": ["nothing"]}, "unknown columns nothing"),
        ({"columns": ["id", "id"]}, "stands twice"),
        ({"time_zone": "Mars/Base"}, "unknown time zone"),
        ({"date_format": "%Y"}, "full date"),
        ({"currency": {"constant": "QQQ"}}, "QQQ"),
        ({"events": []}, "events"),
        ({"events": [{"object_type": "usage", "fields": {"meter": "id"}}]}, "usage lacks"),
        ({"name": "../evil"}, "name"),
    ],
)
def test_a_wrong_agreement_is_refused_with_its_fault(
    tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        read_agreement(written(tmp_path, **changes))


def test_an_agreement_that_repeats_a_name_is_refused(tmp_path: Path) -> None:
    written(tmp_path, name="usage_v1")

    with pytest.raises(ConfigurationError, match="already an agreement usage_v1"):
        load_agreements(Settings(agreements=tmp_path))


def test_an_unknown_source_lists_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="stripe, crm_orders, usage_events, contracts_v1"):
        adapter_for("nonsense", Settings())
