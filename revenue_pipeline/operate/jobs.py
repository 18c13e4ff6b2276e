"""Dagster jobs run in this process, recorded where the UI finds them."""

import logging
import socket
from datetime import date
from types import TracebackType
from typing import Any

import dagster as dg
import psutil
from dagster_postgres.utils import DagsterPostgresException
from sqlalchemy.exc import DBAPIError

from revenue_pipeline.domain.errors import RevenueError

_PROCESS = "revenue/process"
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
_FULL = {"ops": {"dbt_models": {"config": {"full": True}}}}


class RunFailedError(RevenueError):
    """A run failed or was refused; the message is what its first failing step said."""


class JobRunner:
    """The definitions and an instance (that of DAGSTER_HOME unless given), loaded once."""

    def __init__(self, instance: dg.DagsterInstance | None = None) -> None:
        from revenue_pipeline.definitions import defs

        # What fails is told once, by the error below or in the UI, not also by every retry.
        for name in ("dagster", "root"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._definitions = defs()
        self._instance = dg.DagsterInstance.get() if instance is None else instance
        _fail_orphans(self._instance)

    def __enter__(self) -> "JobRunner":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._instance.dispose()

    def run(
        self,
        job: str,
        *,
        entity: str | None = None,
        month: date | None = None,
        full: bool = False,
    ) -> str:
        """Run `job`, for one entity and month where it is partitioned; returns the run's id.

        `full` makes it derive everything, where it derives.

        Raises RunFailedError when a step or a blocking check fails; KeyboardInterrupt on Ctrl-C.
        """
        key = None
        if entity is not None and month is not None:
            key = dg.MultiPartitionKey({"entity": entity, "period": month.isoformat()})
            self._require_partition(job, key, entity, month)
        try:
            result = self._definitions.resolve_job_def(job).execute_in_process(
                instance=self._instance,
                partition_key=key,
                raise_on_error=False,
                run_config={**_QUIET, **(_FULL if full else {})},
                tags={_PROCESS: _process(psutil.Process())},
            )
        except (DBAPIError, DagsterPostgresException) as error:
            # Dagster keeps its own books in the same server and cannot go on without them.
            message = f"the database went away during {job}; run the command again to continue"
            raise RunFailedError(message) from error
        if not result.success:
            raise RunFailedError(_reason(result))
        return str(result.run_id)

    def _require_partition(self, job: str, key: str, entity: str, month: date) -> None:
        grid = self._definitions.resolve_job_def(job).partitions_def
        if grid is None or not grid.has_partition_key(key):
            raise RunFailedError(f"{entity} has no month {month:%Y-%m} in ref_legal_entities")


def _process(process: psutil.Process) -> str:
    # The start time tells a process from a later one with the same number.
    return f"{socket.gethostname()}:{process.pid}:{int(process.create_time())}"


def _fail_orphans(instance: dg.DagsterInstance) -> None:
    """Fail runs whose process died without a word (kill -9, power).

    Dagster would show them as running for ever and keep their pool slots. Runs of other hosts,
    and those the daemon started, are not ours to judge.
    """
    under_way = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
    for run in instance.get_runs(dg.RunsFilter(statuses=under_way)):
        host, _, rest = run.tags.get(_PROCESS, "").partition(":")
        if host != socket.gethostname():
            continue
        pid = int(rest.partition(":")[0])
        alive = psutil.pid_exists(pid) and _process(psutil.Process(pid)) == run.tags[_PROCESS]
        if not alive:
            instance.report_run_failed(run, "The process that ran this died; run it again.")


def _reason(result: Any) -> str:
    """What a person should read: the message of a refusal, or the error at the bottom."""
    for event in result.filter_events(lambda e: e.is_step_failure):
        data = event.event_specific_data
        failure = getattr(data, "user_failure_data", None)
        if failure is not None and failure.description:
            return str(failure.description)
        error = data.error
        while error is not None and error.cause is not None:
            error = error.cause
        if error is not None:
            if "DagsterExecutionInterruptedError" in error.message:
                raise KeyboardInterrupt  # Dagster turns Ctrl-C into a failed step
            return " ".join(error.message.split())
    broken = [
        f"{check.check_name} on {'.'.join(check.asset_key.path)}: {check.description or 'failed'}"
        for check in result.get_asset_check_evaluations()
        if not check.passed
    ]
    return "; ".join(broken) or "the run failed; the UI tells why"
