"""The command: read a folder, run its cases, say what came of each."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import typer

from revenue_pipeline.cases.files import named, read_cases
from revenue_pipeline.cases.running import Outcome, run_cases
from revenue_pipeline.domain.errors import ConfigurationError
from revenue_pipeline.settings import Settings

_LEVELS = ("core", "standard", "advanced")
_STATES = ("passed", "failed", "skipped")


def run(
    settings: Settings,
    folder: Path,
    *,
    capability: str | None = None,
    case_id: str | None = None,
    json_file: Path | None = None,
) -> int:
    """Run the chosen cases and print the result. Returns 0 when nothing failed, else 1.

    Raises CaseFileError (exit code 2) when a file is no case, before anything is run.
    """
    cases = named(read_cases(folder), case_id, capability)
    outcomes = run_cases(cases, settings)
    for line in lines(outcomes):
        typer.echo(line)
    if json_file is not None:
        try:
            json_file.write_text(as_json(outcomes), encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(f"{json_file}: cannot be written: {error.strerror}") from None
    return 1 if any(outcome.state == "failed" for outcome in outcomes) else 0


def lines(outcomes: Sequence[Outcome]) -> list[str]:
    """One line per case, passes per capability and level, and the count as the last line."""
    width = max(len(outcome.case.case_id) for outcome in outcomes)
    said = [
        f"{outcome.state:<8} {outcome.case.case_id:<{width}}  {_one_line(outcome.first)}".rstrip()
        for outcome in outcomes
    ]
    used = {name for outcome in outcomes for name in outcome.case.requires}
    levels = [name for name in _LEVELS if any(o.case.level == name for o in outcomes)]
    said += ["", *_table("capability", sorted(used), outcomes)]
    said += ["", *_table("level", levels, outcomes), ""]
    counts = _counts(outcomes)
    said.append(", ".join(f"{count} {state}" for state, count in zip(_STATES, counts, strict=True)))
    return said


def as_json(outcomes: Sequence[Outcome]) -> str:
    """Every difference of every case."""
    return (
        json.dumps(
            [
                {
                    "case": outcome.case.case_id,
                    "level": outcome.case.level,
                    "requires": list(outcome.case.requires),
                    "state": outcome.state,
                    "reason": outcome.reason,
                    "differences": [
                        {"figure": d.figure, "expected": d.expected, "computed": d.computed}
                        for d in outcome.differences
                    ],
                }
                for outcome in outcomes
            ],
            indent=2,
        )
        + "\n"
    )


def _table(title: str, names: Iterable[str], outcomes: Sequence[Outcome]) -> list[str]:
    rows: list[tuple[str, ...]] = [(title, *_STATES)]
    for name in names:
        own = [o for o in outcomes if name == o.case.level or name in o.case.requires]
        rows.append((name, *map(str, _counts(own))))
    width = max(len(row[0]) for row in rows)
    return [f"{row[0]:<{width}}" + "".join(f"  {cell:>7}" for cell in row[1:]) for row in rows]


def _counts(outcomes: Sequence[Outcome]) -> list[int]:
    return [sum(outcome.state == state for outcome in outcomes) for state in _STATES]


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in " ".join(text.split()))
