"""The events of an acceptance case as strict models; every number is text, never a float.

The names are those of the cases' own schema. What a case leaves out is None.
"""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from revenue_pipeline.sources.jsonlines import StrictModel

Ident = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$", max_length=200)]
Text = Annotated[str, Field(min_length=1, max_length=500)]
Money = Annotated[str, Field(pattern=r"^-?[0-9]+(\.[0-9]{1,6})? [A-Z]{3}$", max_length=60)]
Exact = Annotated[str, Field(pattern=r"^-?[0-9]+(\.[0-9]+)?$", max_length=60)]
CurrencyCode = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class Event(StrictModel):
    """What every event says. `data` is read by the model of its `type`."""

    id: Ident
    type: Text
    occurred_on: date


class Range(StrictModel):
    """Observed prices of a promise."""

    low: Money
    high: Money


class Distinct(StrictModel):
    """Facts that decide whether a line is an obligation of its own."""

    capable_of_being_distinct: bool
    separately_identifiable: bool
    combines_with: tuple[Ident, ...] | None = None


class UsageTerms(StrictModel):
    """How use, or what the customer sells, is priced."""

    unit: Text | None = None
    unit_price: Money | None = None
    included_quantity: Exact | None = None
    royalty_rate: Exact | None = None
    minimum_per_quarter: Money | None = None


class DrawdownTerms(StrictModel):
    """Units paid in advance."""

    units_purchased: Exact
    expires_on: date | None = None
    expected_units_used: Exact | None = None
    breakage: Literal["proportional", "at_expiry"]


class ProgressTerms(StrictModel):
    """How progress is measured."""

    measure: Literal["cost_to_cost", "output", "milestones"] | None = None
    total_expected_costs: Money | None = None


class OptionTerms(StrictModel):
    """A right to buy more."""

    expires_on: date | None = None
    discount_rate: Exact | None = None
    general_discount_rate: Exact | None = None
    expected_purchase: Money | None = None
    exercise_probability: Exact | None = None
    exercise_price: Money | None = None
    target_ssp: Money | None = None
    measurement: Literal["ssp_of_option", "practical_alternative"] | None = None


class RenewalPeriod(StrictModel):
    """A renewal that is expected, and how likely."""

    period: Text
    probability: Exact
    consideration: Money
    expected_cost: Money | None = None


class RenewalTerms(StrictModel):
    """Renewals treated as part of the contract."""

    renewals_expected: Exact | None = None
    renewal_price: Money | None = None
    periods: tuple[RenewalPeriod, ...] | None = None


class Line(StrictModel):
    """A line of a contract; `amount` and `ssp` are for the whole quantity and term."""

    line_id: Ident
    product: Text
    kind: Literal["good_or_service", "fee", "discount", "option"]
    performance_obligation: Ident | None = None
    quantity: Exact | None = None
    unit_price: Money | None = None
    unit_cost: Money | None = None
    amount: Money
    ssp: Money | None = None
    ssp_basis: Text | None = None
    ssp_range: Range | None = None
    method: (
        Literal[
            "ratable_daily",
            "ratable_monthly",
            "point_in_time",
            "usage",
            "percent_complete",
            "milestone",
            "prepaid_drawdown",
        ]
        | None
    ) = None
    start_date: date | None = None
    end_date: date | None = None
    entity_id: Ident | None = None
    role: Literal["principal", "agent"] | None = None
    agent_commission_rate: Exact | None = None
    distinct: Distinct | None = None
    usage_terms: UsageTerms | None = None
    drawdown_terms: DrawdownTerms | None = None
    progress_terms: ProgressTerms | None = None
    option_terms: OptionTerms | None = None
    renewal_terms: RenewalTerms | None = None
    billing_excluded_from_rpo: bool | None = None


class Outcome(StrictModel):
    """A possible amount and how likely it is."""

    amount: Money
    probability: Exact


class Tier(StrictModel):
    """Price of a unit up to a quantity; None: no upper end."""

    up_to: Exact | None = None
    unit_price: Money


