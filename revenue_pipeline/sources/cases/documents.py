"""Invoices, credit notes, money, and exchange rates."""

from collections.abc import Iterator, Sequence

from revenue_pipeline.canonical.models import (
    BalanceEvent,
    CanonicalEvent,
    CreditEvent,
    CreditLine,
    CreditSettlement,
    FxRateEvent,
    InvoiceEvent,
    InvoiceLine,
    PaymentEvent,
)
from revenue_pipeline.domain.money import currency, parse_decimal, parse_money
from revenue_pipeline.sources.cases.amounts import minor
from revenue_pipeline.sources.cases.envelope import Told
from revenue_pipeline.sources.cases.records import (
    CreditNoteIssued,
    CustomerCreditApplied,
    DisputeClosed,
    DisputeOpened,
    DocumentLine,
    InvoiceIssued,
    InvoiceVoided,
    OpeningBalances,
    PaymentReceived,
    RatePublished,
    RecoveryReceived,
    RefundPaid,
    WrittenOff,
)
from revenue_pipeline.sources.cases.references import Document
from revenue_pipeline.sources.context import TranslationError

# Accounts whose positive side is a debit; all others are positive in credit.
DEBIT_ACCOUNTS = frozenset(
    {
        "cash",
        "receivable",
        "contract_asset",
        "return_asset",
        "inventory",
        "customer_incentive_asset",
        "due_from_entity",
        "opening_equity",
        "cost_of_sales",
        "bad_debt_expense",
        "interest_expense",
    }
)


def invoice_issued(data: InvoiceIssued, told: Told) -> Iterator[CanonicalEvent]:
    """An invoice whose lines add up to its total."""
    yield _invoice(data, told, voided=False)


def invoice_voided(data: InvoiceVoided, told: Told) -> Iterator[CanonicalEvent]:
    """The invoice once more, taken back on the day of the void."""
    _, issued = told.references.invoice(data.invoice_id)
    yield _invoice(issued, told, voided=True)


def credit_note_issued(data: CreditNoteIssued, told: Told) -> Iterator[CanonicalEvent]:
    """A credit note whose lines and whose settlements add up to its total."""
    whose = told.references.of_invoice(data.invoice_id)
    total, code = parse_money(data.total)
    amount, tax = _add_up(data.lines, total, code)
    settled = [minor(part.amount, code, f"settlement {part.to}") for part in data.settlements]
    if sum(settled) != total:
        raise TranslationError("ARITHMETIC", "settlements: do not add up to the total")
    yield CreditEvent(
        **told.envelope(whose.entity_id),
        event_type="credit.issued",
        credit_id=data.credit_note_id,
        invoice_id=data.invoice_id,
        contract_id=data.contract_id,
        customer_id=_customer(whose),
        currency_code=code,
        issued_date=told.day,
        amount_minor=amount,
        tax_minor=tax,
        lines=tuple(
            CreditLine(
                contract_line_id=line.line_id,
                amount_minor=minor(line.amount, code, f"line {line.line_id}"),
                tax_minor=minor(line.tax, code, f"line {line.line_id}: tax") if line.tax else 0,
                period_start_date=line.service_start,
                period_end_date=line.service_end,
            )
            for line in data.lines
        ),
        settlements=tuple(
            CreditSettlement(settle_to=part.to, amount_minor=value)
            for part, value in zip(data.settlements, settled, strict=True)
        ),
    )


def payment_received(data: PaymentReceived, told: Told) -> Iterator[CanonicalEvent]:
    """Cash in."""
    whose = told.references.of_payer(data)
    yield _payment(told, whose, "payment.settled", data.payment_id, data.amount)


def refund_paid(data: RefundPaid, told: Told) -> Iterator[CanonicalEvent]:
    """Cash out."""
    note, references = data.credit_note_id, told.references
    whose = (
        Document(references.entity(None), data.customer_id, None, None)
        if note is None
        else references.of_credit_note(note)
    )
    yield _payment(told, whose, "payment.refunded", data.refund_id, data.amount, note)


def credit_applied(data: CustomerCreditApplied, told: Told) -> Iterator[CanonicalEvent]:
    """Customer credit pays an invoice."""
    whose = told.references.of_invoice(data.invoice_id)
    yield _payment(told, whose, "credit.applied", data.application_id, data.amount)


def dispute_opened(data: DisputeOpened, told: Told) -> Iterator[CanonicalEvent]:
    """Cash of a payment is withdrawn."""
    whose = told.references.of_payment(data.payment_id)
    yield _payment(
        told, whose, "dispute.opened", data.dispute_id, data.amount, related_id=data.payment_id
    )


