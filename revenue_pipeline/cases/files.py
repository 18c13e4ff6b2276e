"""Reading case files: YAML as text, checked against the schema that lies beside them."""

import json
from collections.abc import Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from revenue_pipeline.cases.errors import CaseFileError
from revenue_pipeline.cases.months import months_of
from revenue_pipeline.domain.periods import PeriodError

SCHEMA = "golden.schema.json"
_DETAIL = 300
# Read as text: a number or a date of a case never passes through a float or a time zone.
_STAY_TEXT = {"tag:yaml.org,2002:float", "tag:yaml.org,2002:timestamp"}


# What an event without a contract refers to, and the event that tells more.
_REFERENCES = (
    ("invoice_id", "invoice_issued"),
    ("payment_id", "payment_received"),
    ("credit_note_id", "credit_note_issued"),
    ("dispute_id", "dispute_opened"),
    ("write_off_id", "receivable_written_off"),
)


class _Loader(yaml.SafeLoader):
    """Refuses repeated keys; decimals and dates stay text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _STAY_TEXT]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Hashable, Any]:
    seen: dict[Hashable, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise yaml.constructor.ConstructorError(
                None, None, f"key {key!r} is no text", key_node.start_mark
            )
        if key in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"repeated key {key!r}", key_node.start_mark
            )
        seen[key] = loader.construct_object(value_node, deep=True)
    return seen


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


@dataclass(frozen=True)
class Case:
    """One case as its file tells it; every number and date inside is text."""

    path: Path
    content: dict[str, Any]

    @property
    def case_id(self) -> str:
        """Its id, which is also the name of its file."""
        return str(self.content["id"])

    @property
    def level(self) -> str:
        """core, standard or advanced."""
        return str(self.content["level"])

    @property
    def requires(self) -> tuple[str, ...]:
        """Capabilities it needs."""
        return tuple(self.content["requires"])

    @property
    def events(self) -> list[dict[str, Any]]:
        """What happened, in the order in which it reached the books."""
        return list(self.content["events"])

    @property
    def expected(self) -> dict[str, Any]:
        """The figures to reproduce."""
        return dict(self.content["expected"])

    @property
    def convention(self) -> dict[str, Any]:
        """The choices that make one answer right."""
        return dict(self.content["convention"])

    @property
    def opening_balances(self) -> dict[str, str]:
        """Balances before the first event, on the natural side of each account."""
        return dict(self.content.get("opening_balances", {}))

    @cached_property
    def entity_ids(self) -> tuple[str, ...]:
        """Legal entities of the case: the case itself first, then those it names."""
        named: dict[str, None] = {}
        for event in self.events:
            data = event["data"]
            for part in (data, *data.get("lines", ()), *data.get("add_lines", ())):
                if "entity_id" in part:
                    named[f"{self.case_id}/{part['entity_id']}"] = None
        return (self.case_id, *named)

    @cached_property
    def functional_currency(self) -> str:
        """The currency the books are kept in: stated, else that of the first contract."""
        for event in self.events:
            data = event["data"]
            if event["type"] == "contract_signed":
                return str(data.get("functional_currency", data["currency"]))
        return "USD"

    @cached_property
    def names_obligations(self) -> bool:
        """Whether the lines carry the names of their obligations."""
        return any(
            "performance_obligation" in line
            for event in self.events
            for name in ("lines", "add_lines")
            for line in event["data"].get(name, ())
        )

    def event(self, event_id: str) -> dict[str, Any]:
        """The event of that id, as it first arrived. Raises CaseFileError."""
        for event in self.events:
            if event["id"] == event_id:
                return event
        raise CaseFileError(f"{self.path}: there is no event {event_id}")

    def contract_of(self, event: dict[str, Any]) -> str:
        """The contract an event concerns, told by what it refers to; empty where nothing does."""
        data: dict[str, Any] = event["data"]
        if event["type"] == "contract_renewed":
            return str(data["new_contract_id"])
        if "contract_id" in data:
            return str(data["contract_id"])
        for own, kind in _REFERENCES:
            if own in data:
                for other in self.events:
                    same = other["type"] == kind and other["data"].get(own) == data[own]
                    if same and other is not event:
                        return self.contract_of(other)
        return ""

    def is_late(self, event: dict[str, Any]) -> bool:
        """Whether an event arrived after the month it belongs to was closed."""
        day = event["data"].get("effective_date", event["occurred_on"])
        month = min(day, event["occurred_on"])[:7]
        for other in self.events:
            if other is event:
                return False
            if other["type"] == "period_closed" and other["data"]["period"] >= month:
                return True
        return False

    @cached_property
    def dates(self) -> list[date]:
        """Every day and month the case names, of events, terms and figures."""
        found: list[date] = []
        _collect(self.events, found)
        _collect(self.expected, found)
        return found


def _collect(value: object, found: list[date]) -> None:
    """Days are told by their shape, periods by where they stand: a quantity looks like a year."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "by_period":
                found += [day for period in item for day in _last_month(period)]
            elif key == "period":
                found += _last_month(item)
            else:
                _collect(item, found)
    elif isinstance(value, list):
        for item in value:
            _collect(item, found)
    elif isinstance(value, str) and len(value) == len("2025-01-31"):
        with suppress(ValueError):
            found.append(date.fromisoformat(value))


