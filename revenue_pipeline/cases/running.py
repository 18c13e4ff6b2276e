"""Running cases: deliver, derive, close where a case closes, compare.

All cases share one scratch database and one derivation, each as a legal entity of its own. A case
that closes months goes step by step: what arrived before a close is derived, judged, posted and
closed before the rest arrives; the k-th steps of all cases share one derivation.
"""

import os
import shutil
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg

from revenue_pipeline.cases.capabilities import claimed
from revenue_pipeline.cases.comparison import Difference, differences
from revenue_pipeline.cases.figures import Figures, Posting, booked_month, late_postings
from revenue_pipeline.cases.files import Case
from revenue_pipeline.cases.loading import faults, ignored, load, rejected, segments
from revenue_pipeline.cases.reading import (
    Computed,
    open_months,
    read_computed,
    read_ledger,
    read_movements,
)
from revenue_pipeline.cases.seeds import seed_rows
from revenue_pipeline.derivation.project import (
    build,
    copy_project,
    read_seed,
    write_seed,
)
from revenue_pipeline.domain.errors import RevenueError
from revenue_pipeline.domain.periods import add_months, parse_period
from revenue_pipeline.settings import Settings
from revenue_pipeline.warehouse.database import Database, open_database
from revenue_pipeline.warehouse.scratch import scratch_database

_MOST_DERIVATIONS = 40
_ACTOR = "revenue cases"


class _DerivationError(RevenueError):
    """A model failed on the rows of these cases."""


@dataclass(frozen=True)
class Outcome:
    """What came of a case. `reason`: why it was skipped, or why there are no figures."""

    case: Case
    state: str
    differences: tuple[Difference, ...] = ()
    reason: str | None = None

    @property
    def first(self) -> str:
        """The first thing to say about it."""
        return self.reason or (str(self.differences[0]) if self.differences else "")


@dataclass
class _Closed:
    """What was derived for each entity and month when it was closed."""

    derived: dict[tuple[str, date], list[Posting]] = field(default_factory=dict)


def run_cases(
    cases: Sequence[Case], settings: Settings, capabilities: frozenset[str] | None = None
) -> list[Outcome]:
    """Run the cases whose capabilities are claimed; in the order given.

    One case that cannot be derived fails alone: the others are derived without it.
    """
    have = claimed() if capabilities is None else capabilities
    outcomes: dict[str, Outcome] = {}
    runnable: list[Case] = []
    for case in cases:
        lacking = [name for name in case.requires if name not in have]
        if lacking:
            reason = f"not covered: {', '.join(lacking)}"
            outcomes[case.case_id] = Outcome(case, "skipped", reason=reason)
        else:
            runnable.append(case)
    if runnable:
        with _Runs(settings) as runs:
            for outcome in runs.run(runnable):
                outcomes[outcome.case.case_id] = outcome
    return [outcomes[case.case_id] for case in cases]


