"""Computing the whole chain again, and naming what is not as it was written.

The database hashes a row when it is inserted (0007_chain.sql). Here the same expressions are asked
again about the rows as they are now, after it is made sure that they are the ones shipped.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import psycopg
from psycopg import sql

from revenue_pipeline.domain.errors import RevenueError
from revenue_pipeline.governance.tables import CHAIN, CURRENT_STATE, SCHEMAS
from revenue_pipeline.warehouse.migrate import read_migrations
from revenue_pipeline.warehouse.sections import read_sections

SHOWN = 20  # findings kept per table; all are counted
_SQL = Path(__file__).with_suffix(".sql")
_FUNCTION = re.compile(
    r"create (?:or replace )?function ([a-z_.]+)\(.*?\bas\s+\$(\w*)\$(.*?)\$\2\$", re.DOTALL
)
_HEAD = re.compile(r"([1-9][0-9]{0,18}):([0-9a-f]{64})")

Differs = Literal["guard", "content", "order", "missing", "unknown"]
_MEANING: dict[str, str] = {
    "content": "is not what was written",
    "order": "does not stand where it was written",
    "missing": "was there and is gone",
    "unknown": "came in past the chain",
}


@dataclass(frozen=True)
class Head:
    """A link of the chain by number and hash. Everything up to it is as it was while both hold."""

    link_no: int
    hash: str

    def __str__(self) -> str:
        return f"{self.link_no}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> "Head":
        """Read `<number>:<sha256 in hex>`, as it is printed. Raises RevenueError."""
        found = _HEAD.fullmatch(text.strip())
        if found is None:
            raise RevenueError(f"{text!r} is no head of the chain: <number>:<sha256 in hex>")
        return cls(int(found[1]), found[2])


@dataclass(frozen=True)
class Finding:
    """One row, table or guard that is not as it should be.

    `key` is the JSON array of the primary key, empty for a whole table or a function. `link_no` is
    the link that covers the row, None where there is none.
    """

    table: str
    key: str
    differs: Differs
    detail: str
    link_no: int | None = None

    def __str__(self) -> str:
        place = f"{self.table} {self.key}".strip()
        covered = f", link {self.link_no}" if self.link_no is not None else ""
        return f"{place}: {self.detail} ({self.differs}{covered})"


@dataclass
class Verification:
    """What was computed again. `rows` counts the rows of every table of the chain.

    `findings` are the first ones in the order of the chain, guards before rows; `finding_count`
    counts all.
    """

    rows: dict[str, int] = field(default_factory=dict)
    waiting: int = 0
    head: Head | None = None
    findings: list[Finding] = field(default_factory=list)
    finding_count: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether everything is as it was written."""
        return not self.finding_count

    def add(self, findings: Iterator[Finding]) -> None:
        """Count them, keep the first few."""
        kept: list[Finding] = []
        for finding in findings:
            self.finding_count += 1
            if len(kept) < SHOWN:
                kept.append(finding)
        self.findings += kept

    def sort(self) -> None:
        """Order by place in the chain; what has none by its kind: guards first, strangers last."""
        self.findings.sort(key=_place)


def _place(finding: Finding) -> tuple[int, int]:
    if finding.differs == "guard":
        return 0, 0
    return (1, finding.link_no) if finding.link_no is not None else (2, 0)


@dataclass(frozen=True)
class _Table:
    relation: int
    space: str
    name: str
    is_append_only: bool
    is_digested: bool
    disabled_triggers: str | None
    rules: str | None
    grants: str | None
    body_form: str

    @property
    def full_name(self) -> str:
        return f"{self.space}.{self.name}"


def verify(connection: psycopg.Connection[Any], heads: Sequence[Head] = ()) -> Verification:
    """Compute every hash again and compare. Reads only; memory does not grow with the tables.

    The caller's transaction decides what is seen: give it repeatable read beside writers.

    Args:
        heads: Heads noted outside the database; each must still be in the chain.
    """
    result = Verification()
    with connection.transaction():  # cursors of the server live in one
        result.add(_changed_functions(connection))
        if not result.finding_count:  # what changed functions would say proves nothing
            _compare_all(connection, heads, result)
        result.head = read_head(connection)
    result.sort()
    return result


def _compare_all(
    connection: psycopg.Connection[Any], heads: Sequence[Head], result: Verification
) -> None:
    tables = _tables(connection)
    result.add(_missing_guards(tables))
    result.add(
        Finding(name, "", "missing", "the table is gone")
        for (name,) in _rows(connection, "vanished_tables")
    )
    result.add(_found(connection, "governance.chain", "links"))
    result.add(_found(connection, "governance.digest", "digests"))
    broken = [int(f.key[1:-1]) for f in result.findings if f.table == "governance.digest"]
    for table in tables:
        if table.full_name not in CURRENT_STATE:
            result.rows[table.full_name] = _number(connection, _composed("count", table))
            if table.full_name not in CHAIN:
                result.add(_touched_rows(connection, table, broken))
    result.add(_found(connection, "ledger.period", "periods"))
    result.add(_found(connection, "governance.audit_log", "anchors"))
    result.add(_lost_heads(connection, heads))
    result.waiting = _number(connection, _statement("waiting"))


