"""The close of the month that has ended."""

from collections.abc import Iterator
from datetime import date, timedelta

import dagster as dg

from revenue_pipeline.defs.ledger.partitions import reported_months


@dg.schedule(
    job_name="close_month",
    cron_schedule="0 6 3 * *",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Close the month before, on the third day at 06:00 UTC, for every entity whose"
    " books cover it. Off until somebody decides that nobody needs to look first.",
)
def close_last_month(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    """One run per entity; the ledger refuses while an earlier month is open."""
    today = context.scheduled_execution_time.date()
    month = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    yield from _requests(month)


def _requests(month: date) -> Iterator[dg.RunRequest]:
    for entity, (first, last) in sorted(reported_months().items()):
        if first <= month <= last:
            key = dg.MultiPartitionKey({"entity": entity, "period": month.isoformat()})
            yield dg.RunRequest(run_key=f"close-{key}", partition_key=key)
