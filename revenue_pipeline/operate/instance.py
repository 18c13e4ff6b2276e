"""Dagster's home: its configuration, and its storage in the database server we have anyway."""

import os
from pathlib import Path

from revenue_pipeline.warehouse.database import Database

DAGSTER_YAML = """\
# Written by the revenue command; changes are overwritten.
telemetry: {enabled: false}
nux: {enabled: false}
storage: {postgres: {postgres_url: {env: DAGSTER_PG_URL}}}
concurrency:
  pools: {granularity: run, default_limit: 1}
  runs:
    max_concurrent_runs: 2
    # a derivation replaces the tables a close reads
    tag_concurrency_limits: [{key: revenue/lock, limit: 1}]
# Steps print nothing, and copying it takes four processes per run, which outlive a Ctrl-C.
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
run_monitoring: {enabled: true, start_timeout_seconds: 120}
# a crash is tried again, a refusal is not
run_retries: {enabled: true, max_retries: 1, retry_on_asset_or_op_failure: false}
"""


def prepare_dagster_home(database: Database) -> Path:
    """Write dagster.yaml below REVENUE_HOME and point this process and its children to it."""
    os.environ.update(database.environment())
    home = Path(os.environ["DAGSTER_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_text(DAGSTER_YAML, encoding="utf-8")
    return home
