"""What is delivered, used, reached, expected or lapses."""

from collections.abc import Iterator
from decimal import Decimal

from revenue_pipeline.canonical.models import (
    CanonicalEvent,
    EstimateEvent,
    FulfilmentEvent,
    UsageEvent,
)
from revenue_pipeline.domain.money import parse_decimal, parse_money
from revenue_pipeline.sources.cases.amounts import maybe_decimal, maybe_minor
from revenue_pipeline.sources.cases.envelope import Told
from revenue_pipeline.sources.cases.records import (
    BreakageEstimated,
    CollectabilityReassessed,
    FulfilmentRecorded,
    ProgressReported,
    RightLapsed,
    UsageReported,
    VariableEstimated,
)
from revenue_pipeline.sources.context import TranslationError


def usage_reported(data: UsageReported, told: Told) -> Iterator[CanonicalEvent]:
    """Units used, or what the customer sold; every line is a meter of its own."""
    if data.quantity is None and data.customer_sales is None:
        raise TranslationError("SCHEMA", "usage: neither quantity nor customer_sales")
    contract = told.references.contract(data.contract_id)
    yield UsageEvent(
        **told.envelope(contract.entity_id),
        usage_id=data.usage_id,
        customer_id=contract.customer_id,
        contract_id=data.contract_id,
        meter=data.line_id,
        quantity=maybe_decimal(data.quantity) or Decimal(0),
        usage_at=told.moment,
        usage_date=told.day,
        line_id=data.line_id,
        period_start_date=data.period_start,
        period_end_date=data.period_end,
        customer_sales_minor=(
            None if data.customer_sales is None else parse_money(data.customer_sales)[0]
        ),
    )


def fulfilment_recorded(data: FulfilmentRecorded, told: Told) -> Iterator[CanonicalEvent]:
    """Control passes."""
    contract = told.references.contract(data.contract_id)
    yield FulfilmentEvent(
        **told.envelope(contract.entity_id),
        event_type="fulfilment.delivered",
        fulfilment_id=data.fulfilment_id,
        contract_id=data.contract_id,
        line_id=data.line_id,
        fulfilled_date=told.day,
        quantity=maybe_decimal(data.quantity),
        amount_minor=None if data.amount is None else parse_money(data.amount)[0],
    )


def progress_reported(data: ProgressReported, told: Told) -> Iterator[CanonicalEvent]:
    """Cumulative costs or percentage."""
    contract = told.references.contract(data.contract_id)
    code = contract.currency
    yield EstimateEvent(
        **told.envelope(contract.entity_id),
        event_type="progress.reported",
        contract_id=data.contract_id,
        effective_date=told.day,
        line_id=data.line_id,
        costs_to_date_minor=maybe_minor(data.costs_to_date, code, "costs_to_date"),
        expected_costs_minor=maybe_minor(data.total_expected_costs, code, "total_expected_costs"),
        uninstalled_costs_minor=maybe_minor(data.uninstalled_costs, code, "uninstalled_costs"),
        percent_complete=maybe_decimal(data.percent_complete),
        milestone=data.milestone,
    )


def variable_estimated(data: VariableEstimated, told: Told) -> Iterator[CanonicalEvent]:
    """A new estimate, or a new expected quantity."""
    contract = told.references.contract(data.contract_id)
    yield EstimateEvent(
        **told.envelope(contract.entity_id),
        event_type="estimate.variable",
        contract_id=data.contract_id,
        effective_date=told.day,
        component_id=data.vc_id,
        estimate_minor=maybe_minor(data.estimate, contract.currency, "estimate"),
        expected_quantity=maybe_decimal(data.expected_quantity),
        reason=data.reason,
    )


def breakage_estimated(data: BreakageEstimated, told: Told) -> Iterator[CanonicalEvent]:
    """A new number of units expected to be used."""
    contract = told.references.contract(data.contract_id)
    yield EstimateEvent(
        **told.envelope(contract.entity_id),
        event_type="estimate.breakage",
        contract_id=data.contract_id,
        effective_date=told.day,
        line_id=data.line_id,
        expected_units=parse_decimal(data.expected_units_used),
    )


def right_lapsed(data: RightLapsed, told: Told) -> Iterator[CanonicalEvent]:
    """A right ends unused."""
    contract = told.references.contract(data.contract_id)
    yield EstimateEvent(
        **told.envelope(contract.entity_id),
        event_type="right.lapsed",
        contract_id=data.contract_id,
        effective_date=told.day,
        line_id=data.line_id,
        lapsed_right=data.right,
    )


def collectability_reassessed(
    data: CollectabilityReassessed, told: Told
) -> Iterator[CanonicalEvent]:
    """Collection has become probable or improbable."""
    contract = told.references.contract(data.contract_id)
    yield EstimateEvent(
        **told.envelope(contract.entity_id),
        event_type="collectability.reassessed",
        contract_id=data.contract_id,
        effective_date=told.day,
        is_collection_probable=data.probable,
        reason=data.reason,
    )