class Variable(StrictModel):
    """Consideration that depends on what happens."""

    vc_id: Ident
    kind: Literal["bonus", "penalty", "rebate", "price_concession", "royalty", "returns", "usage"]
    potential: Money | None = None
    estimate: Money | None = None
    method: Literal["expected_value", "most_likely", "constrained", "not_estimated"] | None = None
    outcomes: tuple[Outcome, ...] | None = None
    allocate_to: Literal["all"] | tuple[Ident, ...] | None = None
    threshold_quantity: Exact | None = None
    unit_price_after: Money | None = None
    tiers: tuple[Tier, ...] | None = None
    expected_quantity: Exact | None = None
    expected_returns: Exact | None = None


class Payable(StrictModel):
    """Consideration payable to the customer."""

    amount: Money
    paid_on: date
    distinct_good_received: bool
    expected_total_sales: Money


class Financing(StrictModel):
    """A financing component; only a significant one counts."""

    significant: bool
    annual_rate: Exact | None = None
    compounding: Literal["annual", "monthly"] | None = None
    cash_selling_price: Money | None = None
    instalments: Exact | None = None
    instalment: Money | None = None


class DiscountAllocation(StrictModel):
    """The obligations a discount belongs to."""

    to: tuple[Ident, ...]
    evidence: Text


class Repurchase(StrictModel):
    """A right or duty to buy the asset back."""

    kind: Literal["call_option", "put_option"]
    price: Money
    until: date


class ContractSigned(StrictModel):
    """A contract with its lines."""

    contract_id: Ident
    customer_id: Ident
    entity_id: Ident | None = None
    currency: CurrencyCode
    functional_currency: CurrencyCode | None = None
    start_date: date | None = None
    end_date: date | None = None
    cancellable: bool | None = None
    collectability_probable: bool | None = None
    combined_with: tuple[Ident, ...] | None = None
    contract_count: Exact | None = None
    lines: tuple[Line, ...]
    variable_consideration: tuple[Variable, ...] | None = None
    consideration_payable: Payable | None = None
    financing: Financing | None = None
    discount_allocation: DiscountAllocation | None = None
    repurchase: Repurchase | None = None
    right_of_return_until: date | None = None


class Facts(StrictModel):
    """What classifies a change."""

    adds_distinct: bool | None = None
    added_at_ssp: bool | None = None
    remaining_distinct: bool | None = None


class LineChange(StrictModel):
    """What becomes of a line."""

    line_id: Ident
    quantity: Exact | None = None
    unit_price: Money | None = None
    amount: Money | None = None
    end_date: date | None = None
    remaining_amount: Money | None = None
    remaining_ssp: Money | None = None
    ssp: Money | None = None


class PriceCredit(StrictModel):
    """A credit given with a change."""

    amount: Money
    relates_to: Literal["delivered", "undelivered"]


class ContractModified(StrictModel):
    """A change, told as a difference."""

    contract_id: Ident
    modification_id: Ident
    effective_date: date
    classification: Literal["separate_contract", "prospective", "cumulative_catch_up"] | None = None
    facts: Facts | None = None
    add_lines: tuple[Line, ...] = ()
    remove_lines: tuple[Ident, ...] = ()
    change_lines: tuple[LineChange, ...] = ()
    consideration_change: Money | None = None
    total_expected_costs: Money | None = None
    variable_consideration: tuple[Variable, ...] | None = None
    price_credit: PriceCredit | None = None


class ContractTerminated(StrictModel):
    """Service ends the day before."""

    contract_id: Ident
    effective_date: date
    refund_due: Money
    initiated_by: Literal["customer", "entity"] | None = None


class RenewalFacts(StrictModel):
    """What classifies a renewal."""

    priced_at_ssp: bool | None = None
    remaining_distinct: bool | None = None


class ContractRenewed(StrictModel):
    """A new contract that follows another."""

    contract_id: Ident
    new_contract_id: Ident
    start_date: date
    end_date: date
    supersedes_prior_from: date | None = None
    facts: RenewalFacts | None = None
    lines: tuple[Line, ...]


class OptionExercised(StrictModel):
    """The customer uses an option line."""

    contract_id: Ident
    line_id: Ident
    add_lines: tuple[Line, ...]


