"""Canonical events refuse what is not exact."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from revenue_pipeline.canonical.models import (
    ContractEvent,
    ContractLine,
    PaymentEvent,
    PriceComponent,
    UsageEvent,
    content_version,
    event_id,
)

NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)
ENVELOPE: dict[str, Any] = {
    "source_system": "test",
    "source_object": "thing",
    "source_id": "1",
    "occurred_at": NOON,
    "recorded_at": NOON,
    "entity_id": "US",
    "adapter_version": "1",
}
PAYMENT: dict[str, Any] = {
    **ENVELOPE,
    "event_type": "payment.settled",
    "payment_id": "P1",
    "customer_id": "K1",
    "currency_code": "USD",
    "paid_date": date(2025, 1, 1),
    "amount_minor": 100,
}
USAGE: dict[str, Any] = {
    **ENVELOPE,
    "usage_id": "U1",
    "customer_id": "K1",
    "meter": "calls",
    "quantity": Decimal("1.5"),
    "usage_at": NOON,
    "usage_date": date(2025, 1, 1),
}
LINE: dict[str, Any] = {
    "line_id": "L1",
    "obligation_key": "L1",
    "product_code": "PLATFORM",
    "quantity": Decimal(1),
    "amount_minor": 1,
    "service_start_date": date(2025, 1, 1),
}


@pytest.mark.parametrize("amount", [1.0, 1.5, float("nan"), "100", True, 10**17 + 1, -1, None])
def test_an_amount_is_an_integer_within_bounds(amount: object) -> None:
    with pytest.raises(ValidationError):
        PaymentEvent(**{**PAYMENT, "amount_minor": amount})


@pytest.mark.parametrize(
    "quantity", [1.5, Decimal("NaN"), Decimal("Infinity"), "1.5", Decimal("1e-13"), Decimal("1e30")]
)
def test_a_quantity_is_an_exact_decimal_that_fits(quantity: object) -> None:
    with pytest.raises(ValidationError):
        UsageEvent(**{**USAGE, "quantity": quantity})


@pytest.mark.parametrize(
    "changes",
    [
        {"unknown": 1},
        {"customer_id": ""},
        {"customer_id": "a\x00b"},
        {"customer_id": "\ud800"},
        {"currency_code": "usd"},
        {"paid_date": "2025-01-01"},
        {"occurred_at": datetime(2025, 1, 1)},  # noqa: DTZ001 - the point of the case
    ],
)
def test_what_cannot_be_stored_as_it_is_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PaymentEvent(**{**PAYMENT, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"lines": ()},
        {"lines": (ContractLine(**LINE), ContractLine(**LINE))},
        {"end_date": date(2024, 12, 31)},
        {"event_type": "contract.terminated"},
    ],
)
def test_a_contract_that_contradicts_itself_is_refused(changes: dict[str, object]) -> None:
    contract: dict[str, Any] = {
        **ENVELOPE,
        "event_type": "contract.signed",
        "contract_id": "C1",
        "contract_version": 1,
        "customer_id": "K1",
        "currency_code": "USD",
        "signed_date": date(2025, 1, 1),
        "effective_date": date(2025, 1, 1),
        "lines": (ContractLine(**LINE),),
    }
    ContractEvent(**contract)
    with pytest.raises(ValidationError):
        ContractEvent(**{**contract, **changes})


def test_an_event_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        PaymentEvent(**PAYMENT).amount_minor = 5  # type: ignore[misc]


def test_the_version_follows_the_content_and_not_the_telling() -> None:
    first = UsageEvent(**USAGE)
    retold = UsageEvent(
        **{**USAGE, "recorded_at": datetime(2025, 2, 1, tzinfo=UTC), "quantity": Decimal("1.50")}
    )
    other = UsageEvent(**{**USAGE, "quantity": Decimal("1.51")})

    assert content_version(first) == content_version(retold)
    assert content_version(first) != content_version(other)
    assert event_id(first, "a") != event_id(first, "b")


@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=12).filter(lambda d: abs(d) < 10**26)
)
def test_different_quantities_are_different_content(quantity: Decimal) -> None:
    next_one = Decimal(int(quantity.scaleb(12)) + 1).scaleb(-12)
    if len(next_one.as_tuple().digits) > 38:
        return
    one, other = (UsageEvent(**{**USAGE, "quantity": q}) for q in (quantity, next_one))
    assert (content_version(one) == content_version(other)) == (quantity == next_one)


CONTRACT: dict[str, Any] = {
    **ENVELOPE,
    "event_type": "contract.amended",
    "contract_id": "C1",
    "contract_version": 2,
    "customer_id": "K1",
    "currency_code": "USD",
    "signed_date": date(2025, 1, 1),
    "effective_date": date(2025, 1, 1),
}


@pytest.mark.parametrize(
    "changes",
    [
        {"lines": (ContractLine(**LINE),)},
        {"event_type": "contract.signed"},
        {"change_basis": "restated", "lines": (ContractLine(**LINE, line_action="added"),)},
    ],
)
def test_a_difference_and_a_restatement_are_told_apart(changes: dict[str, object]) -> None:
    told = ContractEvent(**CONTRACT, change_basis="delta")
    assert told.lines == ()
    with pytest.raises(ValidationError):
        ContractEvent(**{**CONTRACT, "change_basis": "delta", **changes})


def test_only_a_line_that_is_changed_or_removed_may_leave_out_its_price() -> None:
    short = {"line_id": "L1", "obligation_key": "L1", "product_code": "P"}
    ContractLine(**short, line_action="changed", remaining_amount_minor=5)
    ContractLine(**short, line_action="removed")
    for action in ("stated", "added"):
        with pytest.raises(ValidationError):
            ContractLine(**short, line_action=action)


def test_a_line_recognised_over_time_has_a_start() -> None:
    no_start = {**LINE, "service_start_date": None}
    ContractLine(**no_start, recognition_method="point_in_time")
    with pytest.raises(ValidationError):
        ContractLine(**no_start, recognition_method="ratable_monthly")


def test_only_the_close_of_a_dispute_may_leave_out_the_amount() -> None:
    unsaid = {**PAYMENT, "customer_id": None, "currency_code": None, "amount_minor": None}
    PaymentEvent(**{**unsaid, "event_type": "dispute.lost", "related_id": "D1"})
    with pytest.raises(ValidationError):
        PaymentEvent(**{**unsaid, "event_type": "dispute.opened"})


def test_a_field_that_came_later_is_content_only_where_it_says_something() -> None:
    # Hashes of the first schema: an observation made under it must stay the same event.
    usage = UsageEvent(**USAGE)
    contract = ContractEvent(
        **{**CONTRACT, "event_type": "contract.signed", "lines": (ContractLine(**LINE),)}
    )
    assert content_version(usage) == "ad21af52271b36cf04003994aafea411"
    assert content_version(contract) == "d7db7cc047f54a716918d52f44ff920f"
    named = UsageEvent(**USAGE, line_id="L1")
    assert content_version(named) != content_version(usage)


def test_parallel_lists_of_a_price_component_have_one_length() -> None:
    component = {"component_id": "V1", "component_kind": "bonus"}
    PriceComponent(**component, outcome_amounts_minor=(1,), outcome_probabilities=(Decimal(1),))
    with pytest.raises(ValidationError):
        PriceComponent(**component, outcome_amounts_minor=(1,))
