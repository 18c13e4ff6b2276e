"""Filled tables, made once: every test works in a copy of its own or takes back what it did."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from revenue_pipeline.warehouse.embedded import EmbeddedPostgres
from tests.conftest import MIGRATED, recreate
from tests.integration.governance.filled import fill, lift_rules

FILLED = "template_filled"


@pytest.fixture(scope="session")
def filled_template(cluster: EmbeddedPostgres) -> str:
    """A template whose protected tables all hold rows that are chained."""
    recreate(cluster, FILLED, MIGRATED)
    with psycopg.connect(cluster.url(FILLED), autocommit=True) as connection:
        lift_rules(connection)
        fill(connection)
    return FILLED


@pytest.fixture(scope="module")
def filled(cluster: EmbeddedPostgres, filled_template: str) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's connection to one copy; each test rolls back what it does."""
    recreate(cluster, "filled", filled_template)
    with psycopg.connect(cluster.url("filled"), autocommit=True) as connection:
        yield connection
    with psycopg.connect(cluster.url(), autocommit=True) as server:
        server.execute("drop database filled with (force)")
