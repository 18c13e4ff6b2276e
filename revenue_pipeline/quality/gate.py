"""Evaluate a gate on one entity, keep the verdict, and ask for it later."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from revenue_pipeline.quality.data_docs import build_data_docs, docs_folder, site_config
from revenue_pipeline.quality.entity import checked_entity
from revenue_pipeline.quality.errors import GateClosedError, SuiteError
from revenue_pipeline.quality.fingerprint import entity_fingerprint
from revenue_pipeline.quality.suites import (
    ERP_JOURNALS,
    Rule,
    Suite,
    gated_tables,
    load_suites,
    suite_hash,
)
from revenue_pipeline.quality.verdicts import record_verdict, require_open_gate
from revenue_pipeline.warehouse.database import Database

__all__ = [
    "ERP_JOURNALS",
    "GateClosedError",
    "GateResult",
    "RuleResult",
    "SuiteError",
    "evaluate_gate",
    "require_open_gate",
]

SAMPLE_ROWS = 20
_BATCH = "entity"


@dataclass(frozen=True)
class RuleResult:
    """Answer to one rule.

    `unexpected_count` counts offending rows (0 when passed or not evaluated); `sample` shows up to
    20 of them as text. `error` says why the rule could not be judged: then it did not pass.
    """

    rule: str
    suite: str
    table: str
    severity: str
    description: str
    reason: str
    passed: bool
    unexpected_count: int
    sample: tuple[dict[str, str], ...] = ()
    error: str | None = None

    @property
    def closes_gate(self) -> bool:
        """A critical rule that is broken, or any rule that could not be judged."""
        return not self.passed and (self.severity == "critical" or self.error is not None)


@dataclass(frozen=True)
class GateResult:
    """What the gate said about one entity; `verdict_id` is the stored verdict."""

    gate: str
    entity_id: str
    fingerprint: str
    suite_hash: str
    verdict_id: int
    rules: tuple[RuleResult, ...] = field(repr=False)
    docs: Path | None = None

    @property
    def passed(self) -> bool:
        """Whether journals may be posted from these rows."""
        return not self.broken_rules

    @property
    def broken_rules(self) -> tuple[str, ...]:
        """Numbers of the rules that close the gate."""
        return tuple(result.rule for result in self.rules if result.closes_gate)


def evaluate_gate(
    database: Database, gate: str, entity_id: str, run_id: str, *, docs: bool = True
) -> GateResult:
    """Judge every rule of `gate` on the rows of `entity_id` and store the verdict.

    A rule that raises instead of answering closes the gate like a broken one. The rows are hashed
    before and after: a verdict is only given when they stood still.

    Args:
        run_id: Who asked, kept with the verdict.
        docs: Also render Data Docs under REVENUE_HOME/data_docs/<entity>.

    Raises:
        SuiteError: The rules cannot be read, a gated table is missing, or rows changed meanwhile.
    """
    entity = checked_entity(entity_id)
    suites = load_suites(gate)
    rules_hash = suite_hash(suites)
    tables = gated_tables(suites)

    # No lock is held while Great Expectations reads on connections of its own: a rebuild that
    # queues behind our lock would block them, and nobody would see that all three wait in a circle.
    before = _fingerprint(database, entity, tables)
    with _Evaluation(database, entity, suites) as evaluation:
        results = evaluation.run(run_id)
        with database.connect() as connection:
            after = entity_fingerprint(connection, entity, tables)
            if after != before:
                raise SuiteError(
                    f"{gate}: rows of {entity} changed while they were judged; run the gate again"
                )
            verdict_id = record_verdict(
                connection,
                gate=gate,
                entity_id=entity,
                fingerprint=after,
                suite_hash=rules_hash,
                rules_evaluated=len(results),
                broken_rules=[result.rule for result in results if result.closes_gate],
                detail=_detail(results),
                run_id=run_id,
            )
        # After the verdict: a page that cannot be drawn must not decide about journals.
        folder = docs_folder(database.home, entity)
        page = build_data_docs(evaluation.context, folder) if docs else None
    return GateResult(gate, entity, after, rules_hash, verdict_id, results, page)


def _fingerprint(database: Database, entity_id: str, tables: Sequence[str]) -> str:
    with database.connect() as connection:
        return entity_fingerprint(connection, entity_id, tables)


class _Evaluation:
    """An ephemeral Great Expectations context over one entity; leaving it closes its engines."""

    def __init__(self, database: Database, entity_id: str, suites: Sequence[Suite]) -> None:
        os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read at import
        import great_expectations as gx
        from great_expectations.data_context.types.base import (
            DataContextConfig,
            InMemoryStoreBackendDefaults,
            ProgressBarsConfig,
        )

        self._gx = gx
        self._entity_id = entity_id
        self._suites = suites
        self.context = gx.get_context(
            mode="ephemeral",
            project_config=DataContextConfig(
                store_backend_defaults=InMemoryStoreBackendDefaults(),
                data_docs_sites=site_config(docs_folder(database.home, entity_id)),
                analytics_enabled=False,
                progress_bars=ProgressBarsConfig(globally=False, metric_calculations=False),
            ),
        )
        self._source = self.context.data_sources.add_postgres(
            "warehouse", connection_string=database.sqlalchemy_url("psycopg")
        )

    def __enter__(self) -> "_Evaluation":
        return self

    def __exit__(self, *_: object) -> None:
        self._source.get_execution_engine().engine.dispose()
        self._source.get_engine().dispose()

    def run(self, run_id: str) -> tuple[RuleResult, ...]:
        """Answers in the order of the suites' rules."""
        return tuple(result for suite in self._suites for result in self._run_suite(suite, run_id))

    def _run_suite(self, suite: Suite, run_id: str) -> list[RuleResult]:
        gx = self._gx
        table = suite.table.rpartition(".")[2]
        asset = self._source.add_query_asset(
            f"{table}__{self._entity_id}",
            query=f"select * from {suite.table} where entity_id = '{self._entity_id}'",  # noqa: S608
        )
        try:
            expectations = gx.ExpectationSuite(
                name=suite.name, expectations=[self._expectation(rule) for rule in suite.rules]
            )
        except (gx.exceptions.GreatExpectationsError, ValueError) as error:
            # Keyword arguments the type does not take.
            reason = " ".join(str(error).split())
            raise SuiteError(f"{suite.name}: a rule cannot be read: {reason}") from None
        # A type it does not know is logged and left out of the suite, without an error.
        kept = {entry.meta["rule"] for entry in expectations.expectations if entry.meta}
        dropped = [rule.rule for rule in suite.rules if rule.rule not in kept]
        if dropped:
            raise SuiteError(f"{suite.name}: a rule cannot be read: {', '.join(dropped)}")
        validation = self.context.validation_definitions.add(
            gx.ValidationDefinition(
                name=suite.name,
                data=asset.add_batch_definition(_BATCH),
                suite=self.context.suites.add(expectations),
            )
        )
        outcome = validation.run(
            # Only COMPLETE brings the rows that break a rule written in SQL; lists end at 200.
            result_format={
                "result_format": "COMPLETE",
                "unexpected_index_column_names": list(suite.key),
            },
            run_id=gx.RunIdentifier(run_name=run_id),
        )
        answers = {
            result.expectation_config.meta["rule"]: result
            for result in outcome.results
            if result.expectation_config is not None
        }
        missing = [rule.rule for rule in suite.rules if rule.rule not in answers]
        if missing or len(outcome.results) != len(suite.rules):
            raise SuiteError(f"{suite.name}: no answer for {', '.join(missing) or 'some rule'}")
        return [_answer(suite, rule, answers[rule.rule]) for rule in suite.rules]

    def _expectation(self, rule: Rule) -> dict[str, Any]:
        return {
            "type": rule.type,
            "kwargs": {
                name: value.replace("{entity_id}", self._entity_id)
                if isinstance(value, str)
                else value
                for name, value in rule.kwargs.items()
            },
            "severity": rule.severity,
            "description": f"{rule.rule}: {rule.description}",
            "meta": {"rule": rule.rule, "reason": rule.reason, "source": rule.source},
        }


