"""Credit notes and refunds."""

from datetime import datetime
from typing import cast, get_args

from revenue_pipeline.canonical.models import CreditCause, CreditEvent, PaymentEvent
from revenue_pipeline.sources.context import TranslationError, local_date
from revenue_pipeline.sources.entities import Entity
from revenue_pipeline.sources.stripe.fields import Fields
from revenue_pipeline.sources.stripe.meaning import Meaning, currency_of, envelope

_CAUSES = set(get_args(CreditCause))
_CAUSE_OF_REASON: dict[str, CreditCause] = {
    "order_change": "modification",
    "product_unsatisfactory": "concession",
    "duplicate": "billing_error",
    "fraudulent": "billing_error",
}
UNKNOWN_CUSTOMER = "unknown"
_NO_MONEY_YET = {"pending", "requires_action", "failed", "canceled"}


def credit_note(fields: Fields, entity: Entity) -> Meaning:
    """An issued credit note; a void one was issued first."""
    status = fields.text("status")
    if status not in {"issued", "void"}:
        raise TranslationError("UNKNOWN_ENUM", f"credit note status {status[:60]!r}")
    created = fields.instant("created")
    issued = _credit(
        fields, "credit.issued", fields.maybe_instant("effective_at") or created, created, entity
    )
    if status == "issued":
        return Meaning((issued,))
    voided_at = fields.maybe_instant("voided_at") or issued.occurred_at
    voided = _credit(fields, "credit.voided", voided_at, voided_at, entity)
    return Meaning((issued, voided))


def refund(fields: Fields, entity: Entity) -> Meaning:
    """Money given back; a refund that is under way or has failed moved none."""
    status = fields.maybe_text("status") or "succeeded"  # null in the oldest API versions
    if status in _NO_MONEY_YET:
        return Meaning(note=f"{status} refund: no money moved")
    if status != "succeeded":
        raise TranslationError("UNKNOWN_ENUM", f"refund status {status[:60]!r}")
    code = currency_of(fields)
    refund_id = fields.text("id")
    created = fields.instant("created")
    amount = fields.minor("amount", code)
    event = PaymentEvent(
        **envelope("payment.refunded", refund_id, created, created, entity),
        event_type="payment.refunded",
        payment_id=refund_id,
        invoice_id=fields.metadata("invoice_id"),
        contract_id=fields.metadata("contract_id"),
        customer_id=(
            fields.maybe_reference("customer") or fields.metadata("customer_id") or UNKNOWN_CUSTOMER
        ),
        currency_code=code,
        paid_date=local_date(created, entity),
        amount_minor=amount,
    )
    return Meaning((event,))


def _credit(
    fields: Fields, event_type: str, moment: datetime, recorded: datetime, entity: Entity
) -> CreditEvent:
    code = currency_of(fields)
    amount, tax = _amounts(fields, code)
    credit_id = fields.text("id")
    # The void counts on its own day, as if a debit note had been written.
    return CreditEvent(
        **envelope(event_type, credit_id, moment, recorded, entity),
        event_type="credit.issued" if event_type == "credit.issued" else "credit.voided",
        credit_id=credit_id,
        invoice_id=fields.maybe_reference("invoice"),
        contract_id=fields.metadata("contract_id"),
        customer_id=fields.reference("customer"),
        currency_code=code,
        issued_date=local_date(moment, entity),
        cause=_cause(fields),
        amount_minor=amount,
        tax_minor=tax,
    )


def _cause(fields: Fields) -> CreditCause | None:
    stated = fields.metadata("cause")
    if stated in _CAUSES:
        return cast("CreditCause", stated)
    reason = fields.maybe_text("reason")
    if reason is None:
        return None
    if reason not in _CAUSE_OF_REASON:
        raise TranslationError("UNKNOWN_ENUM", f"credit note reason {reason[:60]!r}")
    return _CAUSE_OF_REASON[reason]


def _amounts(fields: Fields, code: str) -> tuple[int, int]:
    """Amount without tax, and tax."""
    whole = fields.maybe_minor("total", code)
    if whole is None:
        whole = fields.minor("amount", code)
    without = fields.maybe_minor("total_excluding_tax", code)
    stated = next((n for n in ("total_taxes", "tax_amounts") if fields.has(n)), None)
    if stated is not None:
        tax = sum(entry.minor("amount", code) for entry in fields.children(stated))
        if without is not None and without + tax != whole:
            raise TranslationError(
                "ARITHMETIC", f"credit note of {whole} is not {without} and {tax} of tax"
            )
    else:
        tax = 0 if without is None else whole - without
    return whole - tax, tax
