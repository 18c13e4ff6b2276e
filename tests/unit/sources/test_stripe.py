"""Stripe objects: what they mean, and how each bad one is refused by name."""

import copy
import json
from datetime import date
from typing import Any

import pytest

from revenue_pipeline.canonical.models import (
    ContractEvent,
    CreditEvent,
    InvoiceEvent,
    PaymentEvent,
    event_id,
)
from revenue_pipeline.domain.errors import FileRefusedError, MoneyError, UnknownCurrencyError
from revenue_pipeline.landing.inbox import Record
from revenue_pipeline.sources.context import TranslationError
from revenue_pipeline.sources.entities import load_entities
from revenue_pipeline.sources.stripe import adapter
from revenue_pipeline.sources.stripe.adapter import translate_body
from revenue_pipeline.sources.stripe.meaning import Meaning

ENTITIES = load_entities().entities
JAN_15 = 1_736_899_200  # 2025-01-15 00:00 UTC
FEB_15 = 1_739_577_600
NEW_YORK_JAN_15 = 1_736_917_200  # 2025-01-15 00:00 in New York
NEW_YORK_FEB_15 = 1_739_595_600

Object = dict[str, Any]

COMMON: Object = {
    "id": "in_1",
    "object": "invoice",
    "status": "open",
    "number": "A-1",
    "customer": "cus_1",
    "currency": "usd",
    "created": JAN_15,
    "amount_paid": 0,
    "subtotal": 10000,
    "total": 10700,
    "status_transitions": {"finalized_at": JAN_15 + 3600, "paid_at": None},
    "metadata": {},
}
OLD: Object = {
    **COMMON,
    "subscription": "sub_1",
    "subscription_details": {"metadata": {"contract_id": "C-1"}},
    "tax": 700,
    "lines": {
        "object": "list",
        "has_more": False,
        "data": [
            {
                "id": "il_1",
                "object": "line_item",
                "amount": 10000,
                "currency": "usd",
                "quantity": 2,
                "period": {"start": JAN_15, "end": FEB_15},
                "price": {"id": "price_1", "object": "price", "product": "prod_1"},
                "proration": False,
                "subscription_item": "si_1",
                "tax_amounts": [{"amount": 700, "inclusive": False, "tax_rate": "txr_1"}],
                "metadata": {"contract_line_id": "C-1-1"},
            }
        ],
    },
}
NEW: Object = {
    **COMMON,
    "parent": {
        "type": "subscription_details",
        "subscription_details": {"metadata": {"contract_id": "C-1"}, "subscription": "sub_1"},
    },
    "lines": {
        "object": "list",
        "has_more": False,
        "data": [
            {
                "id": "il_1",
                "object": "line_item",
                "amount": 10000,
                "currency": "usd",
                "quantity": 2,
                "period": {"start": JAN_15, "end": FEB_15},
                "parent": {
                    "subscription_item_details": {
                        "proration": False,
                        "subscription_item": "si_1",
                    }
                },
                "pricing": {"price_details": {"price": "price_1", "product": "prod_1"}},
                "taxes": [{"amount": 700, "tax_behavior": "exclusive"}],
                "metadata": {"contract_line_id": "C-1-1"},
            }
        ],
    },
}
CREDIT: Object = {
    "id": "cn_1",
    "object": "credit_note",
    "status": "issued",
    "created": JAN_15,
    "currency": "usd",
    "customer": "cus_1",
    "invoice": "in_1",
    "amount": 1070,
    "total": 1070,
    "total_excluding_tax": 1000,
    "total_taxes": [{"amount": 70, "tax_behavior": "exclusive"}],
    "reason": "order_change",
    "metadata": {},
}
REFUND: Object = {
    "id": "re_1",
    "object": "refund",
    "status": "succeeded",
    "created": JAN_15,
    "currency": "usd",
    "amount": 500,
    "metadata": {},
}
SUBSCRIPTION: Object = {
    "id": "sub_1",
    "object": "subscription",
    "status": "active",
    "customer": "cus_1",
    "currency": "usd",
    "created": JAN_15,
    "start_date": JAN_15,
    "metadata": {},
    "items": {
        "object": "list",
        "has_more": False,
        "data": [
            {
                "id": "si_1",
                "quantity": 3,
                "price": {
                    "id": "price_1",
                    "currency": "usd",
                    "product": "prod_1",
                    "unit_amount": 2000,
                    "recurring": {"interval": "year", "interval_count": 1},
                },
            }
        ],
    },
}


