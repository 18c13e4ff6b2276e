"""Stripe-shaped documents, in the shape of the API version of their day.

Until 2025-03-30 an invoice names its subscription itself and a line its price and tax_amounts; from
then on both moved (parent, pricing, taxes).
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from revenue_pipeline.sample.market import LAST_DAY, Market, share

Record = dict[str, Any]
NEW_SHAPE_FROM = date(2025, 3, 31)


@dataclass(frozen=True, slots=True)
class Line:
    """One line to bill; `end` is the last day of service."""

    contract_line_id: str
    product: str
    amount_minor: int
    start: date
    end: date
    price_ref: str
    is_proration: bool = False


@dataclass(frozen=True, slots=True)
class Bill:
    """An invoice as rendered, with what later documents need of it."""

    invoice_id: str
    customer: str
    contract_id: str
    paid_on: date | None
    record: Record


def tax_on(market: Market, amount_minor: int) -> int:
    """Tax on an amount, half up."""
    return share(amount_minor, market.tax_percent, 100)


def invoice(
    market: Market,
    invoice_id: str,
    customer: str,
    contract_id: str,
    issued: date,
    lines: list[Line],
    *,
    pays: bool,
) -> Bill:
    """A finalised invoice, paid thirty days later if the customer pays and the day has come."""
    paid_on = issued + timedelta(days=30)
    is_paid = pays and paid_on <= LAST_DAY
    is_new = issued >= NEW_SHAPE_FROM
    subscription = f"sub_{contract_id}"
    rendered = [
        _line(market, f"il_{invoice_id[3:]}_{place}", line, subscription, is_new=is_new)
        for place, line in enumerate(lines, start=1)
    ]
    subtotal = sum(line.amount_minor for line in lines)
    tax = sum(tax_on(market, line.amount_minor) for line in lines)
    record: Record = {
        "id": invoice_id,
        "object": "invoice",
        "number": invoice_id[3:].upper(),
        "livemode": True,
        "customer": customer,
        "currency": market.currency.lower(),
        "status": "paid" if is_paid else "open",
        "created": epoch(market, issued),
        "due_date": epoch(market, issued + timedelta(days=30)),
        "status_transitions": {
            "finalized_at": epoch(market, issued),
            "paid_at": epoch(market, paid_on) if is_paid else None,
            "voided_at": None,
            "marked_uncollectible_at": None,
        },
        "subtotal": subtotal,
        "total": subtotal + tax,
        "amount_due": subtotal + tax,
        "amount_paid": subtotal + tax if is_paid else 0,
        "metadata": {"contract_id": contract_id},
        "lines": {
            "object": "list",
            "has_more": False,
            "data": rendered,
        },
    }
    if is_new:
        record["parent"] = {
            "type": "subscription_details",
            "subscription_details": {
                "subscription": subscription,
                "metadata": {"contract_id": contract_id},
            },
        }
        record["total_taxes"] = [{"amount": tax, "tax_behavior": "exclusive"}]
    else:
        record["subscription"] = subscription
        record["tax"] = tax
    return Bill(invoice_id, customer, contract_id, paid_on if is_paid else None, record)


def _line(market: Market, line_id: str, line: Line, subscription: str, *, is_new: bool) -> Record:
    tax = tax_on(market, line.amount_minor)
    record: Record = {
        "id": line_id,
        "object": "line_item",
        "amount": line.amount_minor,
        "currency": market.currency.lower(),
        "quantity": 1,
        "period": {
            "start": epoch(market, line.start),
            "end": epoch(market, line.end + timedelta(days=1)),
        },
        "metadata": {"contract_line_id": line.contract_line_id, "product_code": line.product},
    }
    if is_new:
        record["pricing"] = {
            "type": "price_details",
            "price_details": {"price": line.price_ref, "product": f"prod_{line.product.lower()}"},
        }
        record["parent"] = {
            "type": "subscription_item_details",
            "subscription_item_details": {
                "subscription": subscription,
                "proration": line.is_proration,
            },
        }
        record["taxes"] = [{"amount": tax, "tax_behavior": "exclusive"}]
    else:
        record["price"] = {
            "id": line.price_ref,
            "object": "price",
            "product": f"prod_{line.product.lower()}",
        }
        record["type"] = "subscription"
        record["subscription"] = subscription
        record["proration"] = line.is_proration
        record["tax_amounts"] = [{"amount": tax, "inclusive": False}]
    return record


def credit_note(
    market: Market, credit_id: str, bill: Bill, issued: date, amount_minor: int, cause: str | None
) -> Record:
    """A credit note against an invoice; without a cause nobody said why."""
    tax = tax_on(market, amount_minor)
    metadata = {"contract_id": bill.contract_id}
    if cause is not None:
        metadata["cause"] = cause
    return {
        "id": credit_id,
        "object": "credit_note",
        "number": credit_id[3:].upper(),
        "livemode": True,
        "invoice": bill.invoice_id,
        "customer": bill.customer,
        "currency": market.currency.lower(),
        "created": epoch(market, issued),
        "status": "issued",
        "reason": None,
        "subtotal": amount_minor,
        "total": amount_minor + tax,
        "amount": amount_minor + tax,
        "total_excluding_tax": amount_minor,
        "total_taxes": [{"amount": tax, "tax_behavior": "exclusive"}],
        "metadata": metadata,
    }


def refund(market: Market, refund_id: str, bill: Bill, day: date, amount_minor: int) -> Record:
    """Cash back, incl. tax."""
    return {
        "id": refund_id,
        "object": "refund",
        "amount": amount_minor + tax_on(market, amount_minor),
        "currency": market.currency.lower(),
        "created": epoch(market, day),
        "status": "succeeded",
        "metadata": {
            "invoice_id": bill.invoice_id,
            "contract_id": bill.contract_id,
            "customer_id": bill.customer,
        },
    }


def epoch(market: Market, day: date) -> int:
    """Noon of a day in the accounting time zone, as Stripe counts seconds."""
    return int(datetime.combine(day, time(12), tzinfo=market.zone).astimezone(UTC).timestamp())