class DocumentLine(StrictModel):
    """A line of an invoice or credit note, tax apart."""

    line_id: Ident
    description: Text | None = None
    amount: Money
    tax: Money | None = None
    service_start: date | None = None
    service_end: date | None = None


class InvoiceIssued(StrictModel):
    """An invoice; `total` includes tax."""

    invoice_id: Ident
    contract_id: Ident
    entity_id: Ident | None = None
    due_date: date | None = None
    lines: tuple[DocumentLine, ...]
    total: Money


class InvoiceVoided(StrictModel):
    """The whole invoice is taken back."""

    invoice_id: Ident


class PaymentReceived(StrictModel):
    """Cash in."""

    payment_id: Ident
    amount: Money
    invoice_id: Ident | None = None
    contract_id: Ident | None = None
    customer_id: Ident | None = None


class Settlement(StrictModel):
    """Where a part of a credit goes."""

    to: Literal["reduce_receivable", "customer_credit", "refund", "external"]
    amount: Money


class CreditNoteIssued(StrictModel):
    """A credit note; `total` includes tax."""

    credit_note_id: Ident
    invoice_id: Ident
    contract_id: Ident
    lines: tuple[DocumentLine, ...]
    total: Money
    settlements: tuple[Settlement, ...]
    reason: Text | None = None


class CustomerCreditApplied(StrictModel):
    """Customer credit used on an invoice."""

    application_id: Ident
    invoice_id: Ident
    amount: Money


class RefundPaid(StrictModel):
    """Cash out."""

    refund_id: Ident
    amount: Money
    credit_note_id: Ident | None = None
    customer_id: Ident | None = None


class UsageReported(StrictModel):
    """Units used, or what the customer sold."""

    usage_id: Ident
    contract_id: Ident
    line_id: Ident
    period_start: date
    period_end: date
    quantity: Exact | None = None
    customer_sales: Money | None = None


class FulfilmentRecorded(StrictModel):
    """Control passes: of the line, of units, or of goods of a stated price."""

    fulfilment_id: Ident
    contract_id: Ident
    line_id: Ident
    quantity: Exact | None = None
    amount: Money | None = None


class ProgressReported(StrictModel):
    """Cumulative costs or percentage."""

    contract_id: Ident
    line_id: Ident
    costs_to_date: Money | None = None
    total_expected_costs: Money | None = None
    uninstalled_costs: Money | None = None
    percent_complete: Exact | None = None
    milestone: Text | None = None


class VariableEstimated(StrictModel):
    """A new estimate of variable consideration."""

    contract_id: Ident
    vc_id: Ident
    estimate: Money | None = None
    expected_quantity: Exact | None = None
    reason: Text | None = None


class BreakageEstimated(StrictModel):
    """A new number of units expected to be used."""

    contract_id: Ident
    line_id: Ident
    expected_units_used: Exact


class RightLapsed(StrictModel):
    """A right ends unused."""

    contract_id: Ident
    right: Literal["return", "option", "repurchase", "prepaid_units"]
    line_id: Ident | None = None


class DisputeOpened(StrictModel):
    """Cash of a payment is withdrawn."""

    dispute_id: Ident
    payment_id: Ident
    amount: Money


class DisputeClosed(StrictModel):
    """It comes back, or does not."""

    dispute_id: Ident
    outcome: Literal["won", "lost"]


class WrittenOff(StrictModel):
    """A receivable is given up."""

    write_off_id: Ident
    invoice_id: Ident
    amount: Money


class RecoveryReceived(StrictModel):
    """Cash on a receivable that was given up."""

    recovery_id: Ident
    write_off_id: Ident
    amount: Money


class CollectabilityReassessed(StrictModel):
    """Collection has become probable or improbable."""

    contract_id: Ident
    probable: bool
    reason: Text | None = None


class RatePublished(StrictModel):
    """An exchange rate: units of `quote` per unit of `base`."""

    date: date
    base: CurrencyCode
    quote: CurrencyCode
    rate: Exact
    kind: Literal["spot", "closing"]


class OpeningBalances(StrictModel):
    """Balances before the first event, on the natural side of each account."""

    balances: dict[str, Money]
