"""Suites of rules, read from `expectations/<gate>/*.yml` (Great Expectations' own keys).

Reading needs no Great Expectations, so the orchestrator can name every rule without loading it.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from revenue_pipeline.paths import EXPECTATIONS_DIR
from revenue_pipeline.quality.errors import SuiteError

ERP_JOURNALS = "erp_journals"

_TABLE = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
_RULE = re.compile(r"[A-Z]{3}-[0-9]{3}")
_SEVERITIES = ("critical", "warning", "info")


@dataclass(frozen=True)
class Rule:
    """One expectation.

    `rule` is its number (never reused), `reason` what goes wrong without it, `source` where it is
    decided. `severity` critical closes the gate; warning and info are shown only. `kwargs` may hold
    `{entity_id}` inside an SQL text; the gate replaces it.
    """

    rule: str
    type: str
    kwargs: Mapping[str, Any]
    severity: str
    description: str
    reason: str
    source: str


@dataclass(frozen=True)
class Suite:
    """The rules of one table. `table` is schema.table, `key` its grain within an entity."""

    name: str
    table: str
    key: tuple[str, ...]
    rules: tuple[Rule, ...]


def load_suites(gate: str, folder: Path | None = None) -> tuple[Suite, ...]:
    """Read every suite of `gate`, ordered by table.

    Args:
        gate: Name of a folder below `folder`.
        folder: Where the gates lie; the project's `expectations/` by default.

    Raises:
        SuiteError: A suite is unreadable, has no rules, lacks a key, or repeats a rule number.
    """
    place = (EXPECTATIONS_DIR if folder is None else folder) / gate
    files = sorted(place.glob("*.yml"))
    if not files:
        raise SuiteError(f"{gate}: no suites in {place}; a gate without rules stays closed")
    suites = sorted((_read_suite(file, gate) for file in files), key=lambda suite: suite.table)
    _refuse_repeated("table", [suite.table for suite in suites], gate)
    _refuse_repeated("rule", [rule.rule for suite in suites for rule in suite.rules], gate)
    return tuple(suites)


def gated_tables(suites: Sequence[Suite]) -> tuple[str, ...]:
    """Tables (schema.table) that the gate judges, in a fixed order."""
    return tuple(suite.table for suite in suites)


def suite_hash(suites: Sequence[Suite]) -> str:
    """Sha256 over what the suites say. Comments and layout of the files do not count."""
    content = [
        {
            "name": suite.name,
            "table": suite.table,
            "rules": [
                {
                    "rule": rule.rule,
                    "type": rule.type,
                    "kwargs": rule.kwargs,
                    "severity": rule.severity,
                }
                for rule in suite.rules
            ],
        }
        for suite in suites
    ]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _read_suite(file: Path, gate: str) -> Suite:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise SuiteError(f"{file.name} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise SuiteError(f"{file.name}: expected the keys name, meta and expectations")
    meta = _mapping(content.get("meta"), f"{file.name}: meta")
    table = str(meta.get("table", ""))
    if meta.get("gate") != gate or not _TABLE.fullmatch(table):
        raise SuiteError(f"{file.name}: meta must say gate: {gate} and table: schema.table")
    expectations = content.get("expectations")
    if not isinstance(expectations, list) or not expectations:
        raise SuiteError(f"{file.name}: no expectations; a suite without rules would always pass")
    key = meta.get("key")
    if not isinstance(key, list) or not key:
        raise SuiteError(f"{file.name}: meta.key must list the columns that name a row")
    return Suite(
        name=str(content.get("name", table)),
        table=table,
        key=tuple(str(column) for column in key),
        rules=tuple(_read_rule(entry, file.name) for entry in expectations),
    )


def _read_rule(entry: object, file: str) -> Rule:
    content = _mapping(entry, f"{file}: an expectation")
    meta = _mapping(content.get("meta"), f"{file}: meta of an expectation")
    number = str(meta.get("rule", ""))
    if not _RULE.fullmatch(number):
        raise SuiteError(f"{file}: meta.rule must look like MOV-001, not {number!r}")
    severity = content.get("severity", "critical")
    if severity not in _SEVERITIES:
        raise SuiteError(f"{file}: {number}: severity must be one of {', '.join(_SEVERITIES)}")
    words = {
        "type": content.get("type"),
        "description": content.get("description"),
        "meta.reason": meta.get("reason"),
        "meta.source": meta.get("source"),
    }
    for name, value in words.items():
        if not isinstance(value, str) or not value.strip():
            raise SuiteError(f"{file}: {number} lacks {name}")
    return Rule(
        rule=number,
        type=str(words["type"]),
        kwargs=_mapping(content.get("kwargs", {}), f"{file}: {number}: kwargs"),
        severity=severity,
        description=" ".join(str(words["description"]).split()),
        reason=" ".join(str(words["meta.reason"]).split()),
        source=str(words["meta.source"]),
    )


def _mapping(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SuiteError(f"{what} must be a mapping")
    return value


def _refuse_repeated(what: str, names: Sequence[str], gate: str) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise SuiteError(f"{gate}: the same {what} twice: {', '.join(repeated)}")
