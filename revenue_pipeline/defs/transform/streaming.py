"""dbt in this process, its results passed on to Dagster as they come.

A dbt process of its own costs four seconds per step before it does anything. The price of staying
in the process is two private functions of dagster-dbt, hence its pinned minor version.
"""

import json
import queue
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliEventMessage, DbtProject
from dagster_dbt.asset_utils import get_updated_cli_invocation_params_for_context
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

from revenue_pipeline.defs.transform.columns import event_history, table_facts
from revenue_pipeline.defs.transform.manifest import common_arguments, parsed_manifest
from revenue_pipeline.defs.transform.translator import TRANSLATOR
from revenue_pipeline.warehouse.database import Database

RESULTS = {"LogModelResult", "LogSeedResult", "LogSnapshotResult", "LogTestResult"}
BUILT = {"LogModelResult", "LogSeedResult", "LogSnapshotResult"}
KEPT_RUNS = 10
_ONE_AT_A_TIME = threading.Lock()  # dbt keeps its state in module globals


def build(
    context: dg.AssetExecutionContext, project: DbtProject, database: Database
) -> Iterator[Any]:
    """Build what the run selected; yield an output per table and a result per test.

    Unit tests stay out: they judge the code, not the rows, and run with the code's tests.

    Raises:
        dg.Failure: A model or a test with severity error failed; not retried.
    """
    manifest = json.loads(project.manifest_path.read_bytes())
    chosen = get_updated_cli_invocation_params_for_context(
        context=context, manifest=manifest, dagster_dbt_translator=TRANSLATOR
    )
    target = Path(project.target_path) / f"run-{context.run_id[:8]}"
    arguments = ["build", "--exclude-resource-type", "unit_test", *chosen.selection_args]
    if chosen.indirect_selection:
        arguments += ["--indirect-selection", chosen.indirect_selection]

    _prune(Path(project.target_path))
    problems: list[str] = []
    with database.connect(autocommit=True) as connection:
        for event in _invoke([*arguments, *common_arguments(target)]):
            if event["info"]["name"] not in RESULTS:
                problems.append(event["info"]["msg"])
                continue
            unique_id = event["data"]["node_info"]["unique_id"]
            node = manifest["nodes"][unique_id]
            built = event["info"]["name"] in BUILT and node["resource_type"] != "seed"
            history = event_history(connection, manifest, unique_id) if built else {}
            message: DbtCliEventMessage = DbtCoreCliEventMessage(
                raw_event=event, event_history_metadata=history
            )
            results = message.to_default_asset_events(
                manifest=manifest,
                dagster_dbt_translator=TRANSLATOR,
                context=context,
                target_path=target,
                project=project,
            )
            for result in results:
                yield _with_facts(result, connection, node)
    if problems:
        raise dg.Failure(description="\n".join(problems), allow_retries=False)


def _with_facts(result: Any, connection: Any, node: Mapping[str, Any]) -> Any:
    if not isinstance(result, dg.Output) or node["config"]["materialized"] == "view":
        return result
    facts = table_facts(connection, node["schema"], node["alias"])
    return result.with_metadata({**result.metadata, **facts})


def _invoke(arguments: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Run dbt in a thread; yield results and errors as the dictionaries of its JSON log."""
    from dbt.cli.main import dbtRunner
    from google.protobuf.json_format import MessageToDict

    events: queue.Queue[Any] = queue.Queue()

    def listen(event: Any) -> None:
        if event.info.name in RESULTS or event.info.level == "error":
            events.put(
                {
                    part: MessageToDict(getattr(event, part), preserving_proto_field_name=True)
                    for part in ("info", "data")
                }
            )

    def work() -> None:
        try:
            with _ONE_AT_A_TIME:
                runner = dbtRunner(manifest=parsed_manifest(), callbacks=[listen])
                events.put(runner.invoke(list(arguments)))
        except BaseException as error:  # noqa: BLE001 - raised again where the results are read
            events.put(error)

    threading.Thread(target=work, name="dbt", daemon=True).start()
    while isinstance(event := events.get(), dict):
        yield event
    if isinstance(event, BaseException):
        raise event
    if event.exception is not None:
        raise dg.Failure(description=f"dbt: {event.exception}", allow_retries=False)
    if not event.success:
        broken = [
            f"{result.node.name}: {result.message or result.status}"
            for result in getattr(event.result, "results", [])
            if result.status in ("error", "fail", "runtime error")
        ]
        raise dg.Failure(description="dbt: " + "; ".join(broken), allow_retries=False)


def _prune(target: Path) -> None:
    """Every run leaves compiled SQL behind; keep the newest few for people to look at."""
    runs = sorted(target.glob("run-*"), key=lambda path: path.stat().st_mtime)
    for old in runs[:-KEPT_RUNS]:
        shutil.rmtree(old, ignore_errors=True)
