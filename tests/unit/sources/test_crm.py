import json
from copy import deepcopy
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from unittest.mock import Mock

import pytest

from revenue_pipeline.canonical.models import ContractEvent, EntitlementEvent, FulfilmentEvent
from revenue_pipeline.landing.inbox import InboxRow
from revenue_pipeline.settings import load_settings
from revenue_pipeline.sources.crm import CrmOrdersAdapter
from revenue_pipeline.sources.registry import (
    FileRefusedError,
    TranslationContext,
    TranslationError,
    adapter_for,
)

ORDER: dict[str, Any] = {
    "record": "order",
    "order_id": "o1",
    "order_type": "new",
    "contract_id": "c1",
    "contract_version": 1,
    "account_id": "a1",
    "signed_date": "2025-02-20",
    "effective_date": "2025-03-01",
    "end_date": "2026-02-28",
    "term_months": None,
    "replaces_contract_id": None,
    "supersedes_from_date": None,
    "refund_minor": 0,
    "currency": "USD",
    "modified_at": "2025-02-20T15:30:00Z",
    "lines": [
        {
            "line_id": "l1",
            "obligation_key": "l1",
            "product_code": "API_CALLS",
            "quantity": "1",
            "amount_minor": 0,
            "ssp_minor": None,
            "service_start_date": "2025-03-01",
            "service_end_date": "2026-02-28",
            "price_ref": "p1",
            "usage_meter": "api_calls",
            "unit_price_minor": "0.35",
            "included_quantity": "1000",
        }
    ],
    "entitlements": [
        {
            "line_id": "l1",
            "meter": "api_calls",
            "from_date": "2025-03-01",
            "to_date": "2026-02-28",
            "is_trial": False,
        }
    ],
}
FULFILMENT: dict[str, Any] = {
    "record": "fulfilment",
    "fulfilment_id": "f1",
    "contract_id": "c1",
    "line_id": "l1",
    "fulfilled_date": "2025-04-03",
    "modified_at": "2025-04-03T16:00:00Z",
}
MOMENT = datetime(2025, 5, 1, tzinfo=UTC)


def row_of(record: dict[str, Any], *, tenant: str = "acct_us", collides: bool = False) -> InboxRow:
    (found,) = CrmOrdersAdapter().split(json.dumps(record).encode(), "orders.jsonl")
    return InboxRow(
        inbox_id=1,
        log_seq=1,
        source="crm_orders",
        tenant=tenant,
        delivery_key=found.delivery_key,
        object_type=found.object_type,
        object_id=found.object_id,
        api_version=None,
        occurred_at=None,
        received_at=MOMENT,
        content_type=found.content_type,
        body=found.body,
        body_sha256="0" * 64,
        origin="orders.jsonl",
        origin_row=found.origin_row,
        is_collision=collides,
    )


def translate(record: dict[str, Any], **options: Any) -> list[Any]:
    context = TranslationContext(Mock())
    return list(CrmOrdersAdapter().translate(row_of(record, **options), context))


def changed(original: dict[str, Any], /, **values: Any) -> dict[str, Any]:
    return {**deepcopy(original), **values}


def test_the_registry_knows_the_adapter() -> None:
    assert adapter_for("crm_orders", load_settings()).name == "crm_orders"


def test_an_order_becomes_a_contract_and_its_rights() -> None:
    contract, right = translate(ORDER)
    assert isinstance(contract, ContractEvent)
    assert contract.event_type == "contract.signed"
    assert (contract.contract_id, contract.customer_id, contract.entity_id) == ("c1", "a1", "US")
    assert contract.source_id == "o1"
    assert contract.occurred_at == datetime(2025, 3, 1, 5, tzinfo=UTC)  # midnight in New York
    assert contract.lines[0].unit_price_minor == Decimal("0.35")
    assert contract.lines[0].included_quantity == 1000
    assert isinstance(right, EntitlementEvent)
    assert (right.event_type, right.meter) == ("entitlement.granted", "api_calls")
    assert (right.from_date, right.to_date) == (date(2025, 3, 1), date(2026, 2, 28))


@pytest.mark.parametrize(
    ("order_type", "event_type"),
    [
        ("amendment", "contract.amended"),
        ("renewal", "contract.renewed"),
    ],
)
def test_each_kind_of_order_is_its_event(order_type: str, event_type: str) -> None:
    contract, _ = translate(changed(ORDER, order_type=order_type))
    assert contract.event_type == event_type


def test_a_cancellation_ends_the_contract_and_may_refund() -> None:
    over = changed(
        ORDER,
        order_type="cancellation",
        end_date=None,
        refund_minor=123,
        lines=[],
        entitlements=[],
    )
    (contract,) = translate(over)
    assert contract.event_type == "contract.terminated"
    assert contract.refund_minor == 123


def test_a_fulfilment_says_when_control_passed() -> None:
    (event,) = translate(FULFILMENT)
    assert isinstance(event, FulfilmentEvent)
    assert event.fulfilled_date == date(2025, 4, 3)