def changed(base: Object, **changes: object) -> Object:
    """A copy of an object; a path is written with double underscores, numbers are indices."""
    result = copy.deepcopy(base)
    for path, value in changes.items():
        *way, last = path.split("__")
        place: Any = result
        for step in way:
            place = place[int(step)] if step.isdigit() else place[step]
        place[last] = value
    return result


def without(base: Object, name: str) -> Object:
    return {key: value for key, value in base.items() if key != name}


def means(value: object, entity: str = "TEST") -> Meaning:
    return translate_body(json.dumps(value).encode(), ENTITIES[entity])


def split(content: str | bytes) -> list[Record]:
    raw = content if isinstance(content, bytes) else content.encode()
    return list(adapter().split(raw, "file.json"))


def event(value: Object, kind: str = "invoice.paid", **more: object) -> Object:
    data: Object = {"object": value, **more}
    return {"id": "evt_1", "object": "event", "type": kind, "created": FEB_15, "data": data}


# ---- invoices


def test_both_shapes_of_one_invoice_give_one_event() -> None:
    (old,), (new,) = means(OLD).events, means(NEW).events
    assert event_id(old, "default") == event_id(new, "default")
    assert old == new


def test_an_invoice_says_what_was_billed_for_which_days() -> None:
    (posted,) = means(NEW).events
    assert isinstance(posted, InvoiceEvent)
    assert (posted.contract_id, posted.issued_date) == ("C-1", date(2025, 1, 15))
    (line,) = posted.lines
    assert (line.amount_minor, line.tax_minor, line.price_ref) == (10000, 700, "price_1")
    assert (line.contract_line_id, line.product_code) == ("C-1-1", "prod_1")
    assert (line.period_start_date, line.period_end_date) == (date(2025, 1, 15), date(2025, 2, 14))


def test_days_are_those_of_the_entity() -> None:
    period = {"start": NEW_YORK_JAN_15, "end": NEW_YORK_FEB_15}
    (posted,) = means(changed(NEW, lines__data__0__period=period), "US").events
    assert isinstance(posted, InvoiceEvent)
    assert posted.issued_date == date(2025, 1, 14)  # 01:00 UTC is the evening before
    assert posted.lines[0].period_end_date == date(2025, 2, 14)


def test_a_period_without_length_is_one_day() -> None:
    value = changed(NEW, lines__data__0__period={"start": JAN_15, "end": JAN_15})
    (posted,) = means(value).events
    assert isinstance(posted, InvoiceEvent)
    assert posted.lines[0].period_end_date == date(2025, 1, 15)


def test_paying_an_invoice_adds_a_payment_and_posts_nothing_new() -> None:
    paid = changed(NEW, status="paid", amount_paid=10700, status_transitions__paid_at=FEB_15)
    posted, payment = means(paid).events
    assert event_id(posted, "default") == event_id(means(NEW).events[0], "default")
    assert isinstance(payment, PaymentEvent)
    assert (payment.payment_id, payment.amount_minor) == ("in_1:paid", 10700)
    assert payment.paid_date == date(2025, 2, 15)


def test_a_part_payment_waits_for_the_rest() -> None:
    found = means(changed(NEW, amount_paid=100))
    assert [e.event_type for e in found.events] == ["invoice.posted"]
    assert found.note is not None
    assert "partly paid" in found.note


@pytest.mark.parametrize(
    ("status", "moment", "event_type"),
    [
        ("void", "voided_at", "invoice.voided"),
        ("uncollectible", "marked_uncollectible_at", "invoice.uncollectible"),
    ],
)
def test_the_end_of_an_invoice_comes_after_its_posting(
    status: str, moment: str, event_type: str
) -> None:
    posted, ended = means(
        changed(NEW, status=status, **{f"status_transitions__{moment}": FEB_15})
    ).events
    assert event_id(posted, "default") == event_id(means(NEW).events[0], "default")
    assert isinstance(ended, InvoiceEvent)
    assert ended.event_type == event_type
    assert ended.occurred_at.timestamp() == FEB_15
    assert len(ended.lines) == 1


def test_a_draft_is_no_document() -> None:
    found = means(changed(NEW, status="draft"))
    assert not found.events
    assert found.note == "draft invoice: not an accounting document"


def test_discounts_lower_the_amount_and_inclusive_tax_leaves_it() -> None:
    value = changed(
        NEW,
        total=9000,
        lines__data__0__discount_amounts=[{"amount": 1000}],
        lines__data__0__taxes=[{"amount": 1437, "tax_behavior": "inclusive"}],
    )
    (posted,) = means(value).events
    assert isinstance(posted, InvoiceEvent)
    assert (posted.lines[0].amount_minor, posted.lines[0].tax_minor) == (7563, 1437)


