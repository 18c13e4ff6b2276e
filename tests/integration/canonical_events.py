"""Canonical events written out by hand, with as few words as they need."""

from datetime import UTC, date, datetime
from typing import Any

from tests.properties.arriving_waves import Arrival

YEAR = (date(2025, 1, 1), date(2025, 12, 31))


def happened(table: str, identity: str, event_type: str, **told: Any) -> Arrival:
    """An event of `table` on 1 January 2025, of entity TEST unless it says otherwise."""
    day = datetime(2025, 1, 1, 12, tzinfo=UTC)
    row = {
        "event_id": identity,
        "event_type": event_type,
        "source_system": "test",
        "source_object": table,
        "source_id": identity,
        "source_version": "1",
        "occurred_at": day,
        "recorded_at": day,
        "known_seq": 1,
        "inbox_id": 1,
        "entity_id": "TEST",
        "payload_hash": "",
        "raw_uri": "inbox:1",
        "schema_version": "1",
        "adapter_version": "1",
    }
    return Arrival(table, row | told)


def contract(
    name: str,
    customer: str,
    kind: str = "signed",
    version: int = 1,
    *,
    start: date = YEAR[0],
    end: date | None = YEAR[1],
    product: str = "PLATFORM",
    amount: int = 120_000,
    line: dict[str, Any] | None = None,
    **told: Any,
) -> Arrival:
    """A contract event with one line; a terminated one has none."""
    event = happened(
        "contract_event",
        f"{name}-{version}",
        f"contract.{kind}",
        **{
            "contract_id": name,
            "contract_version": version,
            "customer_id": customer,
            "currency_code": "USD",
            "signed_date": start,
            "effective_date": start,
            "end_date": end,
            **told,
        },
    )
    if kind != "terminated":
        own = {
            "event_id": event.row["event_id"],
            "line_no": 1,
            "line_id": "a",
            "obligation_key": "a",
            "product_code": product,
            "quantity": 1,
            "amount_minor": amount,
            "ssp_minor": amount,
            "service_start_date": start if version == 1 else YEAR[0],
            "service_end_date": end,
        }
        event.parts["contract_line"] = [own | (line or {})]
    return event


def renewal(name: str, customer: str, of: str, *, cuts: bool) -> Arrival:
    """A year from November that renews another contract, and cuts it there or overlaps it."""
    start = date(2025, 11, 1)
    return contract(
        name,
        customer,
        "renewed",
        start=start,
        end=date(2026, 10, 31),
        replaces_contract_id=of,
        supersedes_from_date=start if cuts else None,
    )


def invoice(name: str, contract_id: str | None, customer: str, amount: int = 120_000) -> Arrival:
    """An invoice of 1 February with one line."""
    event = happened(
        "invoice_event",
        name,
        "invoice.posted",
        invoice_id=name,
        contract_id=contract_id,
        customer_id=customer,
        currency_code="USD",
        issued_date=date(2025, 2, 1),
    )
    event.parts["invoice_line"] = [
        {
            "event_id": name,
            "line_no": 1,
            "invoice_line_id": f"{name}-1",
            "contract_line_id": "a",
            "amount_minor": amount,
            "tax_minor": 0,
        }
    ]
    return event


def voided(name: str, customer: str) -> Arrival:
    """The void of an invoice, on 1 January as all that says nothing else."""
    return happened(
        "invoice_event",
        f"{name}-void",
        "invoice.voided",
        invoice_id=name,
        customer_id=customer,
        currency_code="USD",
        issued_date=date(2025, 2, 1),
    )


def money(name: str, kind: str, amount: int, day: date, **told: Any) -> Arrival:
    """A payment or refund."""
    return happened(
        "payment_event",
        name,
        f"payment.{kind}",
        payment_id=name,
        currency_code="USD",
        paid_date=day,
        amount_minor=amount,
        **told,
    )


def credit(name: str, invoice_id: str, customer: str, amount: int) -> Arrival:
    """A credit note of 1 March to the customer's balance."""
    event = happened(
        "credit_event",
        name,
        "credit.issued",
        credit_id=name,
        invoice_id=invoice_id,
        customer_id=customer,
        currency_code="USD",
        issued_date=date(2025, 3, 1),
        cause="goodwill",
        amount_minor=amount,
        tax_minor=0,
    )
    event.parts["credit_settlement"] = [
        {"event_id": name, "line_no": 1, "settle_to": "customer_credit", "amount_minor": amount}
    ]
    return event


def entitled(contract_id: str, customer: str) -> Arrival:
    """The right to use what line a of a contract meters."""
    return happened(
        "entitlement_event",
        f"right of {contract_id}",
        "entitlement.granted",
        contract_id=contract_id,
        line_id="a",
        customer_id=customer,
        meter="calls",
        from_date=YEAR[0],
        to_date=YEAR[1],
    )


def used(name: str, customer: str, contract_id: str | None, day: date, **told: Any) -> Arrival:
    """A hundred calls."""
    return happened(
        "usage_event",
        name,
        "usage.recorded",
        **{
            "usage_id": name,
            "customer_id": customer,
            "contract_id": contract_id,
            "meter": "calls",
            "quantity": 100,
            "usage_at": datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
            "usage_date": day,
            **told,
        },
    )


def opening(entity: str, amount: int) -> Arrival:
    """Receivables that stood open before the first event."""
    return happened(
        "balance_event",
        f"opening of {entity}",
        "balance.opened",
        entity_id=entity,
        balance_date=date(2024, 12, 31),
        account_role="receivable",
        currency_code="USD",
        amount_minor=amount,
    )


def rate(name: str, day: date, value: float) -> Arrival:
    """Dollars for a euro."""
    return happened(
        "fx_rate_event",
        name,
        "fx_rate.published",
        rate_date=day,
        base_currency_code="EUR",
        quote_currency_code="USD",
        rate=value,
        rate_kind="spot",
    )