def test_delivery_keys_name_record_and_moment() -> None:
    assert row_of(ORDER).delivery_key == "order:o1:2025-02-20T15:30:00Z"
    assert row_of(FULFILMENT).delivery_key == "ful:f1:2025-04-03T16:00:00Z"


def test_an_array_holds_the_same_records_as_lines() -> None:
    adapter = CrmOrdersAdapter()
    array = list(adapter.split(json.dumps([ORDER, FULFILMENT]).encode(), "a.json"))
    lines = list(
        adapter.split(f"{json.dumps(ORDER)}\n\n{json.dumps(FULFILMENT)}\n".encode(), "a.jsonl")
    )
    assert [r.delivery_key for r in array] == [r.delivery_key for r in lines]
    assert [r.body for r in array] == [r.body for r in lines]
    assert [r.origin_row for r in lines] == [1, 3]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"effective_date": "2025-02-30"}, "effective_date"),
        ({"effective_date": 20250301}, "effective_date"),
        ({"modified_at": "2025-02-20T15:30:00"}, "modified_at"),
        ({"contract_version": 0}, "contract_version"),
        ({"contract_version": "1"}, "contract_version"),
        ({"refund_minor": 1.5}, "refund_minor"),
        ({"refund_minor": -1}, "refund_minor"),
        ({"order_type": "upgrade"}, "order_type"),
        ({"account_id": ""}, "account_id"),
        ({"discount": 3}, "discount"),
        ({"end_date": "2025-01-01"}, "end_date"),
        ({"lines": []}, "lines"),
    ],
)
def test_a_wrong_field_is_named(values: dict[str, Any], field: str) -> None:
    with pytest.raises(TranslationError) as caught:
        translate(changed(ORDER, entitlements=[], **values))
    assert caught.value.reason_code == "SCHEMA"
    assert field in caught.value.detail


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"amount_minor": 10.0}, "amount_minor"),
        ({"amount_minor": "10"}, "amount_minor"),
        ({"amount_minor": 10**18}, "amount_minor"),
        ({"quantity": 1}, "quantity"),
        ({"quantity": "1e5"}, "quantity"),
        ({"unit_price_minor": "NaN"}, "unit_price_minor"),
        ({"unit_price_minor": "\u0661"}, "unit_price_minor"),
        ({"service_end_date": "2025-02-01"}, "service_end_date"),
    ],
)
def test_a_wrong_field_of_a_line_is_named(values: dict[str, Any], field: str) -> None:
    order = deepcopy(ORDER)
    order["lines"][0].update(values)
    with pytest.raises(TranslationError) as caught:
        translate(order)
    assert caught.value.reason_code == "SCHEMA"
    assert field in caught.value.detail


@pytest.mark.parametrize("field", ["order_id", "contract_id", "currency", "modified_at"])
def test_a_missing_field_is_a_dead_letter_and_no_lost_file(field: str) -> None:
    order = {name: value for name, value in ORDER.items() if name != field}
    with pytest.raises(TranslationError, match=field):
        translate(order)


def test_a_right_without_its_line_is_refused() -> None:
    order = deepcopy(ORDER)
    order["entitlements"][0]["line_id"] = "l9"
    with pytest.raises(TranslationError, match=r"entitlements\.0\.line_id"):
        translate(order)


def test_a_right_that_ends_before_it_begins_is_refused() -> None:
    order = deepcopy(ORDER)
    order["entitlements"][0]["to_date"] = "2025-01-01"
    with pytest.raises(TranslationError, match=r"entitlements\.0\.to_date"):
        translate(order)


def test_an_unknown_currency_has_a_reason_of_its_own() -> None:
    with pytest.raises(TranslationError) as caught:
        translate(changed(ORDER, currency="XQQ"))
    assert caught.value.reason_code == "UNKNOWN_CURRENCY"


def test_one_moment_with_two_contents_is_a_collision() -> None:
    with pytest.raises(TranslationError) as caught:
        translate(ORDER, collides=True)
    assert caught.value.reason_code == "COLLISION"


def test_an_unknown_kind_of_record_is_a_dead_letter() -> None:
    with pytest.raises(TranslationError) as caught:
        translate(changed(ORDER, record="quote"))
    assert caught.value.reason_code == "SCHEMA"


@pytest.mark.parametrize(
    ("content", "row", "reason"),
    [
        (b'{"a": 1}\n{"b": "\xff"}\n', 2, "not UTF-8"),
        (b'{"a": 1}\n{"b": \n', 2, "not JSON"),
        (b'{"a": 1}\n7\n', 2, "not a JSON object"),
        (b'{"a": NaN}\n', 1, "NaN"),
        (b'{"a": 1, "a": 2}\n', 1, "twice"),
        (b"[1]", None, "entry 1"),
        (b'[{"a": 1}', 1, "not JSON"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_as_a_whole(
    content: bytes, row: int | None, reason: str
) -> None:
    with pytest.raises(FileRefusedError, match=reason) as caught:
        list(CrmOrdersAdapter().split(content, "orders.jsonl"))
    assert caught.value.row == row
    assert caught.value.file == "orders.jsonl"