def test_a_subtotal_net_of_the_discounts_of_items_is_accepted() -> None:
    value = changed(
        NEW, subtotal=9000, total=9700, lines__data__0__discount_amounts=[{"amount": 1000}]
    )
    assert len(means(value).events) == 1


def test_an_invoice_of_a_subscription_without_order_belongs_to_the_subscription() -> None:
    value = changed(NEW, parent__subscription_details__metadata={})
    (posted,) = means(value).events
    assert isinstance(posted, InvoiceEvent)
    assert posted.contract_id == "stripe:sub_1"


def test_amounts_that_stripe_counts_otherwise_are_converted_exactly() -> None:
    value = changed(NEW, currency="isk", lines__data__0__currency="isk")
    (posted,) = means(value).events
    assert isinstance(posted, InvoiceEvent)
    assert (posted.lines[0].amount_minor, posted.lines[0].tax_minor) == (100, 7)
    with pytest.raises(MoneyError):
        means(changed(value, lines__data__0__amount=10001))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([], "SCHEMA"),
        ({"object": "invoice"}, "SCHEMA"),
        (without(NEW, "lines"), "SCHEMA"),
        (changed(NEW, lines={}), "SCHEMA"),
        (changed(NEW, lines=[]), "SCHEMA"),
        (changed(NEW, lines__data=[]), "SCHEMA"),
        (changed(NEW, lines__data=[7]), "SCHEMA"),
        (changed(NEW, lines__has_more=True), "SCHEMA"),
        (changed(NEW, lines__total_count=12), "SCHEMA"),
        (without(NEW, "customer"), "SCHEMA"),
        (changed(NEW, customer=7), "SCHEMA"),
        (changed(NEW, customer={}), "SCHEMA"),
        (changed(NEW, metadata="x", parent=None), "SCHEMA"),
        (changed(NEW, created=-1), "SCHEMA"),
        (changed(NEW, created=10**15), "SCHEMA"),
        (changed(NEW, created=True), "SCHEMA"),
        (changed(NEW, status="paid", amount_paid=-1), "SCHEMA"),
        (changed(NEW, lines__data__0__amount=10000.0), "SCHEMA"),
        (changed(NEW, lines__data__0__amount="10000"), "SCHEMA"),
        (changed(NEW, lines__data__0__amount=10**17 + 1), "SCHEMA"),
        (changed(NEW, lines__data__0__currency="eur"), "SCHEMA"),
        (changed(NEW, lines__data__0__quantity="two"), "SCHEMA"),
        (changed(NEW, lines__data__0__period={"start": JAN_15}), "SCHEMA"),
        (changed(NEW, lines__data__0__taxes={}), "SCHEMA"),
        (changed(NEW, lines__data__0__taxes=[{"amount": 1, "tax_behavior": "?"}]), "UNKNOWN_ENUM"),
        (changed(NEW, status="posted"), "UNKNOWN_ENUM"),
        (changed(NEW, status=None), "SCHEMA"),
        (changed(NEW, subtotal=9999), "ARITHMETIC"),
        (changed(NEW, total=10701), "ARITHMETIC"),
        (changed(NEW, amount_shipping=5), "MAPPING"),
        (
            changed(
                NEW,
                total_pretax_credit_amounts=[{"type": "credit_balance_transaction", "amount": 5}],
            ),
            "MAPPING",
        ),
    ],
)
def test_a_bad_invoice_is_refused_by_name(value: object, reason: str) -> None:
    with pytest.raises(TranslationError) as caught:
        means(value)
    assert caught.value.reason_code == reason


def test_a_list_that_is_cut_says_how_much_is_there() -> None:
    with pytest.raises(TranslationError, match="only 1 of 12 lines embedded"):
        means(changed(NEW, lines__has_more=True, lines__total_count=12))


def test_an_unknown_currency_is_refused_by_name() -> None:
    with pytest.raises(UnknownCurrencyError):
        means(changed(NEW, currency="xyz"))


# ---- credit notes and refunds


