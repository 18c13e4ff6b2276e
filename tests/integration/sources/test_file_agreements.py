"""CSV files by agreement, from the file to the canonical tables."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from revenue_pipeline.settings import load_settings
from revenue_pipeline.sources.ingest import IngestReport, ingest

Connection = psycopg.Connection[Any]


def land(connection: Connection, source: str, *paths: Path) -> IngestReport:
    return ingest(connection, source, paths, settings=load_settings(), translate=True)


def count(connection: Connection, query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


def complete(connection: Connection) -> bool:
    return not count(
        connection,
        "select count(*) from landing.completeness where received_count <>"
        " processed_count + waiting_count + dead_count + duplicate_count",
    )


@pytest.fixture
def folder(real: Path) -> Path:
    return real / "saas_ravenstack"


def test_ravenstack_files_become_contracts_rights_and_usage(
    connection: Connection, folder: Path
) -> None:
    subscriptions = folder / "ravenstack_subscriptions.csv"
    usage = folder / "ravenstack_feature_usage.csv"

    first = land(connection, "ravenstack_subscriptions", subscriptions)
    second = land(connection, "ravenstack_usage", usage)

    assert (first.files[0].received, first.files[0].added) == (3407, 3407)
    assert first.dead_letters == ()
    assert first.translation is not None
    assert first.translation.events == {"contract.signed": 3407, "entitlement.granted": 3407}
    assert (second.files[0].added, second.files[0].collisions) == (17149, 9)
    assert second.translation is not None
    assert second.translation.events == {"usage.recorded": 17149}
    assert count(connection, "select count(*) from canonical.usage_event where is_collision") == 9
    assert complete(connection)

    again = land(connection, "ravenstack_usage", usage)
    assert (again.files[0].added, again.files[0].duplicates) == (0, 17149)
    assert count(connection, "select count(*) from canonical.usage_event") == 17149
    assert complete(connection)
