"""Take deliveries in with and without the chain, then verify; prints ratios of one run.

    python bench/chain/run.py [--rows 20000] [--loads 15] [--body 500]

Loads go in turns into two scratch databases on one server: one as shipped, one whose landing tables
are not hashed. Sequencing is part of a load. Only ratios are to be quoted.
"""

import argparse
import resource
import statistics
import sys
import time
from typing import Any

import psycopg

from revenue_pipeline.governance.verify import verify
from revenue_pipeline.landing.inbox import Record, receive
from revenue_pipeline.landing.sequencer import sequence
from revenue_pipeline.settings import load_settings
from revenue_pipeline.warehouse.database import open_database
from revenue_pipeline.warehouse.scratch import scratch_database

UNHASHED = (
    "drop trigger load_digest on landing.load",
    "drop trigger inbox_digest on landing.inbox",
    "drop trigger inbox_log_digest on landing.inbox_log",
)


def main() -> int:
    """Run the loads; exit code 1 when the verification finds something."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000, help="deliveries in one load")
    parser.add_argument("--loads", type=int, default=15)
    parser.add_argument("--body", type=int, default=500, help="bytes of one delivery")
    options = parser.parse_args()
    server = open_database(load_settings())
    with (
        scratch_database(server, "bench_chained") as chained,
        scratch_database(server, "bench_unchained") as unchained,
        chained.connect() as with_chain,
        unchained.connect() as without,
    ):
        for statement in UNHASHED:
            without.execute(statement)
        without.commit()
        ratios = []
        for turn in range(options.loads):
            pair = [(with_chain, "with"), (without, "without")]
            seconds = {
                name: _load(connection, turn, options.rows, options.body)
                for connection, name in (pair if turn % 2 else reversed(pair))
            }
            ratios.append(seconds["without"] / seconds["with"])
        begun = time.monotonic()
        result = verify(with_chain)
        verified = time.monotonic() - begun
    rows = sum(result.rows.values())
    print(f"speed with the chain / without: {statistics.median(ratios):.2f} (median of pairs)")
    print(f"verified: {rows:,} rows in {verified:.1f} s, {rows / verified:,.0f} rows/s")
    print(f"memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB at most")
    return 0 if result.is_clean else 1


def _load(connection: psycopg.Connection[Any], turn: int, rows: int, size: int) -> float:
    records = [
        Record(f"{turn}-{n}", "thing", f"{turn}-{n}", f"{n}".encode().ljust(size), "text/plain")
        for n in range(rows)
    ]
    begun = time.monotonic()
    receive(
        connection,
        source="bench",
        tenant="bench",
        channel="file",
        origin="bench",
        content=b"bench",
        records=records,
    )
    sequence(connection)
    connection.commit()
    return time.monotonic() - begun


if __name__ == "__main__":
    sys.exit(main())
