"""The rules of a gate asked as plain SQL, for many entities at once.

Great Expectations takes seconds for each entity and leaves a verdict and pages; this takes a moment
and leaves nothing. It opens no gate: it tells beforehand which rules would close it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import psycopg

from revenue_pipeline.quality.entity import checked_entity
from revenue_pipeline.quality.errors import SuiteError
from revenue_pipeline.quality.suites import Rule, Suite, load_suites

_ENTITY = "%(entity_id)s::text"
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True)
class Broken:
    """A critical rule that the rows of an entity break, with one such row as text."""

    rule: str
    description: str
    row: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.description} ({self.row})"


def broken_rules(
    connection: psycopg.Connection[Any], gate: str, entity_ids: Iterable[str]
) -> dict[str, tuple[Broken, ...]]:
    """Critical rules of `gate` that each entity breaks, in the order of the suites.

    Entities that break none are not in the answer. A rule of a type that only Great Expectations
    knows is not asked.

    Raises:
        SuiteError: A rule raises instead of answering.
    """
    entities = [checked_entity(entity_id) for entity_id in entity_ids]
    rules = [
        (rule, query)
        for suite in load_suites(gate)
        for rule in suite.rules
        if rule.severity == "critical" and (query := _query(suite, rule)) is not None
    ]
    found: dict[str, list[Broken]] = {}
    with connection.transaction():
        # One plan for each rule, not one for each rule and entity.
        connection.execute("set local plan_cache_mode = force_generic_plan")
        for rule, query in rules:
            for entity_id in entities:
                row = _first(connection, rule, query, entity_id)
                if row is not None:
                    found.setdefault(entity_id, []).append(Broken(rule.rule, rule.description, row))
    return {entity_id: tuple(broken) for entity_id, broken in found.items()}


def _first(
    connection: psycopg.Connection[Any], rule: Rule, query: str, entity_id: str
) -> str | None:
    try:
        found = connection.execute(
            query.encode(), {"entity_id": entity_id}, prepare=True
        ).fetchone()
    except psycopg.Error as error:
        raise SuiteError(f"{rule.rule}: {' '.join(str(error).split())}") from None
    return None if found is None else str(found[0])


def _query(suite: Suite, rule: Rule) -> str | None:
    """SQL that selects, as text, one row that breaks the rule; None where it has no plain form."""
    offending = _offending(rule)
    if offending is None:
        return None
    rows = _COMMENT.sub("", offending).replace("%", "%%").replace("'{entity_id}'", _ENTITY)
    batch = f"(select * from {suite.table} where entity_id = {_ENTITY}) as batch"  # noqa: S608
    return f"select found::text from ({rows.replace('{batch}', batch)}) as found limit 1"  # noqa: S608


def _offending(rule: Rule) -> str | None:
    """The rows that break a rule, as SQL over {batch}. Values that are null break none but one."""
    kwargs = rule.kwargs
    broken: str | None = None
    match rule.type:
        case "unexpected_rows_expectation":
            broken = str(kwargs["unexpected_rows_query"])
        case "expect_column_values_to_not_be_null":
            broken = f"select * from {{batch}} where {kwargs['column']} is null"  # noqa: S608
        case "expect_column_values_to_match_regex":
            regex = _text(kwargs["regex"])
            broken = f"select * from {{batch}} where {kwargs['column']} !~ {regex}"  # noqa: S608
        case "expect_column_values_to_be_in_set":
            known = ", ".join(_text(value) for value in kwargs["value_set"])
            broken = f"select * from {{batch}} where {kwargs['column']} not in ({known})"  # noqa: S608
        case "expect_column_values_to_be_unique":
            broken = _repeated([str(kwargs["column"])])
        case "expect_compound_columns_to_be_unique":
            broken = _repeated([str(column) for column in kwargs["column_list"]])
    return broken


def _repeated(columns: list[str]) -> str:
    names = ", ".join(columns)
    any_told = " or ".join(f"{column} is not null" for column in columns)
    return (
        f"select {names}, count(*) from {{batch}} where {any_told}"  # noqa: S608
        f" group by {names} having count(*) > 1"
    )


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"
