"""Landing files: which may be read, what they hold, and what came of them."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from revenue_pipeline.domain.errors import FileRefusedError
from revenue_pipeline.landing.inbox import receive, refuse
from revenue_pipeline.landing.sequencer import sequence
from revenue_pipeline.settings import Settings
from revenue_pipeline.sources.registry import Adapter, adapter_for
from revenue_pipeline.sources.translate import DeadLetter, TranslationSummary, translate_pending

# Beyond it a file is a mistake (or an attack): it is read into memory as a whole.
LARGEST_FILE = 512 * 1024 * 1024


@dataclass(frozen=True)
class FileReport:
    """What came of one file: received = added + duplicates, collisions are part of added."""

    path: str
    received: int = 0
    added: int = 0
    duplicates: int = 0
    collisions: int = 0
    refused: bool = False
    reason: str | None = None


@dataclass(frozen=True)
class IngestReport:
    """All files in the order given, and what their translation said when one was asked for."""

    source: str
    files: tuple[FileReport, ...]
    translation: TranslationSummary | None = None

    @property
    def refused(self) -> bool:
        """Whether at least one whole file was refused."""
        return any(file.refused for file in self.files)

    @property
    def dead_letters(self) -> tuple[DeadLetter, ...]:
        """Rows that were kept but have no meaning that can be booked."""
        return () if self.translation is None else self.translation.dead_letters


def ingest(
    connection: psycopg.Connection[Any],
    source: str,
    paths: Sequence[Path | str],
    *,
    settings: Settings,
    tenant: str | None = None,
    root: Path | None = None,
    translate: bool = False,
) -> IngestReport:
    """Land files (folders: every file inside) of a source, each in a transaction of its own.

    A refused file adds nothing and does not stop the others. `root` (default: the current folder)
    is what relative paths may not leave. `translate` also translates everything pending.
    """
    adapter = adapter_for(source, settings)
    base = (root or Path.cwd()).absolute()
    files: list[FileReport] = []
    for given in paths:
        try:
            expanded = list(_expand(Path(given), base))
        except FileRefusedError as error:
            with connection.transaction():
                _refuse(connection, adapter, error, b"")
            files.append(FileReport(str(given), refused=True, reason=str(error)))
            continue
        for path, label in expanded:
            with connection.transaction():
                files.append(_land(connection, adapter, path, label, tenant))
    with connection.transaction():
        sequence(connection)
    summary = translate_pending(connection, settings=settings) if translate else None
    return IngestReport(adapter.name, tuple(files), summary)


def _land(
    connection: psycopg.Connection[Any],
    adapter: Adapter,
    path: Path,
    label: str,
    tenant: str | None,
) -> FileReport:
    content = b""
    try:
        content = _read(path, label)
        records = list(adapter.split(content, label))
    except FileRefusedError as error:
        _refuse(connection, adapter, error, content)
        return FileReport(label, refused=True, reason=str(error))
    result = receive(
        connection,
        source=adapter.name,
        tenant=tenant or adapter.default_tenant,
        channel="file",
        origin=label,
        content=content,
        records=records,
    )
    return FileReport(label, result.received, result.added, result.duplicates, result.collisions)


def _refuse(
    connection: psycopg.Connection[Any], adapter: Adapter, error: FileRefusedError, content: bytes
) -> None:
    refuse(
        connection,
        source=adapter.name,
        channel="file",
        origin=_storable(error.file),
        content=content,
        reason=_storable(str(error)),
    )


def _storable(text: str) -> str:
    return text.replace("\x00", "\\x00").encode(errors="backslashreplace").decode()


def _expand(given: Path, base: Path) -> Iterator[tuple[Path, str]]:
    """Files a path stands for, with the names people know them by.

    A relative path stays below `base`, links included; an absolute one was named on purpose.
    Whatever lies in a given folder stays in that folder.
    """
    label = str(given)
    if "\x00" in label:
        raise FileRefusedError(label, None, "the path holds a NUL character")
    if ".." in given.parts:
        raise FileRefusedError(
            label, None, "the path goes up (..); name it absolutely or from here"
        )
    path = given if given.is_absolute() else base / given
    _check_inside(path, None if given.is_absolute() else base, label)
    if not path.is_dir():
        yield path, label
        return
    names = sorted(child for child in path.rglob("*") if not child.is_dir())
    visible = [name for name in names if not any(p[0] == "." for p in name.relative_to(path).parts)]
    if not visible:
        raise FileRefusedError(label, None, "the folder holds no files")
    for name in visible:
        _check_inside(name, path, str(given / name.relative_to(path)))
    yield from ((name, str(given / name.relative_to(path))) for name in visible)


def _check_inside(path: Path, folder: Path | None, label: str) -> None:
    try:
        real = path.resolve(strict=True)
    except (FileNotFoundError, NotADirectoryError):
        raise FileRefusedError(label, None, "there is no such file") from None
    except (OSError, RuntimeError) as error:
        raise FileRefusedError(label, None, f"cannot be opened: {error}") from error
    if folder is not None and not real.is_relative_to(folder.resolve()):
        raise FileRefusedError(label, None, f"leads out of {folder}")
    if not real.is_file() and not real.is_dir():
        raise FileRefusedError(label, None, "is not a regular file")


def _read(path: Path, label: str) -> bytes:
    try:
        # Checked before and read after: O_NONBLOCK keeps a pipe that took its place from blocking.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise FileRefusedError(label, None, f"cannot be read: {error.strerror}") from error
    if len(content) > LARGEST_FILE:
        raise FileRefusedError(label, None, f"is larger than {LARGEST_FILE} bytes")
    if not content.strip():
        raise FileRefusedError(label, None, "the file is empty")
    return content
