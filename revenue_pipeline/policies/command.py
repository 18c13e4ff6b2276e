"""The command: which numbers move between the policies of a commit and the working tree's."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import date
from pathlib import Path

import typer

from revenue_pipeline.domain.money import format_minor
from revenue_pipeline.domain.periods import format_period
from revenue_pipeline.paths import DBT_PROJECT_DIR
from revenue_pipeline.policies.derive import derived
from revenue_pipeline.policies.difference import Moved, moved
from revenue_pipeline.policies.errors import PolicyVersionError
from revenue_pipeline.policies.versions import policies_now, policies_of
from revenue_pipeline.settings import Settings
from revenue_pipeline.warehouse.database import Database, open_database

HEADERS = (
    "entity",
    "period",
    "account",
    "contract",
    "currency",
    "translated_from",
    "from",
    "to",
    "difference",
)
_NUMBERS = 3  # of the headers, the last ones


def diff(
    settings: Settings,
    ref: str,
    *,
    entity_id: str | None = None,
    as_csv: bool = False,
    project: Path = DBT_PROJECT_DIR,
) -> int:
    """Print what moves; nothing is posted, and the marts stay as they are. Returns 0.

    Remarks go to standard error, so that the rows alone can be redirected. Raises
    PolicyVersionError (exit code 2).
    """
    old = policies_of(ref, project)
    now = policies_now(project)
    entities = {row["entity_id"] for rows in (old.seeds, now) for row in rows["ref_legal_entities"]}
    if entity_id is not None and entity_id not in entities:
        raise PolicyVersionError(f"there is no legal entity {entity_id}")
    for remark in old.remarks:
        typer.echo(f"note: {remark}", err=True)
    changed = sorted(name for name, rows in now.items() if rows != old.seeds[name])
    if not changed:
        _say(f"the policies are those of {ref}: no number moves", as_csv)
        return 0
    typer.echo(f"changed since {ref}: {', '.join(changed)}", err=True)
    database = open_database(settings)
    with derived(database, project, {ref: old.seeds, "the working tree": now}) as made:
        before, after = made.values()
        rows = moved(before, after, entity_id)
    if not rows:
        whose = "" if entity_id is None else f" of {entity_id}"
        _say(f"no number{whose} moves between the policies of {ref} and today's", as_csv)
        return 0
    if as_csv:
        typer.echo(as_text(rows), nl=False)
        return 0
    for line in as_table(rows):
        typer.echo(line)
    typer.echo()
    for line in summary(rows, _closed(database)):
        typer.echo(line)
    return 0


def cells(row: Moved) -> tuple[str, ...]:
    """A row as text, in the order of HEADERS; amounts as decimals, debit positive."""
    return (
        row.entity_id,
        format_period(row.economic_period),
        row.account_code,
        row.contract_id,
        row.currency_code,
        row.translated_from,
        *(
            format_minor(minor, row.currency_code)
            for minor in (row.from_minor, row.to_minor, row.difference_minor)
        ),
    )


def as_text(rows: Sequence[Moved]) -> str:
    """The rows as CSV with a header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADERS)
    writer.writerows(map(cells, rows))
    return text.getvalue()


def as_table(rows: Sequence[Moved]) -> list[str]:
    """The rows in columns; the one for translated amounts only where there are some."""
    table = [HEADERS, *map(cells, rows)]
    shown = [
        place
        for place, name in enumerate(HEADERS)
        if name != "translated_from" or any(row.translated_from for row in rows)
    ]
    widths = {place: max(len(line[place]) for line in table) for place in shown}
    first_number = len(HEADERS) - _NUMBERS
    return [
        "  ".join(
            line[place].rjust(widths[place])
            if place >= first_number
            else line[place].ljust(widths[place])
            for place in shown
        ).rstrip()
        for line in table
    ]


def summary(rows: Sequence[Moved], closed: frozenset[tuple[str, date]]) -> list[str]:
    """How much moves, and how much of it in months that are closed."""
    contracts = {(row.entity_id, row.contract_id) for row in rows}
    lines = [f"{_count(len(rows), 'number')} of {_count(len(contracts), 'contract')} move"]
    late = Counter(row.entity_id for row in rows if (row.entity_id, row.economic_period) in closed)
    for entity_id, count in sorted(late.items()):
        lines.append(
            f"{_count(count, 'number')} of {entity_id} in closed months: "
            "the next posting would book the difference in the first open month"
        )
    return lines


def _closed(database: Database) -> frozenset[tuple[str, date]]:
    with closing(database.connect()) as connection:
        return frozenset(
            connection.execute(
                "select entity_id, period_start_date from ledger.period where state = 'closed'"
            ).fetchall()
        )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _say(text: str, as_csv: bool) -> None:
    # the rows of a CSV are nothing but its header
    if as_csv:
        typer.echo(as_text([]), nl=False)
    typer.echo(text, err=as_csv)