@pytest.mark.parametrize(
    ("metadata", "reason", "cause"),
    [
        ({"cause": "goodwill"}, "duplicate", "goodwill"),
        ({"cause": "mood"}, "duplicate", "billing_error"),
        ({}, "order_change", "modification"),
        ({}, "product_unsatisfactory", "concession"),
        ({}, "fraudulent", "billing_error"),
        ({}, None, None),
    ],
)
def test_the_cause_of_a_credit_is_stated_or_follows_from_its_reason(
    metadata: dict[str, str], reason: str | None, cause: str | None
) -> None:
    (credit,) = means(changed(CREDIT, metadata=metadata, reason=reason)).events
    assert isinstance(credit, CreditEvent)
    assert (credit.cause, credit.amount_minor, credit.tax_minor) == (cause, 1000, 70)


def test_both_shapes_of_one_credit_note_give_one_event() -> None:
    old = {**without(CREDIT, "total_taxes"), "tax_amounts": [{"amount": 70, "inclusive": False}]}
    assert means(old).events == means(CREDIT).events


def test_a_void_credit_note_was_issued_first() -> None:
    issued, voided = means(changed(CREDIT, status="void", voided_at=FEB_15)).events
    assert issued == means(CREDIT).events[0]
    assert isinstance(voided, CreditEvent)
    assert (voided.event_type, voided.issued_date) == ("credit.voided", date(2025, 2, 15))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (changed(CREDIT, status="open"), "UNKNOWN_ENUM"),
        (changed(CREDIT, reason="bad mood"), "UNKNOWN_ENUM"),
        (changed(CREDIT, total_excluding_tax=1001), "ARITHMETIC"),
        (changed(CREDIT, amount=None, total=None), "SCHEMA"),
        (changed(REFUND, status="lost"), "UNKNOWN_ENUM"),
        (changed(REFUND, amount=5.5), "SCHEMA"),
    ],
)
def test_a_bad_credit_or_refund_is_refused_by_name(value: Object, reason: str) -> None:
    with pytest.raises(TranslationError) as caught:
        means(value)
    assert caught.value.reason_code == reason


def test_a_refund_counts_once_money_has_moved() -> None:
    (refund,) = means(changed(REFUND, metadata={"contract_id": "C-1"})).events
    assert isinstance(refund, PaymentEvent)
    assert (refund.amount_minor, refund.contract_id, refund.customer_id) == (500, "C-1", "unknown")
    assert not means(changed(REFUND, status="pending")).events


# ---- subscriptions


def test_a_subscription_without_order_is_an_evergreen_contract() -> None:
    (signed,) = means(SUBSCRIPTION).events
    assert isinstance(signed, ContractEvent)
    assert (signed.contract_id, signed.term_months, signed.end_date) == ("stripe:sub_1", 12, None)
    (line,) = signed.lines
    assert (line.amount_minor, line.product_code, line.price_ref) == (6000, "prod_1", "price_1")


def test_a_subscription_behind_an_order_is_left_to_the_order() -> None:
    found = means(changed(SUBSCRIPTION, metadata={"contract_id": "C-1"}))
    assert not found.events
    assert found.note == "contract comes from crm_orders"


def test_where_the_period_stands_does_not_matter() -> None:
    old = {**SUBSCRIPTION, "current_period_start": JAN_15, "current_period_end": FEB_15}
    new = changed(
        SUBSCRIPTION,
        items__data__0__current_period_start=JAN_15,
        items__data__0__current_period_end=FEB_15,
    )
    assert means(old).events == means(new).events


def test_a_trial_is_no_contract_and_its_days_earn_nothing() -> None:
    assert not means(changed(SUBSCRIPTION, status="trialing", trial_end=FEB_15)).events
    (signed,) = means(changed(SUBSCRIPTION, trial_end=FEB_15)).events
    assert isinstance(signed, ContractEvent)
    assert signed.effective_date == date(2025, 2, 15)


def test_a_canceled_subscription_is_terminated_on_the_day_it_ended() -> None:
    signed, terminated = means(changed(SUBSCRIPTION, status="canceled", ended_at=FEB_15)).events
    assert signed == means(SUBSCRIPTION).events[0]
    assert isinstance(terminated, ContractEvent)
    assert terminated.effective_date == date(2025, 2, 15)
    assert terminated.lines == ()


