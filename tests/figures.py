"""Figures of many cases out of one database, and what of them is wrong."""

from collections.abc import Sequence
from typing import Any

import psycopg

from revenue_pipeline.cases.comparison import Difference, differences
from revenue_pipeline.cases.figures import Figures
from revenue_pipeline.cases.files import Case
from revenue_pipeline.cases.loading import ignored, rejected, segments
from revenue_pipeline.cases.reading import read_computed


def arrivals(case: Case) -> list[dict[str, Any]]:
    """The events of a case that closes no month, as they are delivered."""
    return [event for part, _ in segments(case) for event in part]


def read_figures(connection: psycopg.Connection[Any], cases: Sequence[Case]) -> dict[str, Figures]:
    """What was computed, by case."""
    computed = read_computed(connection, [case.case_id for case in cases])
    return {
        name: Figures(
            postings=tuple(computed.movements.get(name, [])),
            obligations=tuple(computed.obligations.get(name, ())),
            packages=computed.packages.get(name, {}),
            classifications=computed.classifications.get(name, {}),
            prices=tuple(computed.prices.get(name, ())),
            allocations=tuple(computed.allocations.get(name, ())),
            catch_ups=tuple(computed.catch_ups.get(name, ())),
            remaining=tuple(computed.remaining.get(name, ())),
            ignored=ignored(connection, name),
            rejected=frozenset(rejected(connection, name)),
            currencies=computed.currencies.get(name, {}),
            unreadable=computed.unreadable,
        )
        for name in (case.case_id for case in cases)
    }


def wrong(case: Case, figures: Figures) -> list[Difference]:
    """Figures that are not as the case expects."""
    return list(differences(case, figures))
