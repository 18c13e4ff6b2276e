"""The adapter: an order is an event of a contract, a fulfilment is one of a promise."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal, TypedDict

from pydantic import ValidationError

from revenue_pipeline.canonical.models import (
    CanonicalEvent,
    ContractEvent,
    ContractLine,
    EntitlementEvent,
    FulfilmentEvent,
)
from revenue_pipeline.domain.errors import UnknownCurrencyError
from revenue_pipeline.domain.money import currency
from revenue_pipeline.landing.inbox import InboxRow, Record
from revenue_pipeline.sources.context import TranslationContext, TranslationError
from revenue_pipeline.sources.crm.records import CrmRecord, Fulfilment, Order, OrderLine
from revenue_pipeline.sources.entities import Entity
from revenue_pipeline.sources.jsonlines import first_moment, json_objects, read_model, text_of

SOURCE = "crm_orders"
VERSION = "1"

_ContractType = Literal[
    "contract.signed", "contract.amended", "contract.renewed", "contract.terminated"
]
_EVENT: dict[str, _ContractType] = {
    "new": "contract.signed",
    "amendment": "contract.amended",
    "renewal": "contract.renewed",
    "cancellation": "contract.terminated",
}


class _Envelope(TypedDict):
    source_system: str
    source_object: str
    source_id: str
    source_version: str
    occurred_at: datetime
    recorded_at: datetime
    entity_id: str
    adapter_version: str


class CrmOrdersAdapter:
    """CRM export. The tenant is the account of the CRM; files do not name it."""

    name: str = SOURCE
    version: str = VERSION
    tenant: str | None = None
    default_tenant: str = "default"

    def split(self, content: bytes, filename: str) -> Iterator[Record]:
        """One record per object. Raises FileRefusedError when the file cannot be read."""
        for row, body, value in json_objects(content, filename):
            yield _record(row, body, value)

    def translate(self, row: InboxRow, context: TranslationContext) -> Sequence[CanonicalEvent]:
        """A contract event with the rights it grants, or a fulfilment. Raises TranslationError."""
        if row.is_collision:
            raise TranslationError(
                "COLLISION", f"{row.object_id} came before with the same modified_at, but otherwise"
            )
        entity = context.entity_for(row.source, row.tenant)
        record = read_model(CrmRecord, row.body).root
        try:
            if isinstance(record, Fulfilment):
                return (_fulfilment(record, entity),)
            return (_contract(record, entity), *_entitlements(record, entity))
        except UnknownCurrencyError as error:
            raise TranslationError("UNKNOWN_CURRENCY", f"currency: {error}") from None
        except ValidationError as error:
            fault = error.errors(include_url=False, include_context=False)[0]
            place = ".".join(str(part) for part in fault["loc"]) or "order"
            raise TranslationError("SCHEMA", f"{place}: {fault['msg']}") from None


def _record(row: int | None, body: bytes, value: dict[str, object]) -> Record:
    kind = text_of(value, "record")
    modified_at = text_of(value, "modified_at")
    order_id = text_of(value, "order_id")
    fulfilment_id = text_of(value, "fulfilment_id")
    identity = None
    # What cannot be named is kept under its own hash and becomes a dead letter with a reason.
    key = f"crm:{hashlib.sha256(body).hexdigest()}"
    if kind == "order" and order_id and modified_at:
        identity, key = order_id, f"order:{order_id}:{modified_at}"
    elif kind == "fulfilment" and fulfilment_id and modified_at:
        identity, key = fulfilment_id, f"ful:{fulfilment_id}:{modified_at}"
    return Record(
        delivery_key=key,
        object_type=kind,
        object_id=identity,
        body=body,
        content_type="application/json",
        origin_row=row,
    )


def _envelope(
    kind: str, source_id: str, occurred: datetime, recorded: datetime, entity: Entity
) -> _Envelope:
    return {
        "source_system": SOURCE,
        "source_object": kind,
        "source_id": source_id,
        "source_version": recorded.isoformat(),
        "occurred_at": occurred,
        "recorded_at": recorded,
        "entity_id": entity.entity_id,
        "adapter_version": VERSION,
    }


def _contract(order: Order, entity: Entity) -> ContractEvent:
    begins = first_moment(order.effective_date, entity, "effective_date")
    return ContractEvent(
        **_envelope("order", order.order_id, begins, order.modified_at, entity),
        event_type=_EVENT[order.order_type],
        contract_id=order.contract_id,
        contract_version=order.contract_version,
        customer_id=order.account_id,
        currency_code=currency(order.currency),
        signed_date=order.signed_date,
        effective_date=order.effective_date,
        end_date=order.end_date,
        term_months=order.term_months,
        replaces_contract_id=order.replaces_contract_id,
        supersedes_from_date=order.supersedes_from_date,
        refund_minor=order.refund_minor,
        lines=tuple(_line(line) for line in order.lines),
    )


def _line(line: OrderLine) -> ContractLine:
    unit_price = line.unit_price_minor
    return ContractLine(
        line_id=line.line_id,
        obligation_key=line.obligation_key,
        product_code=line.product_code,
        quantity=Decimal(line.quantity),
        amount_minor=line.amount_minor,
        ssp_minor=line.ssp_minor,
        service_start_date=line.service_start_date,
        service_end_date=line.service_end_date,
        price_ref=line.price_ref,
        usage_meter=line.usage_meter,
        unit_price_minor=None if unit_price is None else Decimal(unit_price),
        included_quantity=Decimal(line.included_quantity),
    )


def _entitlements(order: Order, entity: Entity) -> Iterator[EntitlementEvent]:
    known = {line.line_id for line in order.lines}
    for number, right in enumerate(order.entitlements):
        place = f"entitlements.{number}"
        if right.line_id not in known:
            raise TranslationError("SCHEMA", f"{place}.line_id: the order has no such line")
        if right.to_date is not None and right.to_date < right.from_date:
            raise TranslationError("SCHEMA", f"{place}.to_date: lies before from_date")
        begins = first_moment(right.from_date, entity, f"{place}.from_date")
        identity = f"{order.order_id}:{right.line_id}:{right.meter}:{right.from_date}"
        yield EntitlementEvent(
            **_envelope("entitlement", identity, begins, order.modified_at, entity),
            event_type=(
                "entitlement.changed" if order.order_type == "amendment" else "entitlement.granted"
            ),
            contract_id=order.contract_id,
            line_id=right.line_id,
            customer_id=order.account_id,
            meter=right.meter,
            from_date=right.from_date,
            to_date=right.to_date,
            is_trial=right.is_trial,
        )


def _fulfilment(record: Fulfilment, entity: Entity) -> FulfilmentEvent:
    passed = first_moment(record.fulfilled_date, entity, "fulfilled_date")
    return FulfilmentEvent(
        **_envelope("fulfilment", record.fulfilment_id, passed, record.modified_at, entity),
        event_type="fulfilment.delivered",
        fulfilment_id=record.fulfilment_id,
        contract_id=record.contract_id,
        line_id=record.line_id,
        fulfilled_date=record.fulfilled_date,
    )
