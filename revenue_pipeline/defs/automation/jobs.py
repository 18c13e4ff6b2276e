"""The jobs people and automation start."""

import dagster as dg

from revenue_pipeline.defs.conventions import LOCK_TAG
from revenue_pipeline.defs.ledger.partitions import BOOKS

_DERIVED = dg.AssetSelection.groups(
    "landing", "canonical", "reference", "staging", "intermediate", "marts"
)

derive = dg.define_asset_job(
    "derive",
    selection=_DERIVED,
    tags=LOCK_TAG,
    description="Translate new deliveries, derive the marts, test them and let the gate judge.",
    executor_def=dg.in_process_executor,
)

post_month = dg.define_asset_job(
    "post_month",
    selection=dg.AssetSelection.assets(["ledger", "journal_line"]),
    partitions_def=BOOKS,
    tags=LOCK_TAG,
    description="Post what is derived and not yet posted; the month stays open.",
    executor_def=dg.in_process_executor,
)

close_month = dg.define_asset_job(
    "close_month",
    selection=dg.AssetSelection.assets(["ledger", "journal_line"], ["ledger", "period"]),
    partitions_def=BOOKS,
    tags=LOCK_TAG,
    description="Post the rest of a month and close it for good.",
    executor_def=dg.in_process_executor,
)
