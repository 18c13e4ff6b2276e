"""What a derive has to derive: everything, or the contracts that are new and all they touch.

Every derive goes through `deriving` (docs/decisions/0010): it fills derivation.scope, which the
staging models read and the marts delete by, and keeps a second derive waiting until it is over.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psycopg

from revenue_pipeline.paths import DBT_PROJECT_DIR
from revenue_pipeline.warehouse.database import Database
from revenue_pipeline.warehouse.sections import read_sections

Mode = Literal["full", "incremental"]

# Also named in dbt_project/macros/scope.sql, where a derive past this module is noticed.
LOCK = (1094, 8811)
ALL_OF_THE_LOG = 9_223_372_036_854_775_807
_FOLDERS = ("models", "macros", "seeds")
_EVENTS = (
    "contract_event",
    "entitlement_event",
    "invoice_event",
    "usage_event",
    "credit_event",
    "payment_event",
    "fulfilment_event",
    "estimate_event",
    "fx_rate_event",
    "balance_event",
)
_LAST_FINISHED = """
    select run.run_id, run.known_in is not null, run.changed_from, run.as_of_seq, run.project_hash
    from derivation.run
    inner join derivation.run_end on run.run_id = run_end.run_id
    order by run.run_id desc limit 1
"""
_NOT_FINISHED = """
    select mode, as_of_seq, project_hash from derivation.run where run_id > %s order by run_id
