"""Canonical events: strict, frozen, and exactly the columns of schema `canonical`.

Money is integer minor units of `currency_code` beside it, quantities are exact decimals, dates are
inclusive. A float, NaN, unknown field or text that cannot be stored is refused.

`known_seq`, `inbox_id`, `payload_hash` and `raw_uri` are added by the writer from the inbox row.
"""

import hashlib
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

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
Rate = Annotated[Decimal, Field(max_digits=20, decimal_places=10, allow_inf_nan=False)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
CreditCause = Literal[
    "modification", "concession", "billing_error", "goodwill", "bad_debt", "dispute"
]


RecognitionMethod = Literal[
    "ratable_daily",
    "ratable_monthly",
    "point_in_time",
    "usage",
    "percent_complete",
    "milestone",
    "prepaid_drawdown",
]
ComponentKind = Literal[
    "bonus", "penalty", "rebate", "price_concession", "royalty", "returns", "usage"
]


def _younger(_: dict[str, Any]) -> None:
    """Marks a field and adds nothing to its JSON Schema."""


def _later(default: object = None) -> Any:
    """A field younger than the first events.

    While it says nothing it is no part of the content, so that an observation made before the field
    existed is still the same event.
    """
    return Field(default=default, json_schema_extra=_younger)


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
    price of one term when the event has `term_months`. Amounts are in `line_currency_code`, by
    default the contract's. Of a line that is `changed` only what changes is given, of one that is
    `removed` nothing. `recognition_method` None: as the product's policy says.
    """

    line_id: Text
    obligation_key: Text
    product_code: Text
    quantity: Quantity | None = None
    amount_minor: Minor | None = None
    ssp_minor: Minor | None = None
    service_start_date: date | None = None
    service_end_date: date | None = None
    price_ref: Text | None = None
    usage_meter: Text | None = None
    unit_price_minor: Quantity | None = None
    included_quantity: Quantity = Decimal(0)
    line_action: Literal["stated", "added", "changed", "removed"] = _later("stated")
    line_kind: Literal["good_or_service", "fee", "discount", "option"] = _later("good_or_service")
    line_currency_code: Currency | None = _later()
    recognition_method: RecognitionMethod | None = _later()
    ssp_basis: Text | None = _later()
    ssp_low_minor: Minor | None = _later()
    ssp_high_minor: Minor | None = _later()
    unit_cost_minor: Quantity | None = _later()
    performing_entity_id: Text | None = _later()
    is_agent: bool = _later(default=False)
    commission_rate: Rate | None = _later()
    is_capable_of_being_distinct: bool | None = _later()
    is_separately_identifiable: bool | None = _later()
    combines_with: tuple[Text, ...] | None = _later()
    royalty_rate: Rate | None = _later()
    minimum_per_quarter_minor: Minor | None = _later()
    units_purchased: Quantity | None = _later()
    expected_units: Quantity | None = _later()
    breakage: Literal["proportional", "at_expiry"] | None = _later()
    expires_date: date | None = _later()
    progress_measure: Literal["cost_to_cost", "output", "milestones"] | None = _later()
    expected_costs_minor: Minor | None = _later()
    option_measurement: Literal["ssp_of_option", "practical_alternative"] | None = _later()
    option_discount_rate: Rate | None = _later()
    option_general_discount_rate: Rate | None = _later()
    option_expected_purchase_minor: Minor | None = _later()
    option_exercise_probability: Rate | None = _later()
    option_exercise_price_minor: Minor | None = _later()
    option_target_ssp_minor: Minor | None = _later()
    renewals_expected: Quantity | None = _later()
    renewal_price_minor: Minor | None = _later()
    renewal_periods: tuple[Text, ...] | None = _later()
    renewal_probabilities: tuple[Rate, ...] | None = _later()
    renewal_considerations_minor: tuple[Minor, ...] | None = _later()
    renewal_costs_minor: tuple[Minor | None, ...] | None = _later()
    remaining_amount_minor: Minor | None = _later()
    remaining_ssp_minor: Minor | None = _later()
    is_excluded_from_rpo: bool = _later(default=False)

    @model_validator(mode="after")
    def _says_enough(self) -> Self:
        start, end = self.service_start_date, self.service_end_date
        if start is not None and end is not None and end < start:
            raise ValueError("service_end_date lies before service_start_date")
        if self.line_action in {"stated", "added"}:
            if self.quantity is None or self.amount_minor is None:
                raise ValueError("a line that is stated or added has a quantity and an amount")
            if start is None and (self.recognition_method or "").startswith("ratable"):
                raise ValueError("a line recognised over time has a service_start_date")
        return self


class PriceComponent(_Strict):
    """Consideration of a contract that depends on what happens.

    `estimate_minor` is what the price includes after the constraint. `allocate_to` names the
    obligation keys it belongs to, None: all. Outcomes and tiers are parallel lists; the last tier
    may have no upper end.
    """

    component_id: Text
    component_kind: ComponentKind
    potential_minor: Minor | None = None
    estimate_minor: Minor | None = None
    method: Literal["expected_value", "most_likely", "constrained", "not_estimated"] | None = None
    outcome_amounts_minor: tuple[Minor, ...] | None = None
    outcome_probabilities: tuple[Rate, ...] | None = None
    allocate_to: tuple[Text, ...] | None = None
    threshold_quantity: Quantity | None = None
    unit_price_after_minor: Quantity | None = None
    tier_up_to: tuple[Quantity | None, ...] | None = None
    tier_unit_prices_minor: tuple[Quantity, ...] | None = None
    expected_quantity: Quantity | None = None
    expected_returns: Quantity | None = None

    @model_validator(mode="after")
    def _parallel(self) -> Self:
        for one, other, name in (
            (self.outcome_amounts_minor, self.outcome_probabilities, "outcomes"),
            (self.tier_up_to, self.tier_unit_prices_minor, "tiers"),
        ):
            if len(one or ()) != len(other or ()):
                raise ValueError(f"{name} are not parallel lists")
        return self


class ContractEvent(Envelope):
    """Terms of a contract from `effective_date` on.

    `change_basis` restated: the lines are all lines on the new terms; delta: only those that are
    added, changed or removed, possibly none. None in a term means: the source does not say.
    """

    event_type: Literal[
        "contract.signed",
        "contract.amended",
        "contract.renewed",
        "contract.terminated",
        "contract.option_exercised",
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
    change_basis: Literal["restated", "delta"] = _later("restated")
    modification_id: Text | None = _later()
    classification: Literal["separate_contract", "prospective", "cumulative_catch_up"] | None = (
        _later()
    )
    adds_distinct: bool | None = _later()
    added_at_ssp: bool | None = _later()
    remaining_distinct: bool | None = _later()
    consideration_change_minor: Minor | None = _later()
    price_credit_minor: PositiveMinor | None = _later()
    price_credit_relates_to: Literal["delivered", "undelivered"] | None = _later()
    expected_costs_minor: Minor | None = _later()
    exercised_line_id: Text | None = _later()
    combined_with: tuple[Text, ...] | None = _later()
    is_collection_probable: bool | None = _later()
    is_cancellable: bool | None = _later()
    contract_count: Quantity | None = _later()
    financing_rate: Rate | None = _later()
    financing_compounding: Literal["annual", "monthly"] | None = _later()
    cash_selling_price_minor: Minor | None = _later()
    financing_instalments: Quantity | None = _later()
    financing_instalment_minor: Minor | None = _later()
    payable_minor: Minor | None = _later()
    payable_date: date | None = _later()
    payable_is_for_distinct_good: bool | None = _later()
    payable_expected_sales_minor: Minor | None = _later()
    discount_obligations: tuple[Text, ...] | None = _later()
    repurchase_kind: Literal["call_option", "put_option"] | None = _later()
    repurchase_price_minor: Minor | None = _later()
    repurchase_until_date: date | None = _later()
    return_right_until_date: date | None = _later()
    initiated_by: Literal["customer", "entity"] | None = _later()
    price_components: tuple[PriceComponent, ...] = _later(())

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        terminated = self.event_type == "contract.terminated"
        if self.end_date is not None and self.end_date < self.effective_date and not terminated:
            raise ValueError("end_date lies before effective_date")
        if len({line.line_id for line in self.lines}) != len(self.lines):
            raise ValueError("two lines share a line_id")
        components = {component.component_id for component in self.price_components}
        if len(components) != len(self.price_components):
            raise ValueError("two price components share a component_id")
        if self.change_basis == "restated":
            if bool(self.lines) == terminated:
                raise ValueError(
                    "a termination has no lines, every other restated contract event has some"
                )
            if any(line.line_action != "stated" for line in self.lines):
                raise ValueError("a restated contract states its lines")
        else:
            if self.event_type not in {"contract.amended", "contract.option_exercised"}:
                raise ValueError("only an amendment or an exercised option tells a difference")
            if any(line.line_action == "stated" for line in self.lines):
                raise ValueError("a difference adds, changes or removes lines")
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
    """One measured use. `usage_date` is `usage_at` in the entity's accounting time zone.

    `customer_sales_minor`: what the customer sold, for a royalty.
    """

    event_type: Literal["usage.recorded"] = "usage.recorded"
    usage_id: Text
    customer_id: Text
    contract_id: Text | None = None
    meter: Text
    quantity: Quantity
    usage_at: AwareDatetime
    usage_date: date
    is_collision: bool = False
    line_id: Text | None = _later()
    period_start_date: date | None = _later()
    period_end_date: date | None = _later()
    customer_sales_minor: Minor | None = _later()


class CreditLine(_Strict):
    """What a credit note credits: `amount_minor` excludes `tax_minor`; positive lowers the debt."""

    contract_line_id: Text | None = None
    amount_minor: Minor
    tax_minor: Minor = 0
    period_start_date: date | None = None
    period_end_date: date | None = None


class CreditSettlement(_Strict):
    """Where a part of a credit note goes, tax included."""

    settle_to: Literal["reduce_receivable", "customer_credit", "refund", "external"]
    amount_minor: Minor


class CreditEvent(Envelope):
    """A credit note: positive amounts lower what the customer owes; `amount_minor` excludes tax.

    Without `settlements` all of it comes off the receivable.
    """

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
    lines: tuple[CreditLine, ...] = _later(())
    settlements: tuple[CreditSettlement, ...] = _later(())


class PaymentEvent(Envelope):
    """Money moved, withheld or given up, tax included; the event type gives the direction.

    `related_id`: of a refund the credit note, of a dispute the payment, of its close the dispute,
    of a recovery the write-off. Only the close of a dispute may leave out who and how much.
    """

    event_type: Literal[
        "payment.settled",
        "payment.refunded",
        "credit.applied",
        "dispute.opened",
        "dispute.won",
        "dispute.lost",
        "receivable.written_off",
        "receivable.recovered",
    ]
    payment_id: Text
    invoice_id: Text | None = None
    contract_id: Text | None = None
    customer_id: Text | None = None
    currency_code: Currency | None = None
    paid_date: date
    amount_minor: PositiveMinor | None = None
    related_id: Text | None = _later()

    @model_validator(mode="after")
    def _says_who_and_how_much(self) -> Self:
        if self.event_type not in {"dispute.won", "dispute.lost"} and (
            self.customer_id is None or self.currency_code is None or self.amount_minor is None
        ):
            raise ValueError("customer_id, currency_code and amount_minor are needed")
        return self


class FulfilmentEvent(Envelope):
    """Control of a promise passed to the customer on `fulfilled_date`.

    How much: `quantity` units, or goods of the stated price `amount_minor`; neither: all of it.
    """

    event_type: Literal["fulfilment.delivered", "fulfilment.accepted"]
    fulfilment_id: Text
    contract_id: Text
    line_id: Text
    fulfilled_date: date
    quantity: Quantity | None = Decimal(1)
    amount_minor: Minor | None = _later()


class EstimateEvent(Envelope):
    """What is now expected or reported of a contract, from `effective_date` on.

    Figures are totals to date or to the end, never increments.
    """

    event_type: Literal[
        "estimate.variable",
        "estimate.breakage",
        "progress.reported",
        "collectability.reassessed",
        "right.lapsed",
    ]
    contract_id: Text
    effective_date: date
    line_id: Text | None = None
    component_id: Text | None = None
    estimate_minor: Minor | None = None
    expected_quantity: Quantity | None = None
    expected_units: Quantity | None = None
    costs_to_date_minor: Minor | None = None
    expected_costs_minor: Minor | None = None
    uninstalled_costs_minor: Minor | None = None
    percent_complete: Rate | None = None
    milestone: Text | None = None
    is_collection_probable: bool | None = None
    lapsed_right: Literal["return", "option", "repurchase", "prepaid_units"] | None = None
    reason: Text | None = None


class FxRateEvent(Envelope):
    """`rate` units of `quote_currency_code` for one of `base_currency_code` on `rate_date`."""

    event_type: Literal["fx_rate.published"] = "fx_rate.published"
    rate_date: date
    base_currency_code: Currency
    quote_currency_code: Currency
    rate: Annotated[Rate, Field(gt=0)]
    rate_kind: Literal["spot", "closing"]


class BalanceEvent(Envelope):
    """What the books held at the end of `balance_date`: debit positive, credit negative."""

    event_type: Literal["balance.opened"] = "balance.opened"
    balance_date: date
    account_role: Text
    currency_code: Currency
    amount_minor: Minor


CanonicalEvent = (
    ContractEvent
    | EntitlementEvent
    | InvoiceEvent
    | UsageEvent
    | CreditEvent
    | PaymentEvent
    | FulfilmentEvent
    | EstimateEvent
    | FxRateEvent
    | BalanceEvent
)

# Not part of an event's meaning: two observations that differ only here are one event.
_NOT_CONTENT = {"source_version", "recorded_at", "schema_version", "adapter_version"}
_NOT_CONTENT_EITHER = {"source_system", "source_object", "source_id"}  # hashed by event_id


def content_version(event: CanonicalEvent) -> str:
    """The source's own version, or the hash (32 hex digits) of what the event says."""
    if event.source_version is not None:
        return event.source_version
    content = _plain(event)
    assert isinstance(content, dict)
    for name in _NOT_CONTENT | _NOT_CONTENT_EITHER:
        content.pop(name, None)
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
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
    if isinstance(value, BaseModel):
        return {
            name: _plain(getattr(value, name))
            for name, field in type(value).model_fields.items()
            if field.json_schema_extra is not _younger or getattr(value, name) != field.default
        }
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
