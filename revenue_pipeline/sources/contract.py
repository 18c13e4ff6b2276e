"""What every adapter gives and gets."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from revenue_pipeline.canonical.models import Event
from revenue_pipeline.domain.errors import RevenueError
from revenue_pipeline.landing.inbox import Record


class TranslationError(RevenueError):
    """A delivery that cannot become an event. It becomes a dead letter with this reason code."""

    def __init__(self, reason_code: str, detail: str) -> None:
        self.reason_code = reason_code
        self.detail = detail
        super().__init__(f"{reason_code}: {detail}")


class WaitingError(RevenueError):
    """A delivery whose parent has not arrived. It is tried again at the next translation."""


@dataclass(frozen=True, slots=True)
class Entity:
    """Legal entity behind a source's account, and the clock its dates are read with."""

    entity_id: str
    accounting_time_zone: str
    functional_currency_code: str


@dataclass(frozen=True, slots=True)
class InboxRow:
    """One delivery as the log holds it."""

    inbox_id: int
    log_seq: int
    source: str
    tenant: str
    delivery_key: str
    object_type: str | None
    object_id: str | None
    api_version: str | None
    body: bytes
    body_sha256: str
    origin: str
    origin_row: int | None
    is_collision: bool


@dataclass(frozen=True, slots=True)
class Translation:
    """Events of one delivery; `note` says why a good delivery gives none."""

    events: Sequence[Event] = ()
    note: str | None = None


class Adapter(Protocol):
    """Reads one source. Pure: the same bytes give the same records and events."""

    name: str
    version: str
    tenant: str | None
    """Tenant when the source speaks for one only; None: the caller says."""
    default_tenant: str

    def split(self, content: bytes, filename: str) -> Iterator[Record]:
        """Records of a file, in file order. Raises FileRefusedError for the file as a whole."""
        ...

    def translate(self, row: InboxRow, entity: Entity) -> Translation:
        """Events of one delivery. Raises TranslationError or WaitingError."""
        ...
