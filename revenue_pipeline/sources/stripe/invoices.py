"""Invoices, of API versions before and after 2025-03-31, to invoice and payment events."""

from datetime import datetime
from decimal import Decimal

from revenue_pipeline.canonical.models import (
    CanonicalEvent,
    InvoiceEvent,
    InvoiceLine,
    PaymentEvent,
)
from revenue_pipeline.sources.context import TranslationError, local_date
from revenue_pipeline.sources.entities import Entity
from revenue_pipeline.sources.stripe.fields import Fields
from revenue_pipeline.sources.stripe.meaning import (
    Meaning,
    contract_of_subscription,
    currency_of,
    envelope,
    last_day,
)

_STATUSES = {"draft", "open", "paid", "void", "uncollectible"}


def invoice(fields: Fields, entity: Entity) -> Meaning:
    """A finalised invoice is posted, whatever became of it; what became of it follows."""
    status = fields.text("status")
    if status not in _STATUSES:
        raise TranslationError("UNKNOWN_ENUM", f"invoice status {status[:60]!r}")
    if status == "draft":
        return Meaning(note="draft invoice: not an accounting document")
    posted = _posted(fields, entity)
    events: list[CanonicalEvent] = [posted]
    note = None
    moments = fields.child("status_transitions")
    if status == "void":
        events.append(_later(posted, "invoice.voided", moments.maybe_instant("voided_at")))
    elif status == "uncollectible":
        marked = moments.maybe_instant("marked_uncollectible_at")
        events.append(_later(posted, "invoice.uncollectible", marked))
    paid = fields.maybe_minor("amount_paid", posted.currency_code) or 0
    if paid < 0:
        raise TranslationError("SCHEMA", "invoice.amount_paid is negative")
    paid_at = moments.maybe_instant("paid_at")
    if paid and (status == "paid" or paid_at is not None):
        events.append(_payment(posted, paid, paid_at or posted.occurred_at, entity))
    elif paid:
        # A part has no moment of its own in the invoice; the whole will have one.
        note = "partly paid: the payment is booked when the invoice is settled"
    return Meaning(tuple(events), note)


def _posted(fields: Fields, entity: Entity) -> InvoiceEvent:
    code = currency_of(fields)
    created = fields.instant("created")
    finalized = fields.child("status_transitions").maybe_instant("finalized_at")
    issued = fields.maybe_instant("effective_at") or finalized or created
    due = fields.maybe_instant("due_date")
    _refuse_untreated(fields, code)
    entries = fields.page("lines")
    if not entries:
        raise TranslationError("SCHEMA", "invoice has no lines")
    lines = tuple(_line(entry, code, entity) for entry in entries)
    _check_sums(fields, entries, lines, code)
    invoice_id = fields.text("id")
    return InvoiceEvent(
        **envelope("invoice.posted", invoice_id, issued, finalized or created, entity),
        event_type="invoice.posted",
        invoice_id=invoice_id,
        invoice_number=fields.maybe_text("number"),
        contract_id=_contract(fields),
        customer_id=fields.reference("customer"),
        currency_code=code,
        issued_date=local_date(issued, entity),
        due_date=None if due is None else local_date(due, entity),
        lines=lines,
    )


def _later(posted: InvoiceEvent, event_type: str, moment: datetime | None) -> InvoiceEvent:
    when = moment or posted.occurred_at
    changes = {
        "event_type": event_type,
        "source_object": event_type,
        "occurred_at": when,
        "recorded_at": when,
    }
    return posted.model_copy(update=changes)


def _payment(posted: InvoiceEvent, paid: int, paid_at: datetime, entity: Entity) -> PaymentEvent:
    payment_id = f"{posted.invoice_id}:paid"
    return PaymentEvent(
        **envelope("payment.settled", payment_id, paid_at, paid_at, entity),
        event_type="payment.settled",
        payment_id=payment_id,
        invoice_id=posted.invoice_id,
        contract_id=posted.contract_id,
        customer_id=posted.customer_id,
        currency_code=posted.currency_code,
        paid_date=local_date(paid_at, entity),
        amount_minor=paid,
    )


def _contract(fields: Fields) -> str | None:
    new = fields.child("parent").child("subscription_details")
    stated = (
        new.metadata("contract_id")
        or fields.child("subscription_details").metadata("contract_id")
        or fields.metadata("contract_id")
    )
    subscription = new.maybe_reference("subscription") or fields.maybe_reference("subscription")
    if stated is None and subscription is not None:
        return contract_of_subscription(subscription)
    return stated


