"""Rows of agreed CSV files as canonical events."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

from revenue_pipeline.canonical.models import (
    CanonicalEvent,
    ContractEvent,
    ContractLine,
    CreditEvent,
    EntitlementEvent,
    InvoiceEvent,
    InvoiceLine,
    PaymentEvent,
    UsageEvent,
)
from revenue_pipeline.landing.inbox import InboxRow, Record
from revenue_pipeline.sources.context import TranslationContext, TranslationError, local_date
from revenue_pipeline.sources.entities import Entity
from revenue_pipeline.sources.files.agreement import TARGETS, Agreement, EventMapping
from revenue_pipeline.sources.files.reading import Reader, refuse_formulas
from revenue_pipeline.sources.files.splitting import cells_of, split_rows

_CONTRACT_LINE = {
    "line_id": "line_id",
    "obligation_key": "obligation_key",
    "product_code": "product_code",
    "quantity": "quantity",
    "amount": "amount_minor",
    "standalone_price": "ssp_minor",
    "service_start_date": "service_start_date",
    "service_end_date": "service_end_date",
    "price_ref": "price_ref",
    "usage_meter": "usage_meter",
    "unit_price": "unit_price_minor",
    "included_quantity": "included_quantity",
}
_INVOICE_LINE = {
    "invoice_line_id": "invoice_line_id",
    "contract_line_id": "contract_line_id",
    "product_code": "product_code",
    "quantity": "quantity",
    "amount": "amount_minor",
    "tax": "tax_minor",
    "period_start_date": "period_start_date",
    "period_end_date": "period_end_date",
    "price_ref": "price_ref",
    "is_proration": "is_proration",
}
_RENAMED = {"amount": "amount_minor", "tax": "tax_minor", "refund": "refund_minor"}
_DEFAULT_TYPE = {
    "contract": "contract.signed",
    "entitlement": "entitlement.granted",
    "invoice": "invoice.posted",
    "credit": "credit.issued",
}
_OCCURRED = {
    "contract": "effective_date",
    "entitlement": "from_date",
    "invoice": "issued_date",
    "credit": "issued_date",
    "payment": "paid_date",
}


class FileAdapter:
    """One file agreement as a source `file:<name>`: one row, one record, the agreed events."""

    def __init__(self, agreement: Agreement) -> None:
        self.agreement = agreement

    @property
    def name(self) -> str:
        """Source in the inbox."""
        return f"file:{self.agreement.name}"

    @property
    def version(self) -> str:
        """Version of the agreement."""
        return f"{self.agreement.name}/{self.agreement.version}"

    @property
    def default_tenant(self) -> str:
        """The agreed tenant."""
        return self.agreement.tenant

    def split(self, content: bytes, filename: str) -> Iterator[Record]:
        """One record per row; a row that comes again with the same key and bytes is a duplicate."""
        return split_rows(self.agreement, content, filename)

    def translate(self, row: InboxRow, context: TranslationContext) -> Sequence[CanonicalEvent]:
        """The agreed events of a row.

        A row whose key came with other content stays visible as usage that is never counted; for
        anything else it is a dead letter: nobody can say which of the two is true.
        """
        mappings = self.agreement.events
        if row.is_collision and any(m.object_type != "usage" for m in mappings):
            raise TranslationError("COLLISION", f"{row.object_id} came before with other content")
        try:
            cells = cells_of(self.agreement, row.body)
        except ValueError as error:
            raise TranslationError("SCHEMA", f"the row cannot be read: {error}") from None
        if len(cells) != len(self.agreement.columns):
            counts = f"{len(cells)} cells instead of {len(self.agreement.columns)}"
            raise TranslationError("SCHEMA", counts)
        values = dict(zip(self.agreement.columns, cells, strict=True))
        refuse_formulas(values)
        if row.object_id is None:
            raise TranslationError("SCHEMA", f"the key ({', '.join(self.agreement.key)}) is empty")
        entity = context.entity_for(row.source, row.tenant)
        reader = Reader(self.agreement, values)
        return [self._event(mapping, reader, row, entity) for mapping in mappings]

    def _event(
        self, mapping: EventMapping, reader: Reader, row: InboxRow, entity: Entity
    ) -> CanonicalEvent:
        kind = mapping.object_type
        targets = TARGETS[kind]
        code = reader.currency()
        read = {
            name: reader.value(expression, targets[name], code)
            for name, expression in mapping.fields.items()
        }
        fields: dict[str, Any] = {name: v for name, v in read.items() if v is not None}
        envelope: dict[str, Any] = {
            "source_system": row.source,
            "source_object": kind,
            "source_id": row.object_id,
            "source_version": row.body_sha256,
            "recorded_at": row.received_at,
            "entity_id": entity.entity_id,
            "adapter_version": self.version,
        }
        if kind == "usage":
            moment: datetime = fields["usage_at"]
            day = local_date(moment, entity)
            if not reader.has_time_of_day(mapping.fields["usage_at"]):
                # a bare date is the accounting date, whatever the zones say
                day = moment.astimezone(self.agreement.time_zone).date()
            return UsageEvent(
                **envelope,
                **fields,
                occurred_at=moment,
                usage_date=day,
                is_collision=row.is_collision,
            )
        envelope["occurred_at"] = self._first_moment(fields[_OCCURRED[kind]])
        envelope["event_type"] = fields.pop("event_type", _DEFAULT_TYPE.get(kind))
        if kind == "entitlement":
            return EntitlementEvent(**envelope, **fields)
        envelope["currency_code"] = code
        if kind == "contract":
            line = _line(fields, _CONTRACT_LINE)
            line.setdefault("obligation_key", line["line_id"])
            fields.setdefault("contract_version", 1)
            lines = (ContractLine(**line),)
            return ContractEvent(**envelope, **_renamed(fields, _CONTRACT_LINE), lines=lines)
        if kind == "invoice":
            invoice_lines = (InvoiceLine(**_line(fields, _INVOICE_LINE)),)
            own = _renamed(fields, _INVOICE_LINE)
            return InvoiceEvent(**envelope, **own, lines=invoice_lines)
        if kind == "credit":
            return CreditEvent(**envelope, **_renamed(fields, {}))
        return PaymentEvent(**envelope, **_renamed(fields, {}))

    def _first_moment(self, day: date) -> datetime:
        moment = datetime(day.year, day.month, day.day, tzinfo=self.agreement.time_zone)
        try:
            return moment.astimezone(UTC)
        except OverflowError:
            raise TranslationError("SCHEMA", f"{day} lies outside the calendar") from None


def _line(fields: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {target: fields[name] for name, target in names.items() if name in fields}


def _renamed(fields: dict[str, Any], of_the_line: dict[str, str]) -> dict[str, Any]:
    return {
        _RENAMED.get(name, name): value for name, value in fields.items() if name not in of_the_line
    }