def test_a_change_of_terms_holds_from_the_moment_of_its_event() -> None:
    now = changed(SUBSCRIPTION, items__data__0__quantity=5)
    update = event(now, "customer.subscription.updated", previous_attributes={"quantity": 3})
    (amended,) = means(update).events
    assert isinstance(amended, ContractEvent)
    assert (amended.event_type, amended.effective_date) == ("contract.amended", date(2025, 2, 15))
    assert amended.contract_version > 1
    assert (amended.lines[0].amount_minor, amended.lines[0].service_start_date) == (
        10000,
        date(2025, 1, 15),
    )


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (changed(SUBSCRIPTION, status="resting"), "UNKNOWN_ENUM"),
        (
            changed(SUBSCRIPTION, items__data__0__price__recurring={"interval": "week"}),
            "UNKNOWN_ENUM",
        ),
        (changed(SUBSCRIPTION, items__data__0__price__billing_scheme="tiered"), "MAPPING"),
        (changed(SUBSCRIPTION, items__data__0__price__unit_amount=None), "SCHEMA"),
        (changed(SUBSCRIPTION, items__data__0__price__unit_amount_decimal="0.1"), "ARITHMETIC"),
        (changed(SUBSCRIPTION, items__has_more=True), "SCHEMA"),
        (changed(SUBSCRIPTION, status="canceled"), "SCHEMA"),
    ],
)
def test_a_bad_subscription_is_refused_by_name(value: Object, reason: str) -> None:
    with pytest.raises(TranslationError) as caught:
        means(value)
    assert caught.value.reason_code == reason


def test_other_objects_are_noted() -> None:
    assert means({"object": "customer", "id": "cus_1"}).note == "customer: not an accounting object"
    assert means({"id": "x"}).note == "object without a type: not an accounting object"
    assert means(event({"object": "payout", "id": "po_1"})).note is not None


def test_an_event_means_what_its_object_means() -> None:
    assert means(event(NEW)).events == means(NEW).events


# ---- files


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(NEW, indent=2),
        "\ufeff" + json.dumps(NEW),
        json.dumps([NEW]),
        json.dumps({"object": "list", "data": [NEW], "has_more": False}),
        json.dumps({"resources": {"invoice": NEW}}),
        json.dumps({"object": NEW, "previous_attributes": {}}),
        json.dumps(
            [
                {
                    "request": {},
                    "response": {"status": 200, "body": {"object": "list", "data": [NEW]}},
                },
                {"request": {}, "response": {"status": 402, "body": {"error": {}}}},
            ]
        ),
    ],
)
def test_every_kind_of_file_holds_the_same_object(text: str) -> None:
    (record,) = split(text)
    assert record.delivery_key.startswith("obj:invoice:in_1:")
    assert json.loads(record.body) == NEW
    assert record.delivery_key == split(json.dumps(NEW))[0].delivery_key


def test_lines_of_json_know_their_row() -> None:
    first, second = split(json.dumps(NEW) + "\n\n" + json.dumps(CREDIT) + "\n")
    assert (first.origin_row, second.origin_row) == (1, 3)
    assert second.object_type == "credit_note"


def test_an_event_is_known_by_its_id_whatever_else_is_still_to_be_delivered() -> None:
    once, again = split(
        json.dumps([event(NEW) | {"pending_webhooks": n, "api_version": "v"} for n in (2, 1)])
    )
    assert once == again
    assert (once.delivery_key, once.object_type, once.object_id) == ("evt:evt_1", "invoice", "in_1")
    assert once.api_version == "v"


def test_objects_without_usable_id_are_known_by_their_content() -> None:
    for identity in (None, 7, "", "a\x00b", "\ud800"):
        (record,) = split(json.dumps({"object": "invoice", "id": identity}))
        assert record.object_id is None
        assert len(record.delivery_key) == len("obj:invoice:") + 64


def test_numbers_stay_exact() -> None:
    (record,) = split('{"object": "x", "rate": 0.1000000000000000055511151231257827}')
    assert b"0.1000000000000000055511151231257827" in record.body


@pytest.mark.parametrize(
    ("content", "row"),
    [
        (b"hello", 1),
        (b'{"object": "x",\n oops}', 2),
        (b'{"object": "x"}\n{"object":', 2),
        (b'{"a": 1}\n7', 2),
        (b"7", None),
        (b"[1]", None),
        (b'{"a": NaN}', None),
        (b'{"a": -Infinity}', None),
        (b'{"a": 1, "a": 2}', None),
        (b'{"a": ' + b"9" * 5000 + b"}", None),
        (b'{"a": 1e99999999999999999999}', None),
        (b"[" * 100_000, None),
        (b'{"a":' * 200 + b"1" + b"}" * 200, None),
        (b'[{"request": {}, "response": {"body": {}}}]', None),
        (b'[{"request": {}, "response": {"status": 200}}]', None),
        (b'{"a": 1}\n{"a": "\xff"}', 2),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_as_a_whole(content: bytes, row: int | None) -> None:
    with pytest.raises(FileRefusedError) as caught:
        split(content)
    assert caught.value.file == "file.json"
    assert caught.value.row == row
