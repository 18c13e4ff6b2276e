"""Canonical events: strict, frozen, and exactly the columns of schema `canonical`.

Money is integer minor units of `currency_code` beside it, quantities are exact decimals, dates are
inclusive. A float, NaN, unknown field or text that cannot be stored is refused.

`known_seq`, `inbox_id`, `payload_hash` and `raw_uri` are added by the writer from the inbox row.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from revenue_pipeline.domain.money import LARGEST_MINOR

SCHEMA_VERSION = "1"


def _storable(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("holds a character that cannot be stored") from None
    if "\x00" in value:
        raise ValueError("holds a NUL character")
    return value


Text = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_storable)]
Minor = Annotated[int, Field(ge=-LARGEST_MINOR, le=LARGEST_MINOR)]
PositiveMinor = Annotated[int, Field(ge=0, le=LARGEST_MINOR)]
Quantity = Annotated[Decimal, Field(max_digits=38, decimal_places=12, allow_inf_nan=False)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
CreditCause = Literal[
    "modification", "concession", "billing_error", "goodwill", "bad_debt", "dispute"
]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


class Envelope(_Strict):
    """What every event says of itself.

    `occurred_at` is economic time, `recorded_at` when the source wrote it. `source_version` None
    means: the hash of the canonical content, so that an observation that changes nothing is no
    new event.
    """

    source_system: Text
    source_object: Text
    source_id: Text
    source_version: Text | None = None
    occurred_at: AwareDatetime
    recorded_at: AwareDatetime
    entity_id: Text
    schema_version: Text = SCHEMA_VERSION
    adapter_version: Text


class ContractLine(_Strict):
    """A promise of a contract on the terms of one event.

    `amount_minor`: price from the contract's start to `service_end_date` over all versions; the
    price of one term when the event has `term_months`.
    """

    line_id: Text
    obligation_key: Text
    product_code: Text
    quantity: Quantity
    amount_minor: Minor
    ssp_minor: Minor | None = None
    service_start_date: date
    service_end_date: date | None = None
    price_ref: Text | None = None
    usage_meter: Text | None = None
    unit_price_minor: Quantity | None = None
    included_quantity: Quantity = Decimal(0)

    @model_validator(mode="after")
    def _ends_after_start(self) -> Self:
        if self.service_end_date is not None and self.service_end_date < self.service_start_date:
            raise ValueError("service_end_date lies before service_start_date")
        return self


class ContractEvent(Envelope):
    """Terms of a contract from `effective_date` on; an amendment restates all lines."""

    event_type: Literal[
        "contract.signed", "contract.amended", "contract.renewed", "contract.terminated"
    ]
    contract_id: Text
    contract_version: Annotated[int, Field(ge=1, le=2**31 - 1)]
    customer_id: Text
    currency_code: Currency
    signed_date: date
    effective_date: date
    end_date: date | None = None
    term_months: Annotated[int, Field(ge=1, le=1200)] | None = None
    replaces_contract_id: Text | None = None
    supersedes_from_date: date | None = None
    refund_minor: PositiveMinor = 0
    lines: tuple[ContractLine, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        terminated = self.event_type == "contract.terminated"
        if self.end_date is not None and self.end_date < self.effective_date and not terminated:
            raise ValueError("end_date lies before effective_date")
        if bool(self.lines) == terminated:
            raise ValueError("a termination has no lines, every other contract event has some")
        if len({line.line_id for line in self.lines}) != len(self.lines):
            raise ValueError("two lines share a line_id")
        return self


class EntitlementEvent(Envelope):
    """The right of a customer to use a meter, from `from_date` to `to_date` (None: open)."""

    event_type: Literal["entitlement.granted", "entitlement.changed", "entitlement.revoked"]
    contract_id: Text
    line_id: Text
    customer_id: Text
    meter: Text
    from_date: date
    to_date: date | None = None
    is_trial: bool = False


class InvoiceLine(_Strict):
    """A line of an invoice: `amount_minor` excludes `tax_minor`; negative credits."""

    invoice_line_id: Text
    contract_line_id: Text | None = None
    product_code: Text | None = None
    quantity: Quantity | None = None
    amount_minor: Minor
    tax_minor: Minor = 0
    period_start_date: date | None = None
    period_end_date: date | None = None
    price_ref: Text | None = None
    is_proration: bool = False


class InvoiceEvent(Envelope):
    """An invoice became, or ceased to be, an accounting document."""

    event_type: Literal["invoice.posted", "invoice.voided", "invoice.uncollectible"]
    invoice_id: Text
    invoice_number: Text | None = None
    contract_id: Text | None = None
    customer_id: Text
    currency_code: Currency
    issued_date: date
    due_date: date | None = None
    lines: tuple[InvoiceLine, ...] = ()


class UsageEvent(Envelope):
    """One measured use. `usage_date` is `usage_at` in the entity's accounting time zone."""

    event_type: Literal["usage.recorded"] = "usage.recorded"
    usage_id: Text
    customer_id: Text
    contract_id: Text | None = None
    meter: Text
    quantity: Quantity
    usage_at: AwareDatetime
    usage_date: date
    is_collision: bool = False


class CreditEvent(Envelope):
    """A credit note: positive amounts lower what the customer owes; `amount_minor` excludes tax."""

    event_type: Literal["credit.issued", "credit.voided"]
    credit_id: Text
    invoice_id: Text | None = None
    contract_id: Text | None = None
    customer_id: Text
    currency_code: Currency
    issued_date: date
    cause: CreditCause | None = None
    amount_minor: PositiveMinor
    tax_minor: PositiveMinor = 0


class PaymentEvent(Envelope):
    """Money received or given back, tax included; the event type gives the direction."""

    event_type: Literal["payment.settled", "payment.refunded"]
    payment_id: Text
    invoice_id: Text | None = None
    contract_id: Text | None = None
    customer_id: Text
    currency_code: Currency
    paid_date: date
    amount_minor: PositiveMinor


class FulfilmentEvent(Envelope):
    """Control of a promise passed to the customer on `fulfilled_date`."""

    event_type: Literal["fulfilment.delivered", "fulfilment.accepted"]
    fulfilment_id: Text
    contract_id: Text
    line_id: Text
    fulfilled_date: date
    quantity: Quantity = Decimal(1)


CanonicalEvent = (
    ContractEvent
    | EntitlementEvent
    | InvoiceEvent
    | UsageEvent
    | CreditEvent
    | PaymentEvent
    | FulfilmentEvent
)

# Not part of an event's meaning: two observations that differ only here are one event.
_NOT_CONTENT = {"source_version", "recorded_at", "schema_version", "adapter_version"}
_NOT_CONTENT_EITHER = {"source_system", "source_object", "source_id"}  # hashed by event_id


def content_version(event: CanonicalEvent) -> str:
    """The source's own version, or the hash (32 hex digits) of what the event says."""
    if event.source_version is not None:
        return event.source_version
    content = event.model_dump(exclude=_NOT_CONTENT | _NOT_CONTENT_EITHER)
    text = json.dumps(_plain(content), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def event_id(event: CanonicalEvent, tenant: str) -> str:
    """Identity of an event: hash (32 hex digits) of source, tenant, object and version."""
    parts = (
        event.source_system,
        tenant,
        event.source_object,
        event.source_id,
        content_version(event),
    )
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Decimal):
        text = format(value, "f")  # normalize() would round to the context's precision
        return (text.rstrip("0").rstrip(".") if "." in text else text) if value else "0"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return value
