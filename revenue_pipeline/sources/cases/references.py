"""What an event refers to: the contract, invoice or payment that another event of its case told."""

import json
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from revenue_pipeline.landing.inbox import InboxRow
from revenue_pipeline.sources.cases.records import (
    ContractModified,
    ContractRenewed,
    ContractSigned,
    CreditNoteIssued,
    DisputeOpened,
    Event,
    InvoiceIssued,
    Line,
    OptionExercised,
    PaymentReceived,
    WrittenOff,
)
from revenue_pipeline.sources.context import TranslationContext, WaitingError
from revenue_pipeline.sources.jsonlines import StrictModel, read_model

M = TypeVar("M", bound=StrictModel)
_LONGEST_CHAIN = 1000  # renewals of renewals


@dataclass(frozen=True)
class Contract:
    """The part of a contract that its documents need."""

    contract_id: str
    entity_id: str
    customer_id: str
    currency: str
    start_date: date | None
    end_date: date | None


@dataclass(frozen=True)
class Document:
    """Whom a payment or a note concerns."""

    entity_id: str
    customer_id: str | None
    contract_id: str | None
    invoice_id: str | None


def read_event(body: bytes, model: type[M]) -> tuple[Event, M]:
    """Head and data of an event. Raises TranslationError SCHEMA naming the field."""
    value = json.loads(body)
    head = {name: value[name] for name in ("id", "type", "occurred_on") if name in value}
    return (
        read_model(Event, json.dumps(head).encode()),
        read_model(model, json.dumps(value.get("data")).encode()),
    )


class References:
    """Looks up what other events of the same case said. Raises WaitingError while unknown."""

    def __init__(self, row: InboxRow, context: TranslationContext) -> None:
        self._row = row
        self._context = context

    def entity(self, entity_id: str | None) -> str:
        """The legal entity: the case itself, or one of the case's own below it."""
        return self._row.tenant if entity_id is None else f"{self._row.tenant}/{entity_id}"

    def contract(self, contract_id: str) -> Contract:
        """Terms that every event of the contract shares; a renewal inherits from its parent."""
        wanted = contract_id
        dates: tuple[date | None, date | None] | None = None
        for _ in range(_LONGEST_CHAIN):
            body = self._first("contract", wanted)
            if json.loads(body)["type"] == "contract_signed":
                _, signed = read_event(body, ContractSigned)
                start, end = dates or (signed.start_date, signed.end_date)
                entity_id = self.entity(signed.entity_id)
                return Contract(
                    contract_id, entity_id, signed.customer_id, signed.currency, start, end
                )
            _, renewed = read_event(body, ContractRenewed)
            dates = dates or (renewed.start_date, renewed.end_date)
            wanted = renewed.contract_id
        raise WaitingError(f"contract {contract_id} renews itself")

    def line(self, contract_id: str, line_id: str) -> Line:
        """A line as it was first told."""
        for line in self._lines(contract_id):
            if line.line_id == line_id:
                return line
        raise WaitingError(f"waits for line {line_id} of contract {contract_id}")

    def invoice(self, invoice_id: str) -> tuple[Event, InvoiceIssued]:
        """An invoice as it was issued."""
        return read_event(self._first("invoice", invoice_id), InvoiceIssued)

    def of_contract(self, contract_id: str, invoice_id: str | None = None) -> Document:
        """Whom a document of a contract concerns."""
        contract = self.contract(contract_id)
        return Document(contract.entity_id, contract.customer_id, contract_id, invoice_id)

    def of_invoice(self, invoice_id: str) -> Document:
        """Whom a document on an invoice concerns."""
        _, invoice = self.invoice(invoice_id)
        found = self.of_contract(invoice.contract_id, invoice_id)
        if invoice.entity_id is None:
            return found
        entity_id = self.entity(invoice.entity_id)
        return Document(entity_id, found.customer_id, found.contract_id, invoice_id)

    def of_credit_note(self, credit_note_id: str) -> Document:
        """Whom a refund of a credit note concerns."""
        _, note = read_event(self._first("credit_note", credit_note_id), CreditNoteIssued)
        return self.of_invoice(note.invoice_id)

    def of_payment(self, payment_id: str) -> Document:
        """Whom a dispute of a payment concerns."""
        _, payment = read_event(self._first("payment", payment_id), PaymentReceived)
        return self.of_payer(payment)

    def of_dispute(self, dispute_id: str) -> tuple[DisputeOpened, Document]:
        """A dispute and whom it concerns."""
        _, dispute = read_event(self._first("dispute", dispute_id), DisputeOpened)
        return dispute, self.of_payment(dispute.payment_id)

    def of_write_off(self, write_off_id: str) -> Document:
        """Whom a recovery concerns."""
        _, written_off = read_event(self._first("write_off", write_off_id), WrittenOff)
        return self.of_invoice(written_off.invoice_id)

    def of_payer(self, payment: PaymentReceived) -> Document:
        """Whom a payment concerns: by its invoice, else its contract, else only its payer."""
        if payment.invoice_id is not None:
            return self.of_invoice(payment.invoice_id)
        if payment.contract_id is not None:
            return self.of_contract(payment.contract_id)
        return Document(self.entity(None), payment.customer_id, None, None)

    def _lines(self, contract_id: str) -> list[Line]:
        lines: list[Line] = []
        for body in self._all("contract", contract_id):
            if json.loads(body)["type"] == "contract_signed":
                lines += read_event(body, ContractSigned)[1].lines
            else:
                lines += read_event(body, ContractRenewed)[1].lines
        for body in self._all("contract_change", contract_id):
            if json.loads(body)["type"] == "contract_modified":
                lines += read_event(body, ContractModified)[1].add_lines
            else:
                lines += read_event(body, OptionExercised)[1].add_lines
        return lines

    def _first(self, object_type: str, object_id: str) -> bytes:
        bodies = self._all(object_type, object_id)
        if not bodies:
            raise WaitingError(f"waits for {object_type} {object_id}")
        return bodies[0]

    def _all(self, object_type: str, object_id: str) -> list[bytes]:
        row = self._row
        return self._context.accepted_bodies(row.source, row.tenant, object_type, object_id)
