"""CRM orders and acceptances, as the CRM exports them."""

from datetime import UTC, date, datetime, time
from typing import Any

Record = dict[str, Any]


def line(
    line_id: str,
    product: str,
    quantity: int,
    amount_minor: int,
    start: date,
    end: date | None,
    price_ref: str,
    *,
    meter: str | None = None,
    unit_price: str | None = None,
    included: int = 0,
) -> Record:
    """One order line; amount_minor is the price of the line from the contract's start."""
    return {
        "line_id": line_id,
        "obligation_key": line_id,
        "product_code": product,
        "quantity": str(quantity),
        "amount_minor": amount_minor,
        "ssp_minor": None,
        "service_start_date": start.isoformat(),
        "service_end_date": None if end is None else end.isoformat(),
        "price_ref": price_ref,
        "usage_meter": meter,
        "unit_price_minor": unit_price,
        "included_quantity": str(included),
    }


def order(
    kind: str,
    contract_id: str,
    version: int,
    customer: str,
    currency: str,
    *,
    signed: date,
    effective: date,
    end: date | None,
    lines: list[Record],
    entitlements: list[Record] | None = None,
    replaces: str | None = None,
    supersedes_from: date | None = None,
    refund_minor: int = 0,
) -> Record:
    """One closed order with all lines of its contract."""
    return {
        "record": "order",
        "order_id": f"{contract_id}-O{version}",
        "order_type": kind,
        "contract_id": contract_id,
        "contract_version": version,
        "account_id": customer,
        "signed_date": signed.isoformat(),
        "effective_date": effective.isoformat(),
        "end_date": None if end is None else end.isoformat(),
        "term_months": None,
        "replaces_contract_id": replaces,
        "supersedes_from_date": None if supersedes_from is None else supersedes_from.isoformat(),
        "refund_minor": refund_minor,
        "currency": currency,
        "modified_at": instant(signed),
        "lines": lines,
        "entitlements": entitlements or [],
    }


def fulfilment(contract_id: str, line_id: str, accepted: date) -> Record:
    """The customer accepted a line."""
    return {
        "record": "fulfilment",
        "fulfilment_id": f"{contract_id}-F-{line_id}",
        "contract_id": contract_id,
        "line_id": line_id,
        "fulfilled_date": accepted.isoformat(),
        "modified_at": instant(accepted),
    }


def grant(line_id: str, meter: str, start: date, end: date) -> Record:
    """A right to use a meter."""
    return {
        "line_id": line_id,
        "meter": meter,
        "from_date": start.isoformat(),
        "to_date": end.isoformat(),
        "is_trial": False,
    }


def instant(day: date) -> str:
    """Noon UTC, which is the same day in both accounting time zones."""
    return datetime.combine(day, time(12), tzinfo=UTC).isoformat()
