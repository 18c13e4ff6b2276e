"""How dbt's nodes look in Dagster: keys are schema and table, groups are folders."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject

from revenue_pipeline.defs.conventions import OWNERS


class RevenueDbtTranslator(DagsterDbtTranslator):
    """Adds what dbt does not know: who owns a model that names nobody."""

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetSpec:
        """The spec dagster-dbt makes, with owners."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        return spec if spec.owners else spec.replace_attributes(owners=OWNERS)


TRANSLATOR = RevenueDbtTranslator(DagsterDbtTranslatorSettings(enable_asset_checks=True))
