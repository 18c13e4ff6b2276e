"""Cases loaded for work by hand: canonical rows and a copy of the project with their seeds.

`python -m revenue_pipeline.cases.by_hand <folder of cases> <new folder for the project>` prints
what a shell needs to run dbt on them.
"""

import shlex
import shutil
import sys
from pathlib import Path

from revenue_pipeline.cases.files import read_cases
from revenue_pipeline.cases.loading import faults, load, segments
from revenue_pipeline.cases.seeds import seed_rows
from revenue_pipeline.derivation.project import copy_project
from revenue_pipeline.settings import load_settings
from revenue_pipeline.warehouse.database import open_database
from revenue_pipeline.warehouse.scratch import create_scratch

DATABASE = "revenue_cases_by_hand"


def load_by_hand(folder: Path, project: Path) -> dict[str, str]:
    """Load all events of all cases but the closes, and copy the project.

    Returns the environment for dbt. Database and copy are made anew.
    """
    settings = load_settings()
    cases = read_cases(folder)
    database = create_scratch(open_database(settings), DATABASE)
    arrivals = [
        (case.case_id, [event for events, _ in segments(case) for event in events])
        for case in cases
    ]
    with database.connect(autocommit=True) as connection:
        load(connection, arrivals, settings)
        for case_id, reason in faults(connection).items():
            sys.stderr.write(f"{case_id}: {reason}\n")
    if project.exists():
        shutil.rmtree(project)
    copy_project(project, further=seed_rows(cases))
    return database.environment()


def _main(arguments: list[str]) -> int:
    folder, project = Path(arguments[0]), Path(arguments[1])
    for name, value in load_by_hand(folder, project).items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
    sys.stdout.write(f"export DBT_PROJECT_DIR={shlex.quote(str(project))}\n")
    sys.stdout.write(f"export DBT_PROFILES_DIR={shlex.quote(str(project))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
