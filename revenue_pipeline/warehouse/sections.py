"""SQL kept in .sql files beside the modules, in sections headed `-- name: <section>`."""

import re
from functools import cache
from pathlib import Path

_HEADING = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def read_sections(file: Path) -> dict[str, bytes]:
    """Sections of `file` by name. Bytes, because psycopg takes no dynamic text as a query."""
    parts = _HEADING.split(file.read_text(encoding="utf-8"))[1:]
    return {name: body.strip().encode() for name, body in zip(parts[::2], parts[1::2], strict=True)}
