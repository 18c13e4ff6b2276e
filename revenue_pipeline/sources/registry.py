"""Which adapter speaks for which source.

A source lives in a package that offers `adapter() -> Adapter`; file agreements need no code.
"""

import importlib
from collections.abc import Iterator, Sequence
from typing import Protocol

from revenue_pipeline.canonical.models import CanonicalEvent
from revenue_pipeline.domain.errors import ConfigurationError, FileRefusedError
from revenue_pipeline.landing.inbox import InboxRow, Record
from revenue_pipeline.settings import Settings
from revenue_pipeline.sources.context import (
    TranslationContext,
    TranslationError,
    WaitingError,
)

__all__ = [
    "Adapter",
    "FileRefusedError",
    "TranslationContext",
    "TranslationError",
    "WaitingError",
    "adapter_for",
    "source_names",
]

_PACKAGES = {
    "stripe": "revenue_pipeline.sources.stripe",
    "crm_orders": "revenue_pipeline.sources.crm",
    "usage_events": "revenue_pipeline.sources.cloudevents",
}
# Translated like any other, but read by a command of its own: `revenue cases`.
_OWN_COMMAND = {"cases": "revenue_pipeline.sources.cases"}
_FILE_PREFIX = "file:"


class Adapter(Protocol):
    """One source: how its files split into records, and what a record means.

    `name` is the source in the inbox. `version` changes with the meaning. `default_tenant` is used
    when the caller names none.
    """

    @property
    def name(self) -> str:
        """The source as the inbox calls it."""

    @property
    def version(self) -> str:
        """Version of the translation, stored with every event."""

    @property
    def default_tenant(self) -> str:
        """Tenant of files that come without one."""

    def split(self, content: bytes, filename: str) -> Iterator[Record]:
        """Records of a file, in order. Raises FileRefusedError when the whole file is refused."""

    def translate(self, row: InboxRow, context: TranslationContext) -> Sequence[CanonicalEvent]:
        """Events of a record; none is allowed, with a note.

        Raises TranslationError (dead letter) or WaitingError (try again later).
        """


def adapter_for(source: str, settings: Settings) -> Adapter:
    """The adapter of a source or file agreement (`name` or `file:name`)."""
    packages = _PACKAGES | _OWN_COMMAND
    if source in packages:
        adapter: Adapter = importlib.import_module(packages[source]).adapter()
        return adapter
    from revenue_pipeline.sources.files.adapter import FileAdapter
    from revenue_pipeline.sources.files.agreement import load_agreements

    agreements = load_agreements(settings)
    name = source.removeprefix(_FILE_PREFIX)
    if name not in agreements:
        known = ", ".join(source_names(settings))
        raise ConfigurationError(f"unknown source {source!r}; known are {known}")
    return FileAdapter(agreements[name])


def source_names(settings: Settings) -> list[str]:
    """All sources that can be ingested."""
    from revenue_pipeline.sources.files.agreement import load_agreements

    return [*_PACKAGES, *sorted(load_agreements(settings))]