def _answer(suite: Suite, rule: Rule, result: Any) -> RuleResult:
    details = result.result or {}
    rows = (
        details.get("unexpected_index_list")
        or (details.get("details") or {}).get("unexpected_rows")
        or [{"value": value} for value in details.get("unexpected_list") or []]
    )
    error = _raised(result.exception_info)
    if error is None and not result.success:
        count = details.get("unexpected_count", details.get("observed_value"))
        unexpected = count if isinstance(count, int) else max(len(rows), 1)
    else:
        unexpected = 0
    return RuleResult(
        rule=rule.rule,
        suite=suite.name,
        table=suite.table,
        severity=rule.severity,
        description=rule.description,
        reason=rule.reason,
        passed=bool(result.success) and error is None,
        unexpected_count=unexpected,
        sample=()
        if result.success
        else tuple(
            {str(name): str(value) for name, value in row.items()} for row in rows[:SAMPLE_ROWS]
        ),
        error=error,
    )


def _raised(exception_info: Any) -> str | None:
    """First line of what an expectation raised. The shape differs: flat, or one per metric."""
    if not exception_info:
        return None
    entries = [exception_info] if "raised_exception" in exception_info else exception_info.values()
    for entry in entries:
        if entry.get("raised_exception"):
            lines = str(entry.get("exception_message") or "unknown error").splitlines()
            return lines[0] if lines else "unknown error"
    return None


def _detail(results: Sequence[RuleResult]) -> dict[str, object]:
    """What is kept beside the verdict: each rule that did not pass, with a few of its rows."""
    return {
        "rules": [result.rule for result in results],
        "not_passed": [
            {
                "rule": result.rule,
                "severity": result.severity,
                "description": result.description,
                "unexpected_count": result.unexpected_count,
                "sample": list(result.sample[:5]),
                "error": result.error,
            }
            for result in results
            if not result.passed
        ],
    }
