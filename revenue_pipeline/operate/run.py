"""The main job: from the sample company's files to posted, closed and reported months."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from revenue_pipeline.domain.errors import RevenueError
from revenue_pipeline.operate.instance import prepare_dagster_home
from revenue_pipeline.operate.report import print_report
from revenue_pipeline.settings import Settings
from revenue_pipeline.sources.ingest import ingest
from revenue_pipeline.warehouse.database import Database, embedded_server, open_database

# Orders first: what is billed or used refers to them. Any other order ends the same, later.
SOURCES = ("crm_orders", "stripe", "usage_events")
ENTITIES = ("US", "DE")
INTERRUPTED = 130

_MONTHS = """
    select period_start_date from marts.dim_period
    where entity_id = %s and is_reported order by period_start_date
"""
_CLOSED = "select period_start_date from ledger.period where entity_id = %s and state = 'closed'"


class SampleError(RevenueError):
    """The sample's own files were refused, or added something the second time: a defect."""


def run_main(settings: Settings) -> int:
    """Run everything and print the report. Returns the exit code; 130 when interrupted.

    Safe to repeat: what is there stays, what is missing is done, the report is the same. A server
    that this call started is stopped at the end.
    """
    console = Console(highlight=False)
    try:
        with _server(settings) as database:
            with _progress(console) as progress:
                take_in_sample(settings, database, progress)
                _derive_and_close(database, progress)
            print_report(settings)
    except (KeyboardInterrupt, Exception) as error:
        if not _is_interrupt(error):
            raise
        console.print("\ninterrupted; nothing is half done, run the command again to go on")
        return INTERRUPTED
    console.print("\nEvery run, check and figure in the Dagster UI: make up (or: revenue up)")
    return 0


def take_in_sample(settings: Settings, database: Database, progress: Progress) -> None:
    """Write the sample and land it twice. Raises SampleError unless the second time adds nothing.

    Deliveries are landed here and translated by the job `derive`.
    """
    from revenue_pipeline.sample import write_sample

    folder = settings.home / "sample"
    step = progress.add_task("Writing the sample company", total=1)
    write_sample(folder)
    progress.advance(step)
    files = [path for source in SOURCES for path in sorted((folder / source).glob("*.jsonl"))]
    step = progress.add_task("Landing its files, twice", total=2 * len(files))
    with database.connect(autocommit=True) as connection:
        for again in (False, True):
            for path in files:
                report = ingest(
                    connection,
                    path.parent.name,
                    [path.relative_to(folder)],
                    settings=settings,
                    tenant=path.stem,
                    root=folder,
                )
                for file in report.files:
                    if file.refused:
                        raise SampleError(f"sample file refused: {file.reason}")
                    if again and file.added:
                        raise SampleError(f"{file.path} added {file.added} rows the second time")
                progress.advance(step)


def _derive_and_close(database: Database, progress: Progress) -> None:
    prepare_dagster_home(database)
    step = progress.add_task("Loading the definitions", total=1)
    from revenue_pipeline.operate.jobs import JobRunner

    with JobRunner() as jobs:
        progress.advance(step)
        step = progress.add_task("Translating, deriving, testing, judging", total=1)
        jobs.run("derive")
        progress.advance(step)
        plan = [(entity, month) for entity in ENTITIES for month in _open_months(database, entity)]
        step = progress.add_task("Posting and closing months", total=len(plan))
        newest = {entity: _months(database, entity)[-1] for entity in ENTITIES}
        for entity, month in plan:
            # the newest month stays open: its last deliveries are still to come
            job = "post_month" if month == newest[entity] else "close_month"
            jobs.run(job, entity=entity, month=month)
            progress.advance(step)


def _months(database: Database, entity: str) -> list[date]:
    with database.connect() as connection:
        return [row[0] for row in connection.execute(_MONTHS, (entity,)).fetchall()]


def _open_months(database: Database, entity: str) -> list[date]:
    with database.connect() as connection:
        closed = {row[0] for row in connection.execute(_CLOSED, (entity,)).fetchall()}
    return [month for month in _months(database, entity) if month not in closed]


def _is_interrupt(error: BaseException | None) -> bool:
    """Whether Ctrl-C is at the bottom of it: libraries wrap it in errors of their own."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


@contextmanager
def _server(settings: Settings) -> Iterator[Database]:
    """The database; a server that was not running before is stopped afterwards."""
    ours = settings.database_url is None and not embedded_server(settings).is_ready()
    try:
        yield open_database(settings)
    finally:
        if ours:
            embedded_server(settings).stop()


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
        redirect_stdout=False,
        redirect_stderr=False,
    )
