"""Derive a scaled-up company and compare with SQL written by hand for it; prints ratios of one run.

    python bench/derive/run.py [--contracts 33000] [--rounds 3]

Three obligations a contract. Floor and product run in turns on one server, in a scratch database
that is dropped afterwards; the median of the rounds counts. Only ratios are to be quoted.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from revenue_pipeline.derivation.project import build, copy_project
from revenue_pipeline.settings import load_settings
from revenue_pipeline.warehouse.database import open_database
from revenue_pipeline.warehouse.scratch import scratch_database

HERE = Path(__file__).parent


def main() -> int:
    """Run the rounds; exit code 1 when a segment differs from the floor's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contracts", type=int, default=33_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    server = open_database(load_settings())
    with (
        scratch_database(server, "bench_derive") as database,
        tempfile.TemporaryDirectory() as work,
    ):
        with database.connect(autocommit=True) as connection:
            script = (HERE / "generate.sql").read_text()
            for name, value in (
                ("contracts", options.contracts),
                ("first_contract", 1),
                ("first_seq", 0),
            ):
                script = script.replace(f":{name}", str(value))
            connection.execute(script.encode())
            connection.execute("analyze")
        project = copy_project(Path(work) / "project")
        floors, products = [], []
        for _ in range(options.rounds):
            with database.connect(autocommit=True) as connection:
                connection.execute("drop table if exists floor_segments")
                begun = time.monotonic()
                connection.execute((HERE / "floor.sql").read_text().encode())
                floors.append(time.monotonic() - begun)
            begun = time.monotonic()
            built = build(project, database, arguments=("--select", "+int_obligations__segments"))
            products.append(time.monotonic() - begun)
            if not built.built:
                print(built.reason, file=sys.stderr)
                return 1
        with database.connect() as connection:
            differing = connection.execute(PROOF).fetchone()
    floor, product = statistics.median(floors), statistics.median(products)
    print(
        f"obligations {3 * options.contracts:,}; "
        f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    print(f"floor {floor:.2f} s (min {min(floors):.2f}, max {max(floors):.2f})")
    print(f"derive {product:.2f} s (min {min(products):.2f}, max {max(products):.2f})")
    count = differing[0] if differing else "unknown"
    print(f"ratio {product / floor:.1f}; segments that differ: {count}")
    return 0 if differing == (0,) else 1


PROOF = b"""
select count(*) from (
    select contract_id, obligation_key, contract_version, base_minor, price_minor
    from intermediate.int_obligations__segments
    except
    select
        contract_id, line_id, case version when 3 then 2 else version end, base_minor, price_minor
    from floor_segments
) as differing
"""

if __name__ == "__main__":
    sys.exit(main())
