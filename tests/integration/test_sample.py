"""The sample company: reproducible, and every record of it means something."""

import hashlib
import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from revenue_pipeline.sample import write_sample
from revenue_pipeline.settings import load_settings
from revenue_pipeline.sources.ingest import ingest
from revenue_pipeline.sources.translate import translate_pending

SOURCES = ("crm_orders", "stripe", "usage_events")
TENANTS = ("acct_us", "acct_de")


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.json*"))
    }


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    write_sample(folder)
    return folder


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    sample: Path, tmp_path: Path
) -> None:
    write_sample(tmp_path / "again")
    write_sample(tmp_path / "other", seed=7)
    again, other = digests(tmp_path / "again"), digests(tmp_path / "other")
    assert again == digests(sample)
    assert set(again) == {f"{s}/{t}.jsonl" for s in SOURCES for t in TENANTS} | {"manifest.json"}
    assert all(again[name] != other[name] for name in again)


def test_writing_again_replaces_what_was_there(tmp_path: Path) -> None:
    write_sample(tmp_path, seed=7)
    write_sample(tmp_path)
    write_sample(tmp_path / "fresh")
    fresh = digests(tmp_path / "fresh")
    assert {name: digests(tmp_path)[name] for name in fresh} == fresh


def test_the_manifest_returned_is_the_manifest_written(sample: Path, tmp_path: Path) -> None:
    manifest = write_sample(tmp_path)
    written = json.loads((sample / "manifest.json").read_text(encoding="utf-8"))
    assert manifest.planted.keys() == written["planted"].keys()
    assert {reason: sorted(ids) for reason, ids in manifest.planted.items()} == written["planted"]


def test_a_larger_scale_has_more_customers(sample: Path, tmp_path: Path) -> None:
    manifest = write_sample(tmp_path, scale=2)
    assert manifest.customers == 400
    for source in SOURCES:
        for tenant in TENANTS:
            name = f"{source}/{tenant}.jsonl"
            assert len(records(tmp_path / name)) > 1.5 * len(records(sample / name))


def test_invoices_have_the_shape_of_the_api_version_of_their_day(sample: Path) -> None:
    first_of_new_shape = 1743393600  # 2025-03-31
    shapes = set()
    for invoice in records(sample / "stripe/acct_us.jsonl"):
        if invoice["object"] != "invoice":
            continue
        is_new = "parent" in invoice
        shapes.add(is_new)
        if abs(invoice["created"] - first_of_new_shape) > 86_400:
            assert is_new == (invoice["created"] > first_of_new_shape)
        for line in invoice["lines"]["data"]:
            assert ("pricing" in line) == is_new
            assert ("price" in line) != is_new
            assert ("taxes" in line) == is_new
    assert shapes == {True, False}


def test_every_record_lands_once_and_none_dies(
    sample: Path, connection: psycopg.Connection[Any]
) -> None:
    written = 0
    for source in SOURCES:
        for tenant in TENANTS:
            path = sample / source / f"{tenant}.jsonl"
            count = len(records(path))
            for added in (count, 0):  # a second time everything is a duplicate
                report = ingest(connection, source, [path], settings=load_settings(), tenant=tenant)
                (file,) = report.files
                assert not file.refused, file.reason
                assert (file.received, file.added, file.collisions) == (count, added, 0)
            written += count
    summary = translate_pending(connection, settings=load_settings())
    assert summary.dead_letters == ()
    assert (summary.processed, summary.waiting, summary.dead) == (written, 0, 0)
    manifest = json.loads((sample / "manifest.json").read_text(encoding="utf-8"))
    expected = {
        "contract_event": manifest["orders"],
        "fulfilment_event": manifest["fulfilments"],
        "invoice_event": manifest["invoices"],
        "credit_event": manifest["credit_notes"],
        "usage_event": manifest["usage_events"],
    }
    found = {}
    for table in expected:
        query = sql.SQL("select count(*) from canonical.{}").format(sql.Identifier(table))
        (found[table],) = connection.execute(query).fetchone() or (None,)
    assert found == expected
    refunds = "select count(*) from canonical.payment_event where event_type = 'payment.refunded'"
    assert connection.execute(refunds).fetchone() == (manifest["refunds"],)
    by_entity = connection.execute(
        "select entity_id, count(*) > 0 from canonical.contract_event group by entity_id order by 1"
    ).fetchall()
    assert by_entity == [("DE", True), ("US", True)]
