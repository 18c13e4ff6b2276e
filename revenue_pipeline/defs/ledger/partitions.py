"""Entity by month: the grid on which books are posted and closed."""

import csv
from datetime import date

import dagster as dg

from revenue_pipeline.paths import DBT_PROJECT_DIR

_SEED = DBT_PROJECT_DIR / "seeds" / "ref_legal_entities.csv"
_MONTHS_AHEAD = 600


def reported_months() -> dict[str, tuple[date, date]]:
    """First and last month of each legal entity's books, from the seed the marts are built on."""
    with _SEED.open(encoding="utf-8", newline="") as file:
        return {
            row["entity_id"]: (
                date.fromisoformat(row["first_period"]),
                date.fromisoformat(row["last_period"]),
            )
            for row in csv.DictReader(file)
        }


def _grid() -> dg.MultiPartitionsDefinition:
    months = reported_months()
    first = min(start for start, _ in months.values())
    last = max(end for _, end in months.values())
    following = date(last.year + last.month // 12, last.month % 12 + 1, 1)
    return dg.MultiPartitionsDefinition(
        {
            "entity": dg.StaticPartitionsDefinition(sorted(months)),
            # Which months exist is decided by the seed, not by today's date.
            "period": dg.MonthlyPartitionsDefinition(
                start_date=first.isoformat(),
                end_date=following.isoformat(),
                end_offset=_MONTHS_AHEAD,
            ),
        }
    )


BOOKS = _grid()


def entity_and_period(context: dg.AssetExecutionContext) -> tuple[str, date]:
    """Legal entity and first day of the month of this run."""
    key = context.partition_key
    assert isinstance(key, dg.MultiPartitionKey)
    return key.keys_by_dimension["entity"], date.fromisoformat(key.keys_by_dimension["period"])
