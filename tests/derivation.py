"""Running the dbt project in this process, for tests that need derived tables."""

from pathlib import Path

from revenue_pipeline.derivation.scope import deriving
from revenue_pipeline.paths import DBT_PROJECT_DIR
from revenue_pipeline.settings import load_settings
from revenue_pipeline.warehouse.database import Database, open_database


def derive(
    target: Path, *, unit_tests: bool = False, full: bool = False, database: Database | None = None
) -> list[str]:
    """Build the models where the environment points and run their data tests.

    Args:
        target: Folder for what dbt writes, so that tests leave the project as it was.
        unit_tests: Run the models' own unit tests too.
        full: Derive everything, whatever changed.
        database: The database the environment points to, when it is not that of the settings.

    Returns:
        Names of the nodes that were built or tested, all of them successfully.
    """
    from dbt.cli.main import dbtRunner

    with deriving(database or open_database(load_settings()), full=full) as scope:
        outcome = dbtRunner().invoke(
            [
                "build",
                *("--project-dir", str(DBT_PROJECT_DIR)),
                *("--profiles-dir", str(DBT_PROJECT_DIR)),
                *("--target-path", str(target)),
                *("--log-path", str(target)),
                *(() if unit_tests else ("--exclude", "resource_type:unit_test")),
                *scope.dbt_arguments,
                "--quiet",
            ]
        )
        failed = [
            f"{result.node.name}: {result.message}"
            for result in getattr(outcome.result, "results", [])
            if result.status not in ("success", "pass")
        ]
        assert outcome.success, (failed, outcome.exception)
    return [str(result.node.unique_id) for result in getattr(outcome.result, "results", [])]
