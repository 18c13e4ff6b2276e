"""Seeds, staging, intermediate and marts, with every data test as an asset check."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster_dbt import dbt_assets

from revenue_pipeline.defs.resources import WarehouseResource
from revenue_pipeline.defs.transform.manifest import prepared_project
from revenue_pipeline.defs.transform.streaming import build
from revenue_pipeline.defs.transform.translator import TRANSLATOR

_PROJECT = prepared_project()


class DeriveConfig(dg.Config):
    """How the models are derived."""

    full: bool = False  # everything, whatever changed


@dbt_assets(
    manifest=_PROJECT.manifest_path,
    project=_PROJECT,
    dagster_dbt_translator=TRANSLATOR,
    name="dbt_models",
    pool="derivation",
)
def dbt_models(
    context: dg.AssetExecutionContext, config: DeriveConfig, warehouse: WarehouseResource
) -> Iterator[Any]:
    """Derive the marts from canonical events and run the tests on them."""
    yield from build(context, _PROJECT, warehouse.database, full=config.full)