def dispute_closed(data: DisputeClosed, told: Told) -> Iterator[CanonicalEvent]:
    """The close names only the dispute."""
    dispute, whose = told.references.of_dispute(data.dispute_id)
    yield PaymentEvent(
        **told.envelope(whose.entity_id),
        event_type="dispute.won" if data.outcome == "won" else "dispute.lost",
        payment_id=f"{data.dispute_id}:closed",
        invoice_id=whose.invoice_id,
        contract_id=whose.contract_id,
        customer_id=whose.customer_id,
        currency_code=parse_money(dispute.amount)[1],
        paid_date=told.day,
        related_id=data.dispute_id,
    )


def written_off(data: WrittenOff, told: Told) -> Iterator[CanonicalEvent]:
    """A receivable is given up."""
    whose = told.references.of_invoice(data.invoice_id)
    yield _payment(told, whose, "receivable.written_off", data.write_off_id, data.amount)


def recovery_received(data: RecoveryReceived, told: Told) -> Iterator[CanonicalEvent]:
    """Cash on a receivable that was given up."""
    whose = told.references.of_write_off(data.write_off_id)
    yield _payment(
        told,
        whose,
        "receivable.recovered",
        data.recovery_id,
        data.amount,
        related_id=data.write_off_id,
    )


def rate_published(data: RatePublished, told: Told) -> Iterator[CanonicalEvent]:
    """An exchange rate, for the books of the case and of every entity named with it."""
    for name in (None, *told.entities):
        yield FxRateEvent(
            **told.envelope(told.references.entity(name), part=name),
            rate_date=data.date,
            base_currency_code=currency(data.base),
            quote_currency_code=currency(data.quote),
            rate=parse_decimal(data.rate, largest_scale=10),
            rate_kind=data.kind,
        )


def opening_balances(data: OpeningBalances, told: Told) -> Iterator[CanonicalEvent]:
    """One event for each account."""
    for account, text in sorted(data.balances.items()):
        amount, code = parse_money(text)
        yield BalanceEvent(
            **told.envelope(told.references.entity(None), part=account),
            balance_date=told.day,
            account_role=account,
            currency_code=code,
            amount_minor=amount if account in DEBIT_ACCOUNTS else -amount,
        )


def _invoice(data: InvoiceIssued, told: Told, *, voided: bool) -> InvoiceEvent:
    whose = told.references.of_contract(data.contract_id)
    entity_id = told.references.entity(data.entity_id) if data.entity_id else whose.entity_id
    total, code = parse_money(data.total)
    _add_up(data.lines, total, code)
    issued = told.references.invoice(data.invoice_id)[0].occurred_on if voided else told.day
    return InvoiceEvent(
        **told.envelope(entity_id),
        event_type="invoice.voided" if voided else "invoice.posted",
        invoice_id=data.invoice_id,
        invoice_number=data.invoice_id,
        contract_id=data.contract_id,
        customer_id=_customer(whose),
        currency_code=code,
        issued_date=issued,
        due_date=data.due_date,
        lines=tuple(
            InvoiceLine(
                invoice_line_id=f"{data.invoice_id}:{number}",
                contract_line_id=line.line_id,
                amount_minor=minor(line.amount, code, f"line {line.line_id}"),
                tax_minor=minor(line.tax, code, f"line {line.line_id}: tax") if line.tax else 0,
                period_start_date=line.service_start,
                period_end_date=line.service_end,
            )
            for number, line in enumerate(data.lines, start=1)
        ),
    )


def _payment(
    told: Told,
    whose: Document,
    event_type: str,
    payment_id: str,
    text: str,
    related_id: str | None = None,
) -> PaymentEvent:
    amount, code = parse_money(text)
    values: dict[str, object] = {
        **told.envelope(whose.entity_id),
        "event_type": event_type,
        "payment_id": payment_id,
        "invoice_id": whose.invoice_id,
        "contract_id": whose.contract_id,
        "customer_id": whose.customer_id or "unknown",
        "currency_code": code,
        "paid_date": told.day,
        "amount_minor": amount,
        "related_id": related_id,
    }
    return PaymentEvent.model_validate(values)


def _add_up(lines: Sequence[DocumentLine], total: int, code: str) -> tuple[int, int]:
    amount = sum(minor(line.amount, code, f"line {line.line_id}") for line in lines)
    tax = sum(minor(line.tax, code, f"line {line.line_id}: tax") for line in lines if line.tax)
    if amount + tax != total:
        raise TranslationError("ARITHMETIC", "lines: do not add up to the total")
    return amount, tax


def _customer(whose: Document) -> str:
    assert whose.customer_id is not None  # a contract has a customer
    return whose.customer_id
