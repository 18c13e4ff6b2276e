"""Derive a scaled-up company and compare with SQL written by hand for it; prints ratios of one run.

    python bench/derive/run.py [--contracts 33000 333334] [--rounds 3] [--changes 3]

Three obligations a contract. For each size, in a scratch database that is dropped afterwards: floor
and full derive in turns, then as many times as asked one contract in a hundred is amended and the
change derived, and at last everything once more: the mart must be the same. A derive is a dbt
process of its own on a project it has parsed before, with everything around it. Medians count, and
only ratios are to be quoted.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from revenue_pipeline.derivation.project import BuildResult, build, copy_project
from revenue_pipeline.settings import load_settings
from revenue_pipeline.warehouse.database import Database, open_database
from revenue_pipeline.warehouse.scratch import scratch_database

HERE = Path(__file__).parent
PROOF = """
    select count(*) from (
        (select * from marts.fct_obligation_segment except select * from floor_segments)
        union all
        (select * from floor_segments except select * from marts.fct_obligation_segment)
    ) as differing
"""
CONTENT = """
    select count(*), sum(hashtextextended(segments::text, 0)::numeric)
    from marts.fct_obligation_segment as segments
"""


@dataclass
class Size:
    """Seconds of each round at one size, and whether everything agreed."""

    obligations: int
    floors: list[float]
    fulls: list[float]
    incrementals: list[float]
    contracts_rederived: list[int]
    agrees: bool


def main() -> int:
    """Run all sizes; exit code 1 when a segment differs from the floor's or from a full derive."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contracts", type=int, nargs="+", default=[33_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--changes", type=int, default=3, choices=range(1, 5))
    options = parser.parse_args()
    server = open_database(load_settings())
    sizes = []
    for contracts in options.contracts:
        with (
            scratch_database(server, "bench_derive") as database,
            tempfile.TemporaryDirectory() as work,
        ):
            project = copy_project(Path(work) / "project")
            sizes.append(_measure(database, project, contracts, options.rounds, options.changes))
            _print(sizes[-1])
    for small, large in pairwise(sizes):
        each = [statistics.median(size.fulls) / size.obligations for size in (small, large)]
        print(
            f"a full derive costs {each[1] / each[0]:.2f} times as much per obligation at"
            f" {large.obligations:,} as at {small.obligations:,}"
        )
    return 0 if all(size.agrees for size in sizes) else 1


def _measure(database: Database, project: Path, contracts: int, rounds: int, changes: int) -> Size:
    _run(database, "generate.sql", contracts=contracts, first_contract=1, first_seq=0)
    size = Size(3 * contracts, [], [], [], [], True)
    for _ in range(rounds):
        size.floors.append(_floor(database))
        size.fulls.append(_seconds(lambda: _derive(project, database, full=True)))
    size.agrees = _one(database, PROOF) == (0,)
    for remainder in (3, 7, 13, 17)[:changes]:
        _run(database, "change.sql", remainder=remainder)
        done: list[BuildResult] = []
        size.incrementals.append(_seconds(lambda: done.append(_derive(project, database))))  # noqa: B023
        scope = done[0].scope
        assert scope is not None
        assert scope.mode == "incremental", scope.reason
        size.contracts_rederived.append(scope.contracts)
    incremental = _one(database, CONTENT)
    _floor(database)
    size.agrees = size.agrees and _one(database, PROOF) == (0,)
    _derive(project, database, full=True)
    size.agrees = size.agrees and _one(database, CONTENT) == incremental
    return size


def _derive(project: Path, database: Database, *, full: bool = False) -> BuildResult:
    result = build(project, database, full=full, arguments=("--select", "+fct_obligation_segment"))
    if not result.built:
        sys.exit(result.reason)
    return result


def _floor(database: Database) -> float:
    with database.connect(autocommit=True) as connection:
        connection.execute("drop table if exists floor_segments")
        script = (HERE / "floor.sql").read_text().encode()
        return _seconds(lambda: connection.execute(script))


def _run(database: Database, file: str, **values: int) -> None:
    script = (HERE / file).read_text()
    for name, value in values.items():
        script = script.replace(f":{name}", str(value))
    with database.connect(autocommit=True) as connection:
        connection.execute(script.encode())
        connection.execute("analyze")


def _one(database: Database, query: str) -> Any:
    with database.connect() as connection:
        return connection.execute(query.encode()).fetchone()


def _seconds(work: Callable[[], object]) -> float:
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


def _print(size: Size) -> None:
    floor, full = statistics.median(size.floors), statistics.median(size.fulls)
    incremental = statistics.median(size.incrementals)
    print(
        f"obligations {size.obligations:,}; "
        f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; "
        + ("everything agrees" if size.agrees else "SEGMENTS DIFFER")
    )
    for name, seconds in (
        ("floor", size.floors),
        ("full derive", size.fulls),
        ("derive of the change", size.incrementals),
    ):
        print(
            f"  {name} {statistics.median(seconds):.2f} s"
            f" (min {min(seconds):.2f}, max {max(seconds):.2f})"
        )
    print(f"  full derive : floor {full / floor:.1f}")
    print(
        f"  derive of the change : full derive {100 * incremental / full:.0f} %"
        f" ({', '.join(f'{count:,}' for count in size.contracts_rederived)} contracts)"
    )


if __name__ == "__main__":
    sys.exit(main())
