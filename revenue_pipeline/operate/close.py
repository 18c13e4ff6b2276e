"""Post the rest of a month and close it, as a run that shows in the UI."""

from datetime import date

from rich.console import Console

from revenue_pipeline.governance.heads import note_head
from revenue_pipeline.governance.verify import read_head, seal_waiting
from revenue_pipeline.operate.instance import prepare_dagster_home
from revenue_pipeline.settings import Settings
from revenue_pipeline.warehouse.database import open_database


def close(settings: Settings, entity: str, month: date) -> int:
    """Close `month` of `entity`. Returns 0, or 1 when it was refused, with the reason printed.

    The head of the chain after the close is printed, and noted in REVENUE_HOME.
    """
    console = Console(highlight=False)
    database = open_database(settings)
    prepare_dagster_home(database)

    from revenue_pipeline.operate.jobs import JobRunner, RunFailedError

    with JobRunner() as jobs:
        try:
            jobs.run("close_month", entity=entity, month=month)
        except RunFailedError as error:
            console.print(f"refused: {error}", style="red", markup=False, soft_wrap=True)
            return 1
    console.print(f"{entity} {month:%Y-%m} is closed")
    with database.connect(autocommit=True) as connection:
        seal_waiting(connection)
        head = read_head(connection)
    if head is not None:
        note_head(settings.home, database.name(), head)
        console.print(f"head of the chain, keep it outside: {head}", soft_wrap=True)
    return 0
