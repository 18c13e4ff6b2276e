"""A CSV file as rows: the bytes of each, its line number and its cells."""

import csv
import hashlib
from collections.abc import Iterator

from revenue_pipeline.domain.errors import FileRefusedError
from revenue_pipeline.landing.inbox import Record
from revenue_pipeline.sources.files.agreement import Agreement

_BOM = b"\xef\xbb\xbf"
_QUOTE = ord('"')
_LONGEST_KEY = 500  # an index entry must fit a page


def split_rows(agreement: Agreement, content: bytes, filename: str) -> Iterator[Record]:
    """One record per data row; its body is the row as received, without its line ending.

    Raises FileRefusedError for an empty file, another header, bytes that are no UTF-8, a quote that
    is never closed and a header without rows.
    """
    rows = list(_logical_rows(agreement, content.removeprefix(_BOM), filename))
    if not rows:
        raise FileRefusedError(filename, None, "the file is empty")
    _check_header(agreement, rows[0][1], filename)
    if len(rows) == 1:
        raise FileRefusedError(filename, None, "the file holds a header but no rows")
    for number, body in rows[1:]:
        key = _natural_key(agreement, body)
        yield Record(
            delivery_key=f"row:{agreement.name}:{key or 'sha256-' + _sha256(body)}",
            object_type=agreement.name,
            object_id=key,
            body=body,
            content_type="text/csv; charset=utf-8",
            api_version=agreement.version,
            origin_row=number,
        )


def cells_of(agreement: Agreement, body: bytes) -> list[str]:
    """Cells of one row. Raises ValueError when it is not one well-formed row."""
    text = body.decode()
    if "\x00" in text:
        raise ValueError("holds a NUL character")
    try:
        rows = list(csv.reader([text], delimiter=agreement.delimiter, strict=True))
    except csv.Error as error:
        raise ValueError(str(error)) from None
    return rows[0] if rows else []


def _logical_rows(
    agreement: Agreement, content: bytes, filename: str
) -> Iterator[tuple[int, bytes]]:
    """Rows with their first line number; a quoted cell may hold line breaks."""
    delimiter = ord(agreement.delimiter)
    parts: list[bytes] = []
    start, quoted = 1, False
    # bytes.splitlines breaks at \n, \r\n and \r only
    for number, line in enumerate(content.splitlines(keepends=True), start=1):
        try:
            line.decode()
        except UnicodeDecodeError as error:
            reason = f"byte {line[error.start]:#04x} is not valid UTF-8"
            raise FileRefusedError(filename, number, reason) from None
        if not parts:
            start = number
        parts.append(line)
        quoted = _ends_quoted(line, delimiter, quoted=quoted)
        if not quoted:
            row = b"".join(parts).rstrip(b"\r\n")
            if row.strip():
                yield start, row
            parts = []
    if parts:
        raise FileRefusedError(filename, start, "a quote that opens here is never closed")


def _ends_quoted(line: bytes, delimiter: int, *, quoted: bool) -> bool:
    """Whether the next line belongs to this row. Only a quote that begins a cell opens it."""
    if _QUOTE not in line:
        return quoted
    at_start = not quoted
    for byte in line:
        if quoted:
            quoted = byte != _QUOTE
            at_start = not quoted  # a doubled quote opens the cell again
        elif byte == _QUOTE and at_start:
            quoted = True
        else:
            at_start = byte == delimiter
    return quoted


def _check_header(agreement: Agreement, header: bytes, filename: str) -> None:
    try:
        found = cells_of(agreement, header)
    except ValueError as error:
        raise FileRefusedError(filename, 1, f"the header cannot be read: {error}") from None
    expected = list(agreement.columns)
    if found == expected:
        return
    missing = [name for name in expected if name not in found]
    unknown = [name for name in found if name not in expected]
    faults = [
        f"without {', '.join(missing)}" if missing else "",
        f"with unknown {', '.join(repr(name[:40]) for name in unknown[:5])}" if unknown else "",
        "" if missing or unknown else "columns repeated or in another order",
    ]
    reason = f"wrong header for {agreement.name}: {'; '.join(fault for fault in faults if fault)}"
    raise FileRefusedError(filename, 1, reason)


def _natural_key(agreement: Agreement, body: bytes) -> str | None:
    """None where the row does not show its key; its hash then identifies it."""
    try:
        cells = cells_of(agreement, body)
    except ValueError:
        return None
    if len(cells) != len(agreement.columns):
        return None
    row = dict(zip(agreement.columns, cells, strict=True))
    values = [row[name] for name in agreement.key]
    if not all(value.strip() for value in values):
        return None
    key = "|".join(value.replace("\\", "\\\\").replace("|", "\\|") for value in values)
    return key if len(key) <= _LONGEST_KEY and key.isprintable() else None


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
