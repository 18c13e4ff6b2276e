"""What a translation may ask besides its row, and how it says that it cannot be done."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

import psycopg

from revenue_pipeline.canonical.models import CanonicalEvent, ContractEvent, content_version
from revenue_pipeline.domain.errors import RevenueError
from revenue_pipeline.landing.inbox import InboxRow
from revenue_pipeline.sources.entities import Entities, Entity, load_entities

ReasonCode = Literal[
    "SIGNATURE",
    "UNKNOWN_VERSION",
    "SCHEMA",
    "UNKNOWN_ENUM",
    "UNKNOWN_CURRENCY",
    "UNKNOWN_ENTITY",
    "ARITHMETIC",
    "MISSING_PARENT",
    "IDENTITY_CONFLICT",
    "COLLISION",
    "STALE",
    "CLOSED_PERIOD",
    "MAPPING",
    "DOWNSTREAM",
]


class TranslationError(RevenueError):
    """A delivery has no meaning that can be booked: it becomes a dead letter, the rest goes on."""

    def __init__(self, reason_code: ReasonCode, detail: str) -> None:
        self.reason_code = reason_code
        self.detail = detail
        super().__init__(f"{reason_code}: {detail}")


class WaitingError(RevenueError):
    """A delivery needs another one that has not come; every translation tries it again."""


@dataclass(frozen=True)
class ContractState:
    """The part of the newest event of a contract that decides about the next one."""

    event_type: str
    contract_version: int
    source_version: str
    effective_date: date


class TranslationContext:
    """Answers of the warehouse to an adapter, and its remarks."""

    def __init__(
        self, connection: psycopg.Connection[Any], entities: Entities | None = None
    ) -> None:
        self._connection = connection
        self._entities = entities or load_entities()
        self._latest: dict[tuple[str, str, str], ContractState | None] = {}
        self._signed: dict[tuple[str, str, str], set[str]] = {}
        self._notes: dict[int, str] = {}

    def entity_for(self, source: str, tenant: str) -> Entity:
        """The legal entity of a tenant. Raises TranslationError UNKNOWN_ENTITY."""
        entity = self._entities.find(source, tenant)
        if entity is None:
            raise TranslationError("UNKNOWN_ENTITY", f"tenant {tenant} of {source} has no entity")
        return entity

    def note(self, row: InboxRow, text: str) -> None:
        """Say why a processed row gave no event, or what was remarkable."""
        self._notes[row.inbox_id] = text

    def note_of(self, row: InboxRow) -> str | None:
        """The remark on a row."""
        return self._notes.get(row.inbox_id)

    def latest_contract(
        self, source_system: str, entity_id: str, contract_id: str
    ) -> ContractState | None:
        """The newest event this source has given of a contract, also in this very translation."""
        key = (source_system, entity_id, contract_id)
        if key not in self._latest:
            row = self._connection.execute(
                "select event_type, contract_version, source_version, effective_date"
                " from canonical.contract_event"
                " where source_system = %s and entity_id = %s and contract_id = %s"
                " order by contract_version desc limit 1",
                key,
            ).fetchone()
            self._latest[key] = None if row is None else ContractState(*row)
        return self._latest[key]

    def signed_versions(self, source_system: str, entity_id: str, contract_id: str) -> set[str]:
        """Source versions of the signings this source has given of a contract; one is normal."""
        key = (source_system, entity_id, contract_id)
        if key not in self._signed:
            rows = self._connection.execute(
                "select source_version from canonical.contract_event"
                " where source_system = %s and entity_id = %s and contract_id = %s"
                " and event_type = 'contract.signed'",
                key,
            ).fetchall()
            self._signed[key] = {str(row[0]) for row in rows}
        return self._signed[key]

    def remember(self, event: CanonicalEvent) -> None:
        """Let later rows of this translation see a contract event."""
        if isinstance(event, ContractEvent):
            key = (event.source_system, event.entity_id, event.contract_id)
            if event.event_type == "contract.signed":
                self.signed_versions(*key).add(content_version(event))
            self._latest[key] = ContractState(
                event.event_type,
                event.contract_version,
                content_version(event),
                event.effective_date,
            )

    def newest_body(
        self, source: str, tenant: str, object_type: str, object_id: str
    ) -> bytes | None:
        """The newest landed body of another object of the source, translated or not."""
        row = self._connection.execute(
            "select body from landing.inbox where source = %s and tenant = %s"
            " and object_type = %s and object_id = %s order by inbox_id desc limit 1",
            (source, tenant, object_type, object_id),
        ).fetchone()
        return None if row is None else bytes(row[0])

    def accepted_bodies(
        self, source: str, tenant: str, object_type: str, object_id: str
    ) -> list[bytes]:
        """All landed bodies of another object of the source, oldest first, without collisions."""
        rows = self._connection.execute(
            "select body from landing.inbox where source = %s and tenant = %s"
            " and object_type = %s and object_id = %s and collides_with_inbox_id is null"
            " order by inbox_id",
            (source, tenant, object_type, object_id),
        ).fetchall()
        return [bytes(row[0]) for row in rows]


def local_date(instant: datetime, entity: Entity) -> date:
    """The accounting date of an instant."""
    try:
        return instant.astimezone(entity.accounting_time_zone).date()
    except OverflowError:
        raise TranslationError("SCHEMA", f"{instant} lies outside the calendar") from None
