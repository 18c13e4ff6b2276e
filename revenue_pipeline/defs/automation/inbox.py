"""New deliveries start the derivation."""

import dagster as dg

from revenue_pipeline.defs.resources import WarehouseResource
from revenue_pipeline.landing.sequencer import sequence
from revenue_pipeline.landing.watermarks import newest_log_seq, read_watermark
from revenue_pipeline.sources.translate import CONSUMER


@dg.sensor(
    job_name="derive",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Derive when the log holds deliveries that nobody has translated.",
)
def new_deliveries(warehouse: WarehouseResource) -> dg.RunRequest | dg.SkipReason:
    """Ask for the part of the log after the watermark; the same part is asked for once.

    The log, not the inbox: ids of the inbox are given out before a commit and can appear late.
    """
    with warehouse.connect() as connection:
        sequence(connection)
        mark = read_watermark(connection, CONSUMER)
        newest = newest_log_seq(connection)
    if newest <= mark:
        return dg.SkipReason(f"nothing after {mark} in the log")
    return dg.RunRequest(
        run_key=f"log-{mark}-{newest}",
        run_config=dg.RunConfig(
            ops={"canonical_events": {"config": {"from_seq": mark, "to_seq": newest}}}
        ),
    )
