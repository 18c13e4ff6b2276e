"""Whose money a refund gives back: refunds name only the charge they undo."""

from revenue_pipeline.canonical.models import CanonicalEvent, PaymentEvent
from revenue_pipeline.landing.inbox import InboxRow
from revenue_pipeline.sources.context import TranslationContext, TranslationError, WaitingError
from revenue_pipeline.sources.stripe.fields import Fields
from revenue_pipeline.sources.stripe.givebacks import UNKNOWN_CUSTOMER
from revenue_pipeline.sources.stripe.jsontext import JsonTextError, parse


def with_payer(event: CanonicalEvent, row: InboxRow, context: TranslationContext) -> CanonicalEvent:
    """The event, with customer, invoice and contract of the refunded charge where it names none.

    Raises WaitingError until the charge (or payment intent) has come: the order of deliveries must
    not decide who is refunded.
    """
    if not isinstance(event, PaymentEvent) or event.customer_id != UNKNOWN_CUSTOMER:
        return event
    refund = _object(row.body)
    named = {
        kind: reference
        for kind in ("charge", "payment_intent")
        if (reference := refund.maybe_reference(kind)) is not None
    }
    for kind, reference in named.items():
        body = context.newest_body(row.source, row.tenant, kind, reference)
        if body is None:
            continue
        paid = _object(body)
        changes: dict[str, object] = {
            "customer_id": paid.maybe_reference("customer") or UNKNOWN_CUSTOMER,
            "invoice_id": event.invoice_id or paid.maybe_reference("invoice"),
            "contract_id": event.contract_id or paid.metadata("contract_id"),
        }
        # validated anew: the charge's texts have not been looked at
        return PaymentEvent.model_validate({**dict(event), **changes})
    if named:
        raise WaitingError(f"refund waits for {' or '.join(named.values())}")
    return event


def _object(body: bytes) -> Fields:
    try:
        value = parse(body.decode())
    except (UnicodeDecodeError, JsonTextError):
        raise TranslationError("SCHEMA", "the refunded charge cannot be read") from None
    fields = Fields.of(value, "object")
    return fields.child("data").child("object") if fields.raw("object") == "event" else fields
