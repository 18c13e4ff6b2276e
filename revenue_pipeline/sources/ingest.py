"""Files into the inbox. A file is taken whole or refused whole; a bad row inside is kept and named."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from revenue_pipeline.domain.errors import FileRefusedError
from revenue_pipeline.landing.inbox import LoadResult, receive, refuse
from revenue_pipeline.landing.sequencer import sequence
from revenue_pipeline.settings import Settings
from revenue_pipeline.sources.registry import adapter_for
from revenue_pipeline.sources.translate import TranslationSummary, translate_pending


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of one file: loaded, or refused with a reason."""

    file: str
    loaded: LoadResult | None
    refused: str | None = None


@dataclass(slots=True)
class IngestReport:
    """All files of one call, what their rows became, and each row that was refused."""

    files: list[FileReport] = field(default_factory=list)
    translated: TranslationSummary | None = None
    dead_letters: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """2 when a whole file was refused, else 0: refused rows are kept and named."""
        return 2 if any(file.refused is not None for file in self.files) else 0

    def lines(self) -> list[str]:
        """One line per file, then one per refused row."""
        told = []
        for file in self.files:
            if file.loaded is None:
                told.append(f"{file.refused}")
            else:
                told.append(
                    f"{file.file}: {file.loaded.received} received, {file.loaded.added} added, "
                    f"{file.loaded.duplicates} duplicates, {file.loaded.collisions} collisions"
                )
        return [*told, *self.dead_letters]


def ingest(
    connection: psycopg.Connection[Any],
    source: str,
    paths: Sequence[Path],
    *,
    settings: Settings,
    tenant: str | None = None,
    root: Path | None = None,
) -> IngestReport:
    """Take files (or every file of a folder) of one source into the inbox and translate them.

    Each file is one transaction. A refused file does not stop the others. `root` is the folder a
    relative path must stay inside, the current one by default.
    """
    adapter = adapter_for(source, settings)
    account = adapter.tenant or tenant or adapter.default_tenant
    report = IngestReport()
    load_ids: list[int] = []
    for path in _expand(paths):
        content = b""
        try:
            content = read_inside(path, root or Path.cwd())
            records = list(adapter.split(content, str(path)))
        except FileRefusedError as error:
            with connection.transaction():
                refuse(
                    connection,
                    source=source,
                    channel="file",
                    origin=str(path),
                    content=content,
                    reason=str(error),
                )
            report.files.append(FileReport(str(path), None, str(error)))
            continue
        with connection.transaction():
            loaded = receive(
                connection,
                source=source,
                tenant=account,
                channel="file",
                origin=path.name,
                content=content,
                records=records,
            )
        load_ids.append(loaded.load_id)
        report.files.append(FileReport(str(path), loaded))
    connection.commit()
    with connection.transaction():
        sequence(connection)
    with connection.transaction():
        report.translated = translate_pending(connection, settings)
    connection.commit()
    report.dead_letters = _dead_letters(connection, load_ids)
    connection.commit()
    return report


def read_inside(path: Path, root: Path) -> bytes:
    """Bytes of a regular file. Raises FileRefusedError for anything else.

    A path with `..`, or a link, that leads out of the folder it was given in is refused: a drop
    folder must not be a way to read the rest of the machine.
    """
    anchor = path.parent if path.is_absolute() else root
    if ".." in path.parts:
        raise FileRefusedError(str(path), None, "path leads outside the folder")
    try:
        resolved = (
            path.resolve(strict=True) if path.is_absolute() else (root / path).resolve(strict=True)
        )
        if not resolved.is_relative_to(anchor.resolve()):
            raise FileRefusedError(str(path), None, "path leads outside the folder")
        if not resolved.is_file():
            raise FileRefusedError(str(path), None, "not a regular file")
        content = resolved.read_bytes()
    except FileNotFoundError as error:
        raise FileRefusedError(str(path), None, "no such file") from error
    except OSError as error:
        raise FileRefusedError(str(path), None, f"cannot be read: {error.strerror}") from error
    if not content.strip():
        raise FileRefusedError(str(path), None, "the file is empty")
    return content


def _expand(paths: Sequence[Path]) -> list[Path]:
    """Folders stand for the files directly in them, in name order."""
    expanded: list[Path] = []
    for path in paths:
        if path.is_dir():
            expanded.extend(
                sorted(child for child in path.iterdir() if not child.name.startswith("."))
            )
        else:
            expanded.append(path)
    return expanded


def _dead_letters(connection: psycopg.Connection[Any], load_ids: Sequence[int]) -> list[str]:
    rows = connection.execute(
        """
        select inbox.origin, inbox.origin_row, dead_letter.reason_code, dead_letter.detail
        from landing.dead_letter
        inner join landing.inbox on dead_letter.inbox_id = inbox.inbox_id
        where inbox.load_id = any(%s)
        order by inbox.inbox_id
        """,
        (list(load_ids),),
    ).fetchall()
    return [
        f"{origin}, row {row}: {code}: {detail}"
        if row is not None
        else f"{origin}: {code}: {detail}"
        for origin, row, code, detail in rows
    ]
