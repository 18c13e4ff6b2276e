"""Heads of the chain kept outside the database: what proves that its end was not cut off."""

import json
from datetime import UTC, datetime
from pathlib import Path

from revenue_pipeline.domain.errors import RevenueError
from revenue_pipeline.governance.verify import Head

FILE = "chain_heads.jsonl"


def noted_heads(home: Path, database: str) -> list[Head]:
    """Heads noted for the database, oldest first. Raises RevenueError when the file is damaged."""
    return [Head.parse(str(line["head"])) for line in _lines(home) if line["database"] == database]


def note_head(home: Path, database: str, head: Head) -> bool:
    """Append the head to REVENUE_HOME's file; False when it is the newest there already."""
    known = noted_heads(home, database)
    if known and known[-1] == head:
        return False
    home.mkdir(parents=True, exist_ok=True)
    line = {"database": database, "head": str(head), "noted_at": datetime.now(UTC).isoformat()}
    with (home / FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    return True


def _lines(home: Path) -> list[dict[str, object]]:
    path = home / FILE
    if not path.exists():
        return []
    lines = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            line = json.loads(text)
            Head.parse(line["head"])
            lines.append({"database": line["database"], "head": line["head"]})
        except (ValueError, KeyError, TypeError, AttributeError, RevenueError):
            raise RevenueError(
                f"{path}:{number} names no head of a chain; restore the file"
            ) from None
    return lines
