"""The journal, the state of its periods, and the view ERP teams read."""

import dagster as dg

from revenue_pipeline.defs.conventions import OWNERS
from revenue_pipeline.defs.ledger.partitions import BOOKS, entity_and_period
from revenue_pipeline.defs.resources import WarehouseResource
from revenue_pipeline.domain.errors import RevenueError
from revenue_pipeline.domain.money import format_minor
from revenue_pipeline.ledger.periods import close_period
from revenue_pipeline.ledger.post import post_period
from revenue_pipeline.quality.suites import ERP_JOURNALS, gated_tables, load_suites

_GATED = [table.split(".") for table in gated_tables(load_suites(ERP_JOURNALS))]


class CloseConfig(dg.Config):
    """Who closes, and why; kept in ledger.period_event."""

    actor: str = "orchestrator"
    reason: str = "Monthly close"


@dg.asset(
    key=["ledger", "journal_line"],
    deps=[*_GATED, ["marts", "dim_period"]],
    partitions_def=BOOKS,
    group_name="ledger",
    kinds={"python", "postgres"},
    owners=OWNERS,
    pool="books",
)
def journal_line(
    context: dg.AssetExecutionContext, warehouse: WarehouseResource
) -> dg.MaterializeResult[None]:
    """Posted lines, debit positive, in minor units; every entry balances.

    Grain: one row per entry_id and line_no. Append only; posting twice adds nothing. Refuses rows
    that the gate has not passed exactly as they are now, however the run was started.
    """
    entity_id, period = entity_and_period(context)
    with warehouse.connect() as connection:
        try:
            posted = post_period(
                connection, entity_id=entity_id, period=period, run_id=context.run.run_id
            )
        except RevenueError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        rows = connection.execute(
            "select count(*) from ledger.journal_line where entity_id = %s and posting_period = %s",
            (entity_id, period),
        ).fetchone()
    assert rows is not None
    return dg.MaterializeResult(
        metadata={
            "dagster/partition_row_count": int(rows[0]),
            "entries_added": posted.entries,
            "lines_added": posted.lines,
            **{
                f"debit {code}": format_minor(minor, code)
                for code, minor in posted.debit_minor.items()
            },
            "batch_id": posted.batch_id or "nothing to post",
            "fingerprint": posted.fingerprint,
            "verdict_id": posted.verdict_id,
        },
        data_version=dg.DataVersion(posted.batch_id or f"unchanged:{posted.fingerprint}"),
    )


@dg.asset(
    key=["ledger", "period"],
    deps=[["ledger", "journal_line"]],
    partitions_def=BOOKS,
    group_name="ledger",
    kinds={"python", "postgres"},
    owners=OWNERS,
    pool="books",
)
def period(
    context: dg.AssetExecutionContext, config: CloseConfig, warehouse: WarehouseResource
) -> dg.MaterializeResult[None]:
    """State of a month: open until closed, then closed for good.

    Grain: one row per entity_id and period_start_date. Refused while movements due in the month are
    not posted, an earlier month is open, or the gate is closed.
    """
    entity_id, month = entity_and_period(context)
    with warehouse.connect() as connection:
        try:
            closed = close_period(connection, entity_id, month, config.actor, config.reason)
        except RevenueError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
    return dg.MaterializeResult(
        metadata={
            "state": "closed",
            "closed_by_this_run": closed,
            "actor": config.actor,
            "reason": config.reason,
        },
        data_version=dg.DataVersion("closed"),
    )


# A view: it shows what is posted and is never built, so nothing here materializes it.
erp_journal_lines = dg.AssetSpec(
    key=["erp", "journal_lines"],
    deps=[["ledger", "journal_line"]],
    description="What ERP teams read: posted lines, debit and credit in minor units. Grain: one row"
    " per journal_line_id. Lines never change and never vanish.",
    group_name="erp",
    kinds={"postgres", "view"},
    owners=OWNERS,
)
