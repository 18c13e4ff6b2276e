"""Translate, derive, test and judge what arrived, as a run that shows in the UI."""

from rich.console import Console

from revenue_pipeline.operate.instance import prepare_dagster_home
from revenue_pipeline.settings import Settings
from revenue_pipeline.warehouse.database import open_database

_NEWEST = """
    select run.mode, run.reason, run.contract_count, run.changed_count
    from derivation.run inner join derivation.run_end on run.run_id = run_end.run_id
    order by run.run_id desc limit 1
"""


def derive(settings: Settings, *, full: bool = False) -> int:
    """Derive what arrived since the last time, or everything; prints which.

    Returns 0, or 1 with the reason printed.
    """
    console = Console(highlight=False)
    database = open_database(settings)
    prepare_dagster_home(database)

    from revenue_pipeline.operate.jobs import JobRunner, RunFailedError

    with JobRunner() as jobs:
        try:
            jobs.run("derive", full=full)
        except RunFailedError as error:
            console.print(f"refused: {error}", style="red", markup=False, soft_wrap=True)
            return 1
    with database.connect() as connection:
        row = connection.execute(_NEWEST).fetchone()
    assert row is not None
    mode, reason, contracts, events = row
    console.print(f"{mode} derive ({reason}): {contracts} contracts, {events} new events")
    return 0
