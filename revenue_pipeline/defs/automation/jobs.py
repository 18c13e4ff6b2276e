"""The jobs people and automation start."""

import dagster as dg

from revenue_pipeline.defs.conventions import LOCK_TAG
from revenue_pipeline.defs.gates.naming import check_name
from revenue_pipeline.defs.ledger.partitions import BOOKS
from revenue_pipeline.quality.suites import ERP_JOURNALS, load_suites

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

judge = dg.define_asset_job(
    "judge",
    selection=dg.AssetSelection.checks(
        *(
            dg.AssetCheckKey(dg.AssetKey(suite.table.split(".")), check_name(rule.rule))
            for suite in load_suites(ERP_JOURNALS)
            for rule in suite.rules
        )
    ),
    tags=LOCK_TAG,
    description="Let the gate judge the rows as they are, for example after a rule was changed.",
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
