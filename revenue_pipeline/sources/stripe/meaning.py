"""What every translation of an object shares: the entity, its clock, and the envelope."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypedDict

from revenue_pipeline.canonical.models import CanonicalEvent
from revenue_pipeline.domain.money import currency
from revenue_pipeline.sources.entities import Entity
from revenue_pipeline.sources.stripe.fields import Fields

SOURCE = "stripe"
VERSION = "1"


@dataclass(frozen=True)
class Meaning:
    """Events of one object; `note` says why there are none, or what was remarkable."""

    events: tuple[CanonicalEvent, ...] = ()
    note: str | None = None


class EnvelopeFields(TypedDict):
    """Fields that every event carries."""

    source_system: str
    source_object: str
    source_id: str
    occurred_at: datetime
    recorded_at: datetime
    entity_id: str
    adapter_version: str


def envelope(
    event_type: str, source_id: str, occurred: datetime, recorded: datetime, entity: Entity
) -> EnvelopeFields:
    """Identity by event type and object: equal content in another API version is one event."""
    return {
        "source_system": SOURCE,
        "source_object": event_type,
        "source_id": source_id,
        "occurred_at": occurred,
        "recorded_at": recorded,
        "entity_id": entity.entity_id,
        "adapter_version": VERSION,
    }


def currency_of(fields: Fields) -> str:
    """The object's currency in upper case. Raises UnknownCurrencyError or SCHEMA."""
    return currency(fields.text("currency"))


def last_day(start: date, end: date) -> date:
    """Stripe's period ends where the next begins; ours ends on the day before."""
    return end - timedelta(days=1) if end > start else start


def contract_of_subscription(subscription_id: str) -> str:
    """Contract that a subscription is by itself, when no order stands behind it."""
    return f"stripe:{subscription_id}"