def read_head(connection: psycopg.Connection[Any]) -> Head | None:
    """The newest link of the chain; None while there is none."""
    row = connection.execute(_statement("head")).fetchone()
    return None if row is None else Head(int(row[0]), str(row[1]))


def seal_waiting(connection: psycopg.Connection[Any]) -> int:
    """Chain the digests that wait and return how many; 0 where this account may only read."""
    allowed = connection.execute(
        "select has_function_privilege('governance.seal()', 'execute')"
    ).fetchone()
    return _number(connection, b"select governance.seal()") if allowed == (True,) else 0


def shipped_functions() -> dict[str, str]:
    """Source of every function the migrations make, by name; the newest of each."""
    return {
        name: source
        for migration in read_migrations()
        for name, _, source in _FUNCTION.findall(migration.sql)
    }


def _statement(name: str) -> bytes:
    return read_sections(_SQL)[name]


def _rows(
    connection: psycopg.Connection[Any],
    name: str,
    parameters: Mapping[str, object] | None = None,
    query: sql.Composed | None = None,
) -> Iterator[tuple[Any, ...]]:
    """Stream a statement through a cursor of the server."""
    with connection.cursor(f"verify_{name}") as cursor:
        yield from cursor.execute(query or _statement(name), parameters)


def _found(connection: psycopg.Connection[Any], table: str, name: str) -> Iterator[Finding]:
    for key, differs, link_no in _rows(connection, name):
        yield Finding(table, key, differs, _MEANING[differs], link_no)


def _changed_functions(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    shipped = shipped_functions()
    parameters = {"names": list(shipped), "sources": list(shipped.values())}
    for (name,) in _rows(connection, "changed_functions", parameters):
        yield Finding(name, "", "guard", "the function is not the one of this version")


def _tables(connection: psycopg.Connection[Any]) -> list[_Table]:
    return [_Table(*row) for row in _rows(connection, "tables", {"schemas": list(SCHEMAS)})]


def _missing_guards(tables: Sequence[_Table]) -> Iterator[Finding]:
    for table in tables:
        lacks = []
        if table.full_name not in CURRENT_STATE:
            if not table.is_append_only:
                lacks.append("it refuses no update, delete and truncate")
            if not table.is_digested and table.full_name not in CHAIN:
                lacks.append("its new rows are not hashed")
            if table.grants:
                lacks.append(f"granted: {table.grants}")
            if table.rules:
                lacks.append(f"rules stand before it: {table.rules}")
        if table.disabled_triggers:
            lacks.append(f"disabled: {table.disabled_triggers}")
        if lacks:
            yield Finding(table.full_name, "", "guard", "; ".join(lacks))


def _touched_rows(
    connection: psycopg.Connection[Any], table: _Table, broken: Sequence[int]
) -> Iterator[Finding]:
    forms = connection.execute(_statement("forms"), {"relation": table.relation}).fetchone()
    assert forms is not None
    query = _composed("rows", table, key=forms[0], row=forms[1], body=table.body_form)
    parameters = {"table_name": table.full_name, "untrusted": list(broken)}
    for key, differs, link_no in _rows(connection, "rows", parameters, query):
        yield Finding(table.full_name, key, differs, _MEANING[differs], link_no)


def _number(connection: psycopg.Connection[Any], query: bytes | sql.Composed) -> int:
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def _composed(
    name: str, table: _Table, *, key: str = "", row: str = "", body: str = ""
) -> sql.Composed:
    """Fill a section's braces; the expressions were made by the database from its catalog."""

    def expression(text: str) -> sql.SQL:
        return sql.SQL(text.replace("%", "%%"))

    return sql.SQL(_statement(name).decode()).format(
        table=sql.Identifier(table.space, table.name),
        key_form=expression(key),
        row_form=expression(row),
        body_form=expression(body),
    )


def _lost_heads(connection: psycopg.Connection[Any], heads: Sequence[Head]) -> Iterator[Finding]:
    for head in heads:
        row = connection.execute(_statement("link"), {"link_no": head.link_no}).fetchone()
        if row is None or row[0] != head.hash:
            yield Finding(
                "governance.chain",
                f"[{head.link_no}]",
                "missing" if row is None else "order",
                f"the head noted outside, {head}, is not in the chain: its end was cut off or"
                " rewritten, or an older copy was restored",
                head.link_no,
            )
