"""What all events of one delivery share."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TypedDict

from revenue_pipeline.landing.inbox import InboxRow
from revenue_pipeline.sources.cases.records import Event
from revenue_pipeline.sources.cases.references import References
from revenue_pipeline.sources.context import TranslationContext

SOURCE = "cases"
VERSION = "1"


class Envelope(TypedDict):
    """Keyword arguments of every canonical event."""

    source_system: str
    source_object: str
    source_id: str
    source_version: str
    occurred_at: datetime
    recorded_at: datetime
    entity_id: str
    adapter_version: str


@dataclass(frozen=True)
class Told:
    """One event as it was delivered, and what it may ask."""

    row: InboxRow
    event: Event
    context: TranslationContext
    references: References

    @property
    def day(self) -> date:
        """The economic day; a case knows no hours, its books keep UTC."""
        return self.event.occurred_on

    @property
    def entities(self) -> tuple[str, ...]:
        """Entities of the case that the delivery names beside the event."""
        named = json.loads(self.row.body).get("entities", ())
        return tuple(name for name in named if isinstance(name, str))

    @property
    def moment(self) -> datetime:
        """When that day begins."""
        return datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC)

    def envelope(self, entity_id: str, part: str | None = None) -> Envelope:
        """The envelope for the event itself, or for a part that gives an event of its own."""
        identity = self.event.id if part is None else f"{self.event.id}:{part}"
        return {
            "source_system": SOURCE,
            "source_object": self.event.type if part is None else f"{self.event.type}.part",
            "source_id": identity,
            "source_version": self.row.body_sha256[:32],
            "occurred_at": self.moment,
            "recorded_at": self.row.occurred_at or self.moment,
            "entity_id": entity_id,
            "adapter_version": VERSION,
        }

    def next_version(self, entity_id: str, contract_id: str) -> int:
        """A case does not number the versions of a contract: they count as they arrive."""
        latest = self.context.latest_contract(SOURCE, entity_id, contract_id)
        return 1 if latest is None else latest.contract_version + 1
