"""Entry point that Dagster loads.

Only assembly belongs here. Assets, checks, resources and jobs live in `revenue_pipeline.defs`.
"""

from pathlib import Path

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    """Load every definition below `revenue_pipeline/defs`."""
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