def _line(line: Fields, code: str, entity: Entity) -> InvoiceLine:
    if line.has("currency") and currency_of(line) != code:
        raise TranslationError("SCHEMA", f"{line.path} is in another currency than its invoice")
    item = line.child("parent").child("subscription_item_details")
    invoice_item = line.child("parent").child("invoice_item_details")
    price = line.expanded("price") if line.has("price") else line.expanded("plan")
    details = line.child("pricing").child("price_details")
    inclusive, exclusive = _taxes(line, code)
    start = end = None
    if line.has("period"):
        period = line.child("period")
        start = local_date(period.instant("start"), entity)
        end = last_day(start, local_date(period.instant("end"), entity))
    return InvoiceLine(
        invoice_line_id=line.text("id"),
        contract_line_id=(
            line.metadata("contract_line_id")
            or item.maybe_reference("subscription_item")
            or line.maybe_reference("subscription_item")
        ),
        product_code=(
            line.metadata("product_code")
            or price.metadata("product_code")
            or details.expanded("price").metadata("product_code")
            or details.maybe_reference("product")
            or price.maybe_reference("product")
        ),
        quantity=_quantity(line),
        amount_minor=line.minor("amount", code) - _discount(line, code) - inclusive,
        tax_minor=inclusive + exclusive,
        period_start_date=start,
        period_end_date=end,
        price_ref=details.maybe_reference("price") or price.maybe_text("id"),
        is_proration=(
            line.flag("proration") or item.flag("proration") or invoice_item.flag("proration")
        ),
    )


def _quantity(line: Fields) -> Decimal | None:
    exact = line.maybe_decimal("quantity_decimal")
    return line.maybe_decimal("quantity") if exact is None else exact


def _discount(line: Fields, code: str) -> int:
    return sum(entry.minor("amount", code) for entry in line.children("discount_amounts"))


def _taxes(line: Fields, code: str) -> tuple[int, int]:
    """Tax inside the line's amount and tax on top of it. Both shapes may stand side by side."""
    inclusive = exclusive = 0
    if line.has("taxes"):
        for tax in line.children("taxes"):
            behavior = tax.text("tax_behavior")
            if behavior not in {"inclusive", "exclusive"}:
                raise TranslationError("UNKNOWN_ENUM", f"tax behavior {behavior[:60]!r}")
            inclusive += tax.minor("amount", code) if behavior == "inclusive" else 0
            exclusive += tax.minor("amount", code) if behavior == "exclusive" else 0
        return inclusive, exclusive
    for tax in line.children("tax_amounts"):
        amount = tax.minor("amount", code)
        if tax.flag("inclusive"):
            inclusive += amount
        else:
            exclusive += amount
    return inclusive, exclusive


def _refuse_untreated(fields: Fields, code: str) -> None:
    """Parts of a total that no line carries would make the receivable wrong in silence."""
    if fields.maybe_minor("amount_shipping", code):
        raise TranslationError("MAPPING", "shipping on an invoice has no treatment")
    for credit in fields.children("total_pretax_credit_amounts"):
        kind = credit.maybe_text("type")
        if kind != "discount" and credit.maybe_minor("amount", code):
            raise TranslationError("MAPPING", f"{kind} on an invoice has no treatment")


def _check_sums(
    fields: Fields, entries: list[Fields], lines: tuple[InvoiceLine, ...], code: str
) -> None:
    """Lines give the subtotal and, with discounts and tax, the total.

    A subtotal is net of the discounts of invoice items but not of those of the invoice, which the
    lines do not tell apart: it lies anywhere from all discounts to none.
    """
    gross = sum(entry.minor("amount", code) for entry in entries)
    net = gross - sum(_discount(entry, code) for entry in entries)
    subtotal = fields.minor("subtotal", code)
    if not min(gross, net) <= subtotal <= max(gross, net):
        raise TranslationError(
            "ARITHMETIC", f"lines sum to {gross} ({net} after discounts), subtotal is {subtotal}"
        )
    total = fields.maybe_minor("total", code)
    billed = sum(line.amount_minor + line.tax_minor for line in lines)
    if total is not None and total != billed:
        raise TranslationError(
            "ARITHMETIC", f"lines with discounts and tax sum to {billed}, total is {total}"
        )
