"""The adapter: one CloudEvent of the agreed type is one measured use."""

import hashlib
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from revenue_pipeline.canonical.models import CanonicalEvent, UsageEvent
from revenue_pipeline.landing.inbox import InboxRow, Record
from revenue_pipeline.sources.context import TranslationContext, TranslationError
from revenue_pipeline.sources.jsonlines import (
    StrictModel,
    day_of,
    json_objects,
    read_model,
    text_of,
)

SOURCE = "usage_events"
VERSION = "1"
TYPE = "com.example.usage.v1"

Name = Annotated[str, Field(min_length=1, max_length=200)]


class UsageData(StrictModel):
    """What was used. The quantity travels as text, so that it stays exact."""

    contract_id: Name | None = None
    meter: Name
    quantity: Annotated[str, Field(pattern=r"^[0-9]{1,20}(\.[0-9]{1,12})?$")]


class UsageCloudEvent(BaseModel):
    """CloudEvents 1.0; `subject` is the customer. Extension attributes are allowed and ignored."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False)

    specversion: Literal["1.0"]
    id: Name
    source: Name
    type: Literal["com.example.usage.v1"]
    subject: Name
    time: AwareDatetime
    data: UsageData


class UsageEventsAdapter:
    """Usage events. The tenant is the account of the metering system; files do not name it."""

    name: str = SOURCE
    version: str = VERSION
    tenant: str | None = None
    default_tenant: str = "default"

    def split(self, content: bytes, filename: str) -> Iterator[Record]:
        """One record per event. Raises FileRefusedError when the file cannot be read."""
        for row, body, value in json_objects(content, filename):
            source, identity = text_of(value, "source"), text_of(value, "id")
            named = source is not None and identity is not None
            digest = hashlib.sha256(body).hexdigest()
            yield Record(
                delivery_key=f"ce:{source}:{identity}" if named else f"ce:{digest}",
                object_type=text_of(value, "type"),
                object_id=identity,
                body=body,
                content_type="application/cloudevents+json",
                origin_row=row,
            )

    def translate(self, row: InboxRow, context: TranslationContext) -> Sequence[CanonicalEvent]:
        """One usage event; one that came with other content too is marked as a collision."""
        entity = context.entity_for(row.source, row.tenant)
        event = read_model(UsageCloudEvent, row.body)
        try:
            usage = UsageEvent(
                source_system=SOURCE,
                source_object="usage",
                source_id=usage_id(event.source, event.id),
                # Two contents under one id are two events, or the second would vanish unseen.
                source_version=row.body_sha256[:16],
                occurred_at=event.time,
                recorded_at=event.time,
                entity_id=entity.entity_id,
                adapter_version=VERSION,
                usage_id=usage_id(event.source, event.id),
                customer_id=event.subject,
                contract_id=event.data.contract_id,
                meter=event.data.meter,
                quantity=Decimal(event.data.quantity),
                usage_at=event.time,
                usage_date=day_of(event.time, entity, "time"),
                is_collision=row.is_collision,
            )
        except ValidationError as error:
            fault = error.errors(include_url=False, include_context=False)[0]
            place = ".".join(str(part) for part in fault["loc"]) or "event"
            raise TranslationError("SCHEMA", f"{place}: {fault['msg']}") from None
        return (usage,)


def usage_id(source: str, event_id: str) -> str:
    """CloudEvents promises uniqueness of source and id together, not of the id alone."""
    return f"{source}#{event_id}"
