"""Read a case file with every scalar as text (README: amounts never pass through floats)."""

from pathlib import Path
from typing import Any

import yaml

TRUTHS = {"true": True, "false": False}


def read_case(path: Path) -> dict[str, Any]:
    """Return the case; only ``true`` and ``false`` become other than text."""
    case = _truths(yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader))  # noqa: S506
    assert isinstance(case, dict)
    return case


def _truths(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _truths(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_truths(item) for item in value]
    return TRUTHS.get(value, value)
