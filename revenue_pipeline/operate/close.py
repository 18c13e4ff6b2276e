"""Post the rest of a month and close it, as a run that shows in the UI."""

from datetime import date

from rich.console import Console

from revenue_pipeline.operate.instance import prepare_dagster_home
from revenue_pipeline.settings import Settings
from revenue_pipeline.warehouse.database import open_database


def close(settings: Settings, entity: str, month: date) -> int:
    """Close `month` of `entity`. Returns 0, or 1 when it was refused, with the reason printed."""
    console = Console(highlight=False)
    prepare_dagster_home(open_database(settings))

    from revenue_pipeline.operate.jobs import JobRunner, RunFailedError

    with JobRunner() as jobs:
        try:
            jobs.run("close_month", entity=entity, month=month)
        except RunFailedError as error:
            console.print(f"refused: {error}", style="red", markup=False, soft_wrap=True)
            return 1
    console.print(f"{entity} {month:%Y-%m} is closed")
    return 0
