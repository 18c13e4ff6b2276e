"""The adapter: one event of a case gives the canonical events that say the same.

The tenant is the case. Its books are a legal entity of that name; entities a case names itself lie
below it (`<case>/<entity>`).
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from pydantic import ValidationError

from revenue_pipeline.canonical.models import CanonicalEvent
from revenue_pipeline.domain.errors import MoneyError, UnknownCurrencyError
from revenue_pipeline.landing.inbox import InboxRow, Record
from revenue_pipeline.sources.cases import contracts, documents, happenings, records
from revenue_pipeline.sources.cases.envelope import SOURCE, VERSION, Told
from revenue_pipeline.sources.cases.references import References, read_event
from revenue_pipeline.sources.context import TranslationContext, TranslationError
from revenue_pipeline.sources.jsonlines import StrictModel, json_objects, text_of
from revenue_pipeline.sources.stripe.jsontext import canonical

OPENING = "opening_balances"
_Translate = Callable[[Any, Told], Iterable[CanonicalEvent]]
_MEANING: dict[str, tuple[type[StrictModel], _Translate]] = {
    "contract_signed": (records.ContractSigned, contracts.signed),
    "contract_modified": (records.ContractModified, contracts.modified),
    "contract_terminated": (records.ContractTerminated, contracts.terminated),
    "contract_renewed": (records.ContractRenewed, contracts.renewed),
    "option_exercised": (records.OptionExercised, contracts.option_exercised),
    "invoice_issued": (records.InvoiceIssued, documents.invoice_issued),
    "invoice_voided": (records.InvoiceVoided, documents.invoice_voided),
    "payment_received": (records.PaymentReceived, documents.payment_received),
    "credit_note_issued": (records.CreditNoteIssued, documents.credit_note_issued),
    "customer_credit_applied": (records.CustomerCreditApplied, documents.credit_applied),
    "refund_paid": (records.RefundPaid, documents.refund_paid),
    "dispute_opened": (records.DisputeOpened, documents.dispute_opened),
    "dispute_closed": (records.DisputeClosed, documents.dispute_closed),
    "receivable_written_off": (records.WrittenOff, documents.written_off),
    "recovery_received": (records.RecoveryReceived, documents.recovery_received),
    "fx_rate_published": (records.RatePublished, documents.rate_published),
    OPENING: (records.OpeningBalances, documents.opening_balances),
    "usage_reported": (records.UsageReported, happenings.usage_reported),
    "fulfilment_recorded": (records.FulfilmentRecorded, happenings.fulfilment_recorded),
    "progress_reported": (records.ProgressReported, happenings.progress_reported),
    "variable_consideration_estimated": (
        records.VariableEstimated,
        happenings.variable_estimated,
    ),
    "breakage_estimated": (records.BreakageEstimated, happenings.breakage_estimated),
    "right_lapsed": (records.RightLapsed, happenings.right_lapsed),
    "collectability_reassessed": (
        records.CollectabilityReassessed,
        happenings.collectability_reassessed,
    ),
}
# What later events refer to, and the field that names it.
_OBJECTS = {
    "contract_signed": ("contract", "contract_id"),
    "contract_renewed": ("contract", "new_contract_id"),
    "contract_modified": ("contract_change", "contract_id"),
    "option_exercised": ("contract_change", "contract_id"),
    "invoice_issued": ("invoice", "invoice_id"),
    "credit_note_issued": ("credit_note", "credit_note_id"),
    "payment_received": ("payment", "payment_id"),
    "dispute_opened": ("dispute", "dispute_id"),
    "receivable_written_off": ("write_off", "write_off_id"),
}


def record_of(event: Mapping[str, object], origin_row: int | None = None) -> Record:
    """One event as a delivery under its id.

    When it was received is part of the delivery and not of the content: the same event received
    twice is a duplicate.
    """
    content = {name: value for name, value in event.items() if name != "received_on"}
    body = canonical(content).encode()
    identity, kind = text_of(content, "id"), text_of(content, "type")
    data = content.get("data")
    object_type, field = _OBJECTS.get(kind or "", (kind, None))
    named = text_of(data, field) if field and isinstance(data, dict) else identity
    return Record(
        # What cannot be named is kept under its own hash and becomes a dead letter with a reason.
        delivery_key=identity or f"unnamed:{hashlib.sha256(body).hexdigest()}",
        object_type=object_type,
        object_id=named,
        body=body,
        content_type="application/json",
        occurred_at=_moment(event.get("received_on") or event.get("occurred_on")),
        origin_row=origin_row,
    )


class CasesAdapter:
    """Acceptance cases. A file of this source holds the events of one case, its tenant."""

    name: str = SOURCE
    version: str = VERSION
    default_tenant: str = "case"

    def split(self, content: bytes, filename: str) -> Iterator[Record]:
        """One record per event. Raises FileRefusedError when the file cannot be read."""
        for row, _, value in json_objects(content, filename):
            yield record_of(value, row)

    def translate(self, row: InboxRow, context: TranslationContext) -> Sequence[CanonicalEvent]:
        """The events that say the same. Raises TranslationError naming the event and the field."""
        try:
            return self._translate(row, context)
        except TranslationError as error:
            raise TranslationError(error.reason_code, f"{_name(row)}: {error.detail}") from None
        except UnknownCurrencyError as error:
            raise TranslationError("UNKNOWN_CURRENCY", f"{_name(row)}: {error}") from None
        except MoneyError as error:
            raise TranslationError("ARITHMETIC", f"{_name(row)}: {error}") from None
        except ValidationError as error:
            fault = error.errors(include_url=False, include_context=False)[0]
            place = ".".join(str(part) for part in fault["loc"]) or "the event"
            raise TranslationError("SCHEMA", f"{_name(row)}: {place}: {fault['msg']}") from None

    def _translate(self, row: InboxRow, context: TranslationContext) -> Sequence[CanonicalEvent]:
        if row.is_collision:
            raise TranslationError("COLLISION", "the id came before with other content")
        kind = json.loads(row.body).get("type")
        if kind == "period_closed":
            context.note(row, "a close is no event of the contract: the ledger keeps it")
            return ()
        if not isinstance(kind, str) or kind not in _MEANING:
            raise TranslationError("UNKNOWN_ENUM", f"type: {str(kind)[:60]!r} is unknown")
        model, meaning = _MEANING[kind]
        event, data = read_event(row.body, model)
        return tuple(meaning(data, Told(row, event, context, References(row, context))))


def _name(row: InboxRow) -> str:
    return f"{row.tenant} {row.delivery_key.partition('#')[0]}"


def _moment(day: object) -> datetime | None:
    try:
        read = date.fromisoformat(str(day))
    except ValueError:
        return None
    return datetime(read.year, read.month, read.day, tzinfo=UTC)
