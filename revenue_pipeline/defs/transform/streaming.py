"""dbt in this process, its results passed on to Dagster as they come.

A dbt process of its own costs four seconds per step before it does anything. The price of staying
in the process is a function of dagster-dbt that is not public, hence its pinned minor version.
"""

import json
import queue
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
from dagster_dbt import DbtCliEventMessage, DbtProject
from dagster_dbt.asset_utils import get_updated_cli_invocation_params_for_context
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

from revenue_pipeline.defs.transform.columns import columns_of, columns_of_nodes, table_facts
from revenue_pipeline.defs.transform.lineage import column_lineage
from revenue_pipeline.defs.transform.manifest import common_arguments, parsed_manifest
from revenue_pipeline.defs.transform.translator import TRANSLATOR
from revenue_pipeline.derivation.scope import deriving
from revenue_pipeline.warehouse.database import Database

RESULTS = {"LogModelResult", "LogSeedResult", "LogSnapshotResult", "LogTestResult"}
KEPT_RUNS = 10
_SEEDS = "reference"
_ONE_AT_A_TIME = threading.Lock()  # dbt keeps its state in module globals


def build(
    context: dg.AssetExecutionContext,
    project: DbtProject,
    database: Database,
    *,
    full: bool = False,
) -> Iterator[Any]:
    """Build what the run selected; yield an output per table and a result per test.

    A run of all models derives the contracts whose events arrived, or everything where that is not
    enough or `full` is set. A run of some goes on with the contracts of the last one.

    Unit tests stay out: they judge the code, not the rows, and run with the code's tests.

    Raises:
        dg.Failure: A model or a test with severity error failed; not retried.
    """
    left_out = set(context.assets_def.keys) - set(context.selected_asset_keys)
    if any(key.path[0] != _SEEDS for key in left_out):
        yield from _build(context, project, database, ())
        return
    # Without the seeds no derive starts from here: their files may say more than their tables.
    with deriving(database, full=full, counts=not left_out) as scope:
        context.log.info(
            f"{scope.mode} derive ({scope.reason}): {scope.contracts} contracts,"
            f" {scope.changed} events"
        )
        facts: dict[str, Any] = {
            "derive_mode": scope.mode,
            "derive_reason": scope.reason,
            "contracts_derived": scope.contracts,
            "events_new": scope.changed,
        }
        for result in _build(context, project, database, scope.dbt_arguments):
            if isinstance(result, dg.Output):
                yield result.with_metadata({**result.metadata, **facts})
            else:
                yield result


def _build(
    context: dg.AssetExecutionContext,
    project: DbtProject,
    database: Database,
    further: Sequence[str],
) -> Iterator[Any]:
    manifest = json.loads(project.manifest_path.read_bytes())
    chosen = get_updated_cli_invocation_params_for_context(
        context=context, manifest=manifest, dagster_dbt_translator=TRANSLATOR
    )
    target = Path(project.target_path) / f"run-{context.run.run_id[:8]}"
    arguments = ["build", "--exclude-resource-type", "unit_test", *further]
    arguments += chosen.selection_args
    if chosen.indirect_selection:
        arguments += ["--indirect-selection", chosen.indirect_selection]

    _prune(Path(project.target_path))
    problems: list[str] = []
    with database.connect(autocommit=True) as connection:
        for event in _invoke([*arguments, *common_arguments(target)]):
            if event["info"]["name"] not in RESULTS:
                problems.append(event["info"]["msg"])
                continue
            node = manifest["nodes"][event["data"]["node_info"]["unique_id"]]
            message: DbtCliEventMessage = DbtCoreCliEventMessage(
                raw_event=event, event_history_metadata={}
            )
            results = message.to_default_asset_events(
                manifest=manifest,
                dagster_dbt_translator=TRANSLATOR,
                context=context,
                target_path=target,
                project=project,
            )
            for result in results:
                if not isinstance(result, dg.Output):
                    yield result
                    continue
                facts = _facts(connection, node)
                if node["resource_type"] == "model":
                    facts |= _column_facts(connection, node, manifest, project, target)
                yield result.with_metadata({**result.metadata, **facts})
    if problems:
        raise dg.Failure(description="\n".join(problems), allow_retries=False)


def _facts(connection: psycopg.Connection[Any], node: Mapping[str, Any]) -> dict[str, Any]:
    if node["config"]["materialized"] in ("view", "working_set"):
        return {}  # counting would run the view's query
    return dict(table_facts(connection, node["schema"], node["alias"]))


def _column_facts(
    connection: psycopg.Connection[Any],
    node: Mapping[str, Any],
    manifest: Mapping[str, Any],
    project: DbtProject,
    target: Path,
) -> dict[str, Any]:
    parents = columns_of_nodes(connection, manifest, manifest["parent_map"][node["unique_id"]])
    query = target / "compiled" / node["package_name"] / node["original_file_path"]
    columns = columns_of(connection, node["schema"], node["alias"])
    described = {name: column["description"] for name, column in node["columns"].items()}
    return {
        "dagster/column_schema": dg.TableSchema(
            columns=[
                dg.TableColumn(name, column["data_type"], description=described.get(name))
                for name, column in columns.items()
            ]
        ),
        "dagster/column_lineage": column_lineage(
            query.read_text(encoding="utf-8"), parents, manifest, project
        ),
    }


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
        except BaseException as error:  # raised again where the results are read
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
