"""The graph as Dagster loads it. No database is needed to load it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Path]]:
    """Definitions, and the folder dbt wrote its manifest to."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("definitions")
        patch.setenv("REVENUE_HOME", str(home))
        patch.delenv("REVENUE_DATABASE_URL", raising=False)
        from revenue_pipeline.definitions import defs
        from revenue_pipeline.defs.transform.models import _PROJECT

        yield defs(), _PROJECT.manifest_path


@pytest.fixture
def definitions(loaded: tuple[Any, Path]) -> Any:
    return loaded[0]


@pytest.fixture
def graph(definitions: Any) -> Any:
    return definitions.resolve_asset_graph()


@pytest.fixture
def manifest(loaded: tuple[Any, Path]) -> dict[str, Any]:
    return dict(json.loads(loaded[1].read_bytes()))