"""


@dataclass(frozen=True)
class DerivationScope:
    """What one derive derives.

    `contracts` stand in the scope (of a full derive: all there are), `changed` events came since
    the last one (of a full derive: all). `reason` says why the mode is what it is.
    """

    run_id: int
    mode: Mode
    reason: str
    contracts: int
    changed: int

    @property
    def is_full(self) -> bool:
        """Whether everything is derived anew."""
        return self.mode == "full"

    @property
    def dbt_arguments(self) -> tuple[str, ...]:
        """What `dbt build` needs to be told beside the rest."""
        return ("--full-refresh",) if self.is_full else ()


@contextmanager
def deriving(
    database: Database,
    *,
    full: bool = False,
    project: Path = DBT_PROJECT_DIR,
    counts: bool = True,
) -> Iterator[DerivationScope]:
    """Prepare a derive, let the caller run dbt in the block, and note that it is done.

    A second derive of the same database waits. When the block raises, the run counts as died: the
    next one derives its contracts again.

    Args:
        full: Derive everything, whatever changed.
        project: Folder of the dbt project that is run.
        counts: The next derive may start from here.
    """
    with closing(database.connect(autocommit=True)) as holder:
        holder.execute("select pg_advisory_lock(%s, %s)", LOCK)
        scope = prepare_scope(database, full=full, project=project)
        yield scope
        if counts:
            finish_scope(database, scope)


def prepare_scope(
    database: Database, *, full: bool = False, project: Path = DBT_PROJECT_DIR
) -> DerivationScope:
    """Decide the mode, fill derivation.scope and note the run. Use `deriving` where you can."""
    as_of = int(os.environ.get("REVENUE_AS_OF_SEQ") or ALL_OF_THE_LOG)
    content = project_hash(project)
    with closing(database.connect()) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with connection.transaction():
            last = connection.execute(_LAST_FINISHED.encode()).fetchone()
            reason = (
                "asked for"
                if full
                else "no finished derive before"
                if last is None
                else _why_full(connection, last, as_of, content)
            )
            connection.execute("truncate derivation.scope")
            since = None
            if reason is None:
                assert last is not None
                since = last[2]
                contracts, changed = _fill(connection, since)
                reason = f"follows run {last[0]}"
            else:
                contracts, changed = _everything(connection)
            mode: Mode = "full" if since is None else "incremental"
            row = connection.execute(
                """
                insert into derivation.run (mode, reason, known_in, changed_from, as_of_seq,
                    project_hash, contract_count, changed_count)
                select %s, %s, case when not %s then pg_current_snapshot() end,
                    pg_snapshot_xmin(pg_current_snapshot()), %s, %s, %s, %s
                returning run_id
                """,
                (mode, reason, _is_restored(connection), as_of, content, contracts, changed),
            ).fetchone()
        assert row is not None
        with connection.transaction():
            connection.execute("analyze derivation.scope")
    return DerivationScope(int(row[0]), mode, reason, contracts, changed)


def finish_scope(database: Database, scope: DerivationScope) -> None:
    """Note that every model was built for `scope`: the next derive starts from here."""
    with closing(database.connect(autocommit=True)) as connection:
        connection.execute("insert into derivation.run_end (run_id) values (%s)", (scope.run_id,))


def project_hash(project: Path = DBT_PROJECT_DIR) -> str:
    """Sha256 of all that decides what the models make of events: models, macros, seeds."""
    digest = hashlib.sha256()
    files = [project / "dbt_project.yml"]
    for folder in _FOLDERS:
        files += sorted(path for path in (project / folder).rglob("*") if path.is_file())
    for path in files:
        digest.update(f"{path.relative_to(project).as_posix()}\n".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _why_full(
    connection: psycopg.Connection[Any], last: tuple[Any, ...], as_of: int, content: str
) -> str | None:
    """Why marts cannot go on from the last finished run; None when they can."""
    run_id, is_known, since, last_as_of, last_content = last
    died = connection.execute(_NOT_FINISHED.encode(), (run_id,)).fetchall()
    if any(mode == "full" or other != content for mode, _, other in died):
        return "a full derive, or one of other models, died since"
    moments = {last_as_of, *(row[1] for row in died)}
    rates = "select 1 from canonical.fx_rate_event where written_in >= %s limit 1"
    marts = "select 1 from pg_tables where schemaname = 'marts' limit 1"
    checks: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("models or policies changed", lambda: last_content != content),
        ("as of another moment", lambda: moments != {as_of}),
        (
            "the database comes from another server",
            lambda: not is_known or _is_restored(connection, since),
        ),
        ("new exchange rates", lambda: _found(connection, rates, (since,))),
        ("the marts are gone", lambda: not _found(connection, marts)),
    )
    return next((reason for reason, holds in checks if holds()), None)


def _is_restored(connection: psycopg.Connection[Any], since: Any = None) -> bool:
    """Whether rows bear transactions that this server has not seen yet: it is not their home."""
    if since is not None and _found(
        connection, "select 1 where %s::xid8 > pg_snapshot_xmax(pg_current_snapshot())", (since,)
    ):
        return True
    return any(
        _found(
            connection,
            f"select 1 from canonical.{table}"  # noqa: S608 - constants of this module
            " where written_in >= pg_snapshot_xmax(pg_current_snapshot()) limit 1",
        )
        for table in _EVENTS
    )


def _everything(connection: psycopg.Connection[Any]) -> tuple[int, int]:
    contracts = _number(
        connection,
        b"select count(*) from (select distinct entity_id, contract_id"
        b" from canonical.contract_event) as contracts",
    )
    events = sum(
        _number(connection, f"select count(*) from canonical.{table}".encode())  # noqa: S608
        for table in _EVENTS
    )
    return contracts, events


def _fill(connection: psycopg.Connection[Any], since: Any) -> tuple[int, int]:
    """Put into the scope what changed and what it leads to; returns contracts and events."""
    part = statements()
    # a table is made from the answer, which takes no parameters of the server
    psycopg.ClientCursor(connection).execute(part["changed"], {"since": since})
    changed = _number(connection, part["changed_count"])
    connection.execute(part["couplings"])
    connection.execute(part["reach"])
    for (entity,) in connection.execute(part["opened_entities"]).fetchall():
        _add_openings(connection, entity, since)
    contracts = _number(
        connection, b"select count(*) from derivation.scope where kind = 'contract'"
    )
    connection.execute(part["name_unassigned"])
    return contracts, changed


def _add_openings(connection: psycopg.Connection[Any], entity: str, since: Any) -> None:
    """An opening balance belongs to the only arrangement or customer there is, else to none.

    Whether there is another one is seen from two arrangements; with one customer, from all.
    """
    part = statements()
    names = {"entity": entity, "since": since}
    counts = connection.execute(part["customers_of"], names).fetchone()
    assert counts is not None
    connection.execute(part["clear_keys"])
    if min(counts) <= 1:
        connection.execute(part["all_of_entity"], names)
        connection.execute(part["reach"])
        return
    connection.execute(part["opening_of_entity"], names)
    for _ in range(2):
        connection.execute(part["one_more_of_entity"], names)
        connection.execute(part["reach"])
        connection.execute(part["clear_keys"])


def statements() -> dict[str, bytes]:
    """Sections of scope.sql by name."""
    return read_sections(Path(__file__).with_name("scope.sql"))


def _found(connection: psycopg.Connection[Any], query: str, values: tuple[Any, ...] = ()) -> bool:
    return connection.execute(query.encode(), values).fetchone() is not None


def _number(connection: psycopg.Connection[Any], query: bytes) -> int:
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])