def _last_month(period: object) -> list[date]:
    try:
        return months_of(str(period))[-1:]
    except PeriodError:
        return []


def read_cases(folder: Path) -> list[Case]:
    """All cases of a folder by id. Raises CaseFileError naming the file and what is wrong."""
    if not folder.is_dir():
        raise CaseFileError(f"{folder}: there is no such folder")
    files = sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")])
    if not files:
        raise CaseFileError(f"{folder}: holds no cases (*.yaml)")
    check = _checker(folder)
    cases = [Case(path, _read(path, check)) for path in files]
    ids = [case.case_id for case in cases]
    for case in cases:
        if ids.count(case.case_id) > 1:
            raise CaseFileError(f"{case.path}: the id {case.case_id} is there twice")
    return sorted(cases, key=lambda case: case.case_id)


def _checker(folder: Path) -> Any:
    import jsonschema

    path = folder / SCHEMA
    try:
        schema = json.loads(path.read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator.check_schema(schema)
    except FileNotFoundError:
        raise CaseFileError(f"{folder}: the schema {SCHEMA} is missing") from None
    except (ValueError, UnicodeDecodeError, jsonschema.SchemaError) as error:
        raise CaseFileError(f"{path}: is no JSON schema: {_first_line(error)}") from None
    return jsonschema.Draft202012Validator(schema)


def _read(path: Path, check: Any) -> dict[str, Any]:
    import jsonschema

    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise CaseFileError(f"{path}: is not YAML: {_first_line(error)}") from None
    except (UnicodeDecodeError, OSError) as error:
        raise CaseFileError(f"{path}: cannot be read: {_first_line(error)}") from None
    except RecursionError:
        raise CaseFileError(f"{path}: is nested too deeply") from None
    fault = jsonschema.exceptions.best_match(check.iter_errors(content))
    if fault is not None:
        place = "/".join(str(part) for part in fault.absolute_path) or "the file"
        raise CaseFileError(f"{path}: {place}: {_first_line(fault.message)}")
    assert isinstance(content, dict)
    return content


def _first_line(error: object) -> str:
    return " ".join(str(error).split())[:_DETAIL]


def named(cases: Sequence[Case], case_id: str | None, capability: str | None) -> list[Case]:
    """The cases of that id, or that need that capability. Raises CaseFileError if none fits."""
    chosen = [
        case
        for case in cases
        if case_id in {None, case.case_id} and (capability is None or capability in case.requires)
    ]
    if not chosen:
        what = f"case {case_id}" if case_id else f"case needs {capability}"
        raise CaseFileError(f"no {what}")
    return chosen
