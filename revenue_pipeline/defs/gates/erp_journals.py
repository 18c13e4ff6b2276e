"""The gate before the journal: one asset check per rule, one verdict per legal entity.

The check stops this run and shows what is wrong. The verdict, stored with a hash of the rows it is
about, stops everything else: the ledger asks for it again on the very rows it posts.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from revenue_pipeline.defs.gates.naming import check_name
from revenue_pipeline.defs.resources import WarehouseResource
from revenue_pipeline.quality.gate import GateResult, RuleResult, evaluate_gate
from revenue_pipeline.quality.suites import ERP_JOURNALS, Rule, Suite, load_suites

SHOWN_ROWS = 20

# Entities without contracts have no rows to judge, and nothing to post.
_ENTITIES = """
    select entity_id from reference.ref_legal_entities
    where entity_id in (select entity_id from marts.dim_contract)
    order by entity_id
"""


def _spec(suite: Suite, rule: Rule) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        name=check_name(rule.rule),
        asset=suite.table.split("."),
        blocking=rule.severity == "critical",
        description=f"{rule.description} Why: {rule.reason} ({rule.source})",
        metadata={"rule": rule.rule, "severity": rule.severity, "gate": ERP_JOURNALS},
    )


def _severity(results: Sequence[tuple[str, RuleResult]]) -> dg.AssetCheckSeverity:
    closes = any(result.closes_gate for _, result in results)
    critical = any(result.severity == "critical" for _, result in results)
    error = closes or (critical and all(result.passed for _, result in results))
    return dg.AssetCheckSeverity.ERROR if error else dg.AssetCheckSeverity.WARN


def _sentence(results: Sequence[tuple[str, RuleResult]]) -> str:
    broken = [(entity, result) for entity, result in results if not result.passed]
    if not results:
        return "No legal entity has contracts; there was nothing to judge."
    if not broken:
        return f"Holds for {', '.join(entity for entity, _ in results)}."
    parts = []
    for entity, result in broken:
        if result.error is not None:
            parts.append(f"{entity}: could not be judged ({result.error})")
            continue
        first = result.sample[0] if result.sample else {}
        example = ", ".join(f"{name} {value}" for name, value in first.items())
        parts.append(
            f"{entity}: {result.unexpected_count} rows break it"
            + (f"; for example {example}" if example else "")
        )
    return ". ".join(parts) + "."


def _table(rows: Sequence[dict[str, str]]) -> dg.TableMetadataValue:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return dg.TableMetadataValue(
        records=[dg.TableRecord({name: row.get(name, "") for name in names}) for row in rows],
        schema=dg.TableSchema(columns=[dg.TableColumn(name, "string") for name in names]),
    )


def _result(
    suite: Suite, rule: Rule, results: Sequence[tuple[str, RuleResult]], gates: Sequence[GateResult]
) -> dg.AssetCheckResult:
    rows = [
        {"entity_id": entity, **{k: str(v) for k, v in row.items()}}
        for entity, result in results
        for row in result.sample
    ][:SHOWN_ROWS]
    counts = [
        {
            "entity_id": entity,
            "passed": "yes" if result.passed else "no",
            "rows that break it": str(result.unexpected_count),
            "verdict": str(gate.verdict_id),
        }
        for (entity, result), gate in zip(results, gates, strict=True)
    ]
    return dg.AssetCheckResult(
        asset_key=suite.table.split("."),
        check_name=check_name(rule.rule),
        passed=all(result.passed for _, result in results),
        severity=_severity(results),
        description=_sentence(results),
        metadata={
            "unexpected_rows": sum(result.unexpected_count for _, result in results),
            "entities": _table(counts),
            **({"rows": _table(rows)} if rows else {}),
        },
    )


_SUITES = load_suites(ERP_JOURNALS)


@dg.multi_asset_check(
    name="erp_journals_gate",
    specs=[_spec(suite, rule) for suite in _SUITES for rule in suite.rules],
    can_subset=False,
    pool="derivation",
    description="What must hold before revenue may be posted.",
)
def erp_journals_gate(
    context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource
) -> Iterator[dg.AssetCheckResult]:
    """Judge every entity's rows, keep a verdict per entity, answer per rule."""
    database = warehouse.database
    with database.connect() as connection:
        entities = [str(row[0]) for row in connection.execute(_ENTITIES).fetchall()]
    gates = [evaluate_gate(database, ERP_JOURNALS, name, context.run.run_id) for name in entities]
    answers = {
        rule.rule: [
            (gate.entity_id, result)
            for gate in gates
            for result in gate.rules
            if result.rule == rule.rule
        ]
        for suite in _SUITES
        for rule in suite.rules
    }
    for suite in _SUITES:
        for rule in suite.rules:
            yield _result(suite, rule, answers[rule.rule], gates)
