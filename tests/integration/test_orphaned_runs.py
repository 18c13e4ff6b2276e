"""A run whose process was killed is failed by the next command, and no other run is touched."""

import socket

import dagster as dg
import psutil

from revenue_pipeline.operate.jobs import JobRunner
from revenue_pipeline.warehouse.database import Database

TAG = "revenue/process"


def started(instance: dg.DagsterInstance, tag: str | None) -> str:
    job = dg.GraphDefinition(name="any").to_job()
    run = instance.create_run_for_job(job, tags={} if tag is None else {TAG: tag})
    begun = dg.DagsterEvent(event_type_value=dg.DagsterEventType.RUN_START.value, job_name="any")
    instance.report_dagster_event(begun, run_id=run.run_id)
    return run.run_id


def test_only_the_run_of_a_dead_process_is_failed(database: Database) -> None:
    me = psutil.Process()
    alive = f"{socket.gethostname()}:{me.pid}:{int(me.create_time())}"
    reused = f"{socket.gethostname()}:{me.pid}:1"
    with dg.DagsterInstance.ephemeral() as instance:
        runs = {
            name: started(instance, tag)
            for name, tag in {
                "alive": alive,
                "reused number": reused,
                "elsewhere": "another-host:1:1",
                "daemon": None,
            }.items()
        }

        JobRunner(instance)

        status = {name: instance.get_run_by_id(run).status for name, run in runs.items()}  # type: ignore[union-attr]
    assert status == {
        "alive": dg.DagsterRunStatus.STARTED,
        "reused number": dg.DagsterRunStatus.FAILURE,
        "elsewhere": dg.DagsterRunStatus.STARTED,
        "daemon": dg.DagsterRunStatus.STARTED,
    }