class _Runs:
    """The runs of one command: a copy of the project and a scratch database, gone at the end.

    Every run uses the same two, with other seeds and anew: dbt reads a known project faster.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = settings.home / "cases" / str(os.getpid())
        self._server: Database | None = None
        self._seeds: dict[str, list[dict[str, str]]] = {}
        self._count = 0
        self._sound = False

    def __enter__(self) -> "_Runs":
        self._server = open_database(self._settings)
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        copy_project(self._folder)
        self._seeds = {name: read_seed(name, self._folder) for name in seed_rows([])}
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, cases: Sequence[Case]) -> list[Outcome]:
        """All cases together; where that fails, in halves, until the one at fault is alone."""
        try:
            return self._together(cases)
        except _DerivationError as error:
            reason = f"cannot be derived: {error}"
            if len(cases) == 1 or self._count >= _MOST_DERIVATIONS or not self._models_are_sound():
                return [Outcome(case, "failed", reason=reason) for case in cases]
            middle = len(cases) // 2
            return [*self.run(cases[:middle]), *self.run(cases[middle:])]

    def _models_are_sound(self) -> bool:
        """Whether the models run at all: without any case."""
        if not self._sound:
            try:
                self._together([])
            except _DerivationError:
                return False
            self._sound = True
        return True

    def _together(self, cases: Sequence[Case]) -> list[Outcome]:
        assert self._server is not None
        self._count += 1
        for name, rows in seed_rows(cases).items():
            write_seed(self._folder, name, [*self._seeds[name], *rows], keep=False)
        with scratch_database(self._server, f"{self._server.name()}_cases_{os.getpid()}") as made:
            return _Group(cases, made, self._folder, self._settings).run()


class _Group:
    """Cases that share a database and a derivation."""

    def __init__(
        self, cases: Sequence[Case], database: Database, project: Path, settings: Settings
    ) -> None:
        self._cases = cases
        self._database = database
        self._project = project
        self._settings = settings
        self._broken: dict[str, str] = {}
        self._closed: dict[str, _Closed] = defaultdict(_Closed)

    def run(self) -> list[Outcome]:
        """Deliver and close step by step, then compare. Raises _DerivationError."""
        parts = {case.case_id: segments(case) for case in self._cases}
        steps = max((len(own) for own in parts.values()), default=1)
        with closing(self._database.connect(autocommit=True)) as connection:
            for step in range(steps):
                current = [
                    case
                    for case in self._cases
                    if step < len(parts[case.case_id]) and case.case_id not in self._broken
                ]
                arrivals = [(case.case_id, parts[case.case_id][step][0]) for case in current]
                load(connection, arrivals, self._settings)
                self._derive()
                for case in current:
                    self._close(connection, case, parts[case.case_id][step][1])
            self._judge(connection)
            unclear = faults(connection)
            computed = read_computed(connection, [case.case_id for case in self._cases])
            return [self._outcome(connection, case, computed, unclear) for case in self._cases]

    def _derive(self) -> None:
        # what is compared is read from intermediate models, which hold what was derived last
        result = build(self._project, self._database, full=True)
        if result.failures:
            raise _DerivationError(result.reason)

    def _judge(self, connection: psycopg.Connection[Any]) -> None:
        """Ask the rules of the gate about every entity. A case whose gate would be closed fails."""
        from revenue_pipeline.quality.gate import ERP_JOURNALS
        from revenue_pipeline.quality.plain import broken_rules

        owners = {entity: case.case_id for case in self._cases for entity in case.entity_ids}
        for entity_id, broken in broken_rules(connection, ERP_JOURNALS, owners).items():
            numbers = ", ".join(each.rule for each in broken)
            self._broken.setdefault(
                owners[entity_id], f"the gate of {entity_id} is closed: {numbers} ({broken[0]})"
            )

    def _close(
        self, connection: psycopg.Connection[Any], case: Case, closes: list[dict[str, Any]]
    ) -> None:
        """Post and close as production does. A refusal is the end of the case, not of the run."""
        from revenue_pipeline.ledger.periods import close_period
        from revenue_pipeline.ledger.post import post_period
        from revenue_pipeline.quality.gate import ERP_JOURNALS, evaluate_gate

        judged: set[str] = set()
        try:
            derived = read_movements(connection, case.case_id) if closes else []
            for event in closes:
                upto = parse_period(event["data"]["period"])
                for entity_id in _entities(case, event):
                    if entity_id not in judged:
                        gate = evaluate_gate(
                            self._database, ERP_JOURNALS, entity_id, _ACTOR, docs=False
                        )
                        judged.add(entity_id)
                        if not gate.passed:
                            first = next(rule for rule in gate.rules if rule.closes_gate)
                            self._broken[case.case_id] = (
                                f"the gate of {entity_id} is closed: {', '.join(gate.broken_rules)}"
                                f" ({first.error or first.description})"
                            )
                            return
                    for month in open_months(connection, entity_id, upto):
                        post_period(connection, entity_id=entity_id, period=month, run_id=_ACTOR)
                        close_period(connection, entity_id, month, _ACTOR, str(event["id"]))
                        own = [posting for posting in derived if posting.entity_id == entity_id]
                        self._closed[case.case_id].derived[entity_id, month] = own
        except (RevenueError, psycopg.Error) as error:
            self._broken[case.case_id] = f"cannot close: {' '.join(str(error).split())}"

    def _outcome(
        self,
        connection: psycopg.Connection[Any],
        case: Case,
        computed: Computed,
        unclear: dict[str, str],
    ) -> Outcome:
        case_id = case.case_id
        if case_id in unclear:
            return Outcome(case, "failed", reason=f"cannot be translated: {unclear[case_id]}")
        if case_id in self._broken:
            return Outcome(case, "failed", reason=self._broken[case_id])
        postings, late = self._booked(connection, case, computed.movements.get(case_id, []))
        figures = Figures(
            postings=tuple(postings),
            late=tuple(late),
            obligations=tuple(computed.obligations.get(case_id, ())),
            packages=computed.packages.get(case_id, {}),
            classifications=computed.classifications.get(case_id, {}),
            prices=tuple(computed.prices.get(case_id, ())),
            allocations=tuple(computed.allocations.get(case_id, ())),
            periods=tuple(computed.periods.get(case_id, ())),
            catch_ups=tuple(computed.catch_ups.get(case_id, ())),
            remaining=tuple(computed.remaining.get(case_id, ())),
            ignored=ignored(connection, case_id),
            rejected=frozenset(rejected(connection, case_id)),
            currencies=computed.currencies.get(case_id, {}),
            unreadable=computed.unreadable,
        )
        found = tuple(differences(case, figures))
        return Outcome(case, "failed" if found else "passed", found)

    def _booked(
        self, connection: psycopg.Connection[Any], case: Case, derived: list[Posting]
    ) -> tuple[list[Posting], list[Posting]]:
        """Postings as the books tell them, and the part of them that came late for closed months.

        Closed months are the ledger's. The first open month takes what is derived for them now and
        was not posted; every other month is as derived.
        """
        closed = self._closed.get(case.case_id)
        if closed is None:
            return derived, []
        ledger = read_ledger(connection, [case.case_id]).get(case.case_id, [])
        postings: list[Posting] = []
        late: list[Posting] = []
        for entity_id in dict.fromkeys(posting.entity_id for posting in [*derived, *ledger]):
            own = [posting for posting in derived if posting.entity_id == entity_id]
            months = [month for name, month in closed.derived if name == entity_id]
            booked: list[Posting] = []
            for month in months:
                lines = [p for p in ledger if p.entity_id == entity_id and p.period == month]
                moved, odd = booked_month(month, closed.derived[entity_id, month], lines)
                booked += [*moved, *odd]
                late += odd
            if months:
                first_open = add_months(max(months), 1)
                due = late_postings(months, own, booked, first_open, _late_day(case, first_open))
                late += due
                booked += due
            postings += booked + [posting for posting in own if posting.period not in months]
        return postings, late


def _entities(case: Case, event: dict[str, Any]) -> tuple[str, ...]:
    """Whose month a close closes: the entity it names, else every entity of the case."""
    named = event["data"].get("entity_id")
    return case.entity_ids if named is None else (f"{case.case_id}/{named}",)


def _late_day(case: Case, first_open: date) -> date:
    """When the newest event for a closed month arrived, inside the first open month.

    A snapshot holds what occurred by its day, whenever it arrived, unless its month was closed.
    """
    days = [
        date.fromisoformat(event.get("received_on", event["occurred_on"]))
        for event in case.events
        if event["type"] != "period_closed" and case.is_late(event)
    ]
    last_day = add_months(first_open, 1) - timedelta(days=1)
    return min(max([*days, first_open]), last_day)
