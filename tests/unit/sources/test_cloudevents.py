import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from unittest.mock import Mock

import pytest

from revenue_pipeline.canonical.models import UsageEvent, event_id
from revenue_pipeline.landing.inbox import InboxRow
from revenue_pipeline.settings import load_settings
from revenue_pipeline.sources.cloudevents import UsageEventsAdapter
from revenue_pipeline.sources.registry import (
    FileRefusedError,
    TranslationContext,
    TranslationError,
    adapter_for,
)

EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "u1",
    "source": "//meter",
    "type": "com.example.usage.v1",
    "subject": "a1",
    "time": "2025-04-01T02:30:00Z",
    "data": {"contract_id": "c1", "meter": "api_calls", "quantity": "12.5"},
}


def row_of(
    event: dict[str, Any],
    *,
    tenant: str = "acct_us",
    sha256: str = "0" * 64,
    collides: bool = False,
) -> InboxRow:
    (found,) = UsageEventsAdapter().split(json.dumps(event).encode(), "usage.jsonl")
    return InboxRow(
        inbox_id=1,
        log_seq=1,
        source="usage_events",
        tenant=tenant,
        delivery_key=found.delivery_key,
        object_type=found.object_type,
        object_id=found.object_id,
        api_version=None,
        occurred_at=None,
        received_at=datetime(2025, 5, 1, tzinfo=UTC),
        content_type=found.content_type,
        body=found.body,
        body_sha256=sha256,
        origin="usage.jsonl",
        origin_row=found.origin_row,
        is_collision=collides,
    )


def translate(event: dict[str, Any], **options: Any) -> UsageEvent:
    context = TranslationContext(Mock())
    (usage,) = UsageEventsAdapter().translate(row_of(event, **options), context)
    assert isinstance(usage, UsageEvent)
    return usage


def test_the_registry_knows_the_adapter() -> None:
    assert adapter_for("usage_events", load_settings()).name == "usage_events"


def test_an_event_becomes_one_use() -> None:
    usage = translate(EVENT)
    assert usage.usage_id == "//meter#u1"
    assert (usage.customer_id, usage.contract_id, usage.meter) == ("a1", "c1", "api_calls")
    assert usage.quantity == Decimal("12.5")
    assert not usage.is_collision


@pytest.mark.parametrize(
    ("tenant", "day"),
    [("acct_us", date(2025, 3, 31)), ("acct_de", date(2025, 4, 1))],
)
def test_the_day_is_the_entitys_day(tenant: str, day: date) -> None:
    assert translate(EVENT, tenant=tenant).usage_date == day


def test_one_id_with_two_contents_gives_two_events_one_of_them_marked() -> None:
    first = translate(EVENT, sha256="a" * 64)
    second = translate(EVENT, sha256="b" * 64, collides=True)
    assert second.is_collision
    assert first.usage_id == second.usage_id
    assert event_id(first, "acct_us") != event_id(second, "acct_us")


def test_an_id_is_unique_only_within_its_source() -> None:
    other = {**EVENT, "source": "//other"}
    assert row_of(EVENT).delivery_key == "ce://meter:u1"
    assert row_of(EVENT).delivery_key != row_of(other).delivery_key
    assert translate(EVENT).usage_id != translate(other).usage_id


def test_extension_attributes_are_allowed() -> None:
    extended = {**EVENT, "datacontenttype": "application/json", "traceparent": "00-1"}
    assert translate(extended).usage_id == "//meter#u1"


def test_a_customer_may_use_without_naming_a_contract() -> None:
    assert translate({**EVENT, "data": {"meter": "m", "quantity": "1"}}).contract_id is None


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"type": "com.example.usage.v2"}, "type"),
        ({"subject": ""}, "subject"),
        ({"time": "2025-04-01T02:30:00"}, "time"),
        ({"time": 1743474600}, "time"),
        ({"time": "0001-01-01T00:00:00Z"}, "time"),
        ({"id": 7}, "id"),
        ({"source": None}, "source"),
        ({"data": None}, "data"),
        ({"data": {"meter": "m", "quantity": 1}}, "data.quantity"),
        ({"data": {"meter": "m", "quantity": "-1"}}, "data.quantity"),
        ({"data": {"meter": "m", "quantity": "1e3"}}, "data.quantity"),
        ({"data": {"meter": "m", "quantity": "1\n"}}, "data.quantity"),
        ({"data": {"meter": "m", "quantity": "NaN"}}, "data.quantity"),
        ({"data": {"meter": "m\u0000", "quantity": "1"}}, "meter"),
        ({"data": {"meter": "m", "quantity": "1", "price": 3}}, "data.price"),
    ],
)
def test_a_wrong_event_is_a_dead_letter_that_names_the_field(
    values: dict[str, Any], field: str
) -> None:
    with pytest.raises(TranslationError) as caught:
        translate({**EVENT, **values})
    assert caught.value.reason_code == "SCHEMA"
    assert caught.value.detail.startswith(field)


def test_one_event_in_another_spelling_is_the_same_record() -> None:
    adapter = UsageEventsAdapter()
    turned = json.dumps(dict(reversed(EVENT.items())), separators=(",", ":"))
    spellings = [json.dumps(EVENT), turned, json.dumps([EVENT], indent=2)]
    found = [next(adapter.split(text.encode(), "usage.json")) for text in spellings]
    assert {record.delivery_key for record in found} == {"ce://meter:u1"}
    assert len({record.body for record in found}) == 1


def test_events_without_identity_do_not_collide() -> None:
    first, second = row_of({"specversion": "1.0"}), row_of({"specversion": "1.1"})
    assert first.delivery_key != second.delivery_key


@pytest.mark.parametrize(
    ("content", "row"), [(b"\xff", 1), (b"{}\nnothing", 2), (b'{}\n"text"', 2), (b"[{}, 3]", None)]
)
def test_a_file_that_cannot_be_read_is_refused_as_a_whole(content: bytes, row: int | None) -> None:
    with pytest.raises(FileRefusedError) as caught:
        list(UsageEventsAdapter().split(content, "usage.jsonl"))
    assert caught.value.row == row
