"""Which columns each column of a model was computed from: the audit trail from figure to source.

dagster-dbt can do this too, but analyses the query anew for every column, which takes longer than
building the models.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import dagster as dg
from dagster_dbt import DbtProject
from sqlglot import MappingSchema, exp, to_table
from sqlglot.expressions import normalize_table_name
from sqlglot.lineage import Node, lineage

from revenue_pipeline.defs.transform.columns import Columns
from revenue_pipeline.defs.transform.translator import TRANSLATOR

_DIALECT = "postgres"
# Per relation, its columns as (name, type): hashable, so that the same query is analysed once.
_Relations = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


def column_lineage(
    query: str, parents: Mapping[str, Columns], manifest: Mapping[str, Any], project: DbtProject
) -> dg.TableColumnLineage:
    """Lineage of the columns that `query` selects.

    Args:
        query: Compiled SQL of the model.
        parents: Columns of each relation it reads, by dbt's unique id.
    """
    nodes = {**manifest["nodes"], **manifest["sources"]}
    keys = {
        _normalized(nodes[unique_id]["relation_name"]): TRANSLATOR.get_asset_spec(
            manifest, unique_id, project
        ).key
        for unique_id in parents
    }
    relations = tuple(
        (
            nodes[unique_id]["relation_name"],
            tuple((name, column["data_type"]) for name, column in columns.items()),
        )
        for unique_id, columns in parents.items()
    )
    return dg.TableColumnLineage(
        {
            column: [
                dg.TableColumnDep(asset_key=keys[relation], column_name=name)
                for relation, name in sorted(sources)
                if relation in keys
            ]
            for column, sources in _sources(query, relations).items()
        }
    )


@cache
def _sources(query: str, relations: _Relations) -> dict[str, set[tuple[str, str]]]:
    schema = MappingSchema(dialect=_DIALECT)
    for relation, columns in relations:
        schema.add_table(to_table(relation, dialect=_DIALECT), dict(columns), dialect=_DIALECT)
    # No column named: all of them at once, sharing what they have in common.
    roots = lineage(None, query, schema, dialect=_DIALECT, trim_selects=False)
    return {column.lower(): set(_leaves(root)) for column, root in roots.items()}


def _leaves(root: Node) -> Iterator[tuple[str, str]]:
    seen, steps = set(), [root]
    while steps:
        step = steps.pop()
        if id(step) in seen:
            continue
        seen.add(id(step))
        steps.extend(step.downstream)
        table = None if step.downstream else step.expression.find(exp.Table)
        if table is not None:
            yield normalize_table_name(table, dialect=_DIALECT), exp.to_column(step.name).name


def _normalized(relation: str) -> str:
    return normalize_table_name(to_table(relation, dialect=_DIALECT), dialect=_DIALECT)
