"""Which database, and in which form each library wants its address.

Plain `postgresql://` goes to libpq clients only: SQLAlchemy reads it as psycopg 3, and Dagster's
storage then fails on its first event. SQLAlchemy URLs therefore always name their driver.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlencode

import psycopg
from psycopg import conninfo, sql

from revenue_pipeline.domain.errors import ConfigurationError
from revenue_pipeline.settings import Settings, load_settings
from revenue_pipeline.warehouse.embedded import EmbeddedPostgres
from revenue_pipeline.warehouse.migrate import applied_migrations, migrate, read_migrations

DATABASE_NAME = "revenue"
DAGSTER_DATABASE_NAME = "dagster"

RECOVERY_SECONDS = 20
_CREATE_LOCK = 4_702_611_804
_PG_VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
}


@dataclass(frozen=True)
class Database:
    """Address of the warehouse. `url` is a libpq URL; `home` is REVENUE_HOME."""

    url: str = field(repr=False)  # may hold a password
    home: Path = field(default_factory=lambda: load_settings().home)

    def connect(self, *, autocommit: bool = False) -> psycopg.Connection[Any]:
        """Open a connection. Raises ConfigurationError when the server cannot be reached."""
        try:
            return psycopg.connect(self.url, autocommit=autocommit, application_name="revenue")
        except psycopg.OperationalError as error:
            raise ConfigurationError(
                f"cannot reach the database: {' '.join(str(error).split())}"
            ) from None

    def sqlalchemy_url(self, driver: Literal["psycopg", "psycopg2"]) -> str:
        """The same address for SQLAlchemy; on a socket the query overrides the host it names."""
        return _sqlalchemy_url(self._parameters(), driver)

    def dagster_url(self) -> str:
        """SQLAlchemy address (psycopg2) of Dagster's own database on the same server."""
        return _sqlalchemy_url({**self._parameters(), "dbname": DAGSTER_DATABASE_NAME}, "psycopg2")

    def environment(self) -> dict[str, str]:
        """Variables that make child processes, dbt and Dagster use this database, start none."""
        parameters = self._parameters()
        pg = {name: parameters[key] for key, name in _PG_VARIABLES.items() if key in parameters}
        return {
            **pg,
            "REVENUE_DATABASE_URL": self.url,
            "REVENUE_HOME": str(self.home),
            "DAGSTER_PG_URL": self.dagster_url(),
            "DAGSTER_HOME": str(self.home / "dagster"),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DO_NOT_TRACK": "1",
            "GX_ANALYTICS_ENABLED": "false",
        }

    def with_name(self, database: str) -> "Database":
        """Another database of the same server."""
        return Database(_libpq_url({**self._parameters(), "dbname": database}), self.home)

    def name(self) -> str:
        """Name of the database the URL points to."""
        return self._parameters()["dbname"]

    def _parameters(self) -> dict[str, str]:
        return {
            key: str(value)
            for key, value in conninfo.conninfo_to_dict(self.url).items()
            if value is not None
        }


def embedded_server(settings: Settings) -> EmbeddedPostgres:
    """The server that belongs to this REVENUE_HOME, started or not."""
    return EmbeddedPostgres(settings.home / "postgres")


def open_database(settings: Settings) -> Database:
    """Database ready for work: server up, both databases there, migrations applied. Idempotent.

    With `settings.database_url` nothing is started; CREATEDB is needed only where one is missing.
    """
    if settings.database_url:
        database = Database(_checked(settings.database_url), settings.home)
        _prepare(database)
        return database
    server = embedded_server(settings)
    deadline = time.monotonic() + RECOVERY_SECONDS
    while True:
        database = Database(server.start().url(DATABASE_NAME), settings.home)
        try:
            _prepare(database)
        except (ConfigurationError, psycopg.OperationalError):
            # one of its processes was just killed: it throws everybody out, recovers, goes on
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return database


def open_to_read(settings: Settings) -> Database:
    """Like open_database, but a server of `settings.database_url` is left exactly as it is.

    So an account that may only read is enough there. Raises ConfigurationError when the database
    has not applied the migrations of this version, or others.
    """
    if not settings.database_url:
        return open_database(settings)
    database = Database(_checked(settings.database_url), settings.home)
    with database.connect(autocommit=True) as connection:
        applied = applied_migrations(connection)
    shipped = {migration.version: migration.sha256 for migration in read_migrations()}
    if applied != shipped:
        differing = sorted(version for version, _ in applied.items() ^ shipped.items())
        raise ConfigurationError(
            f"the database does not have the migrations of this version ({differing[0]} differs); "
            "run any other command with the account that owns it"
        )
    return database


def _prepare(database: Database) -> None:
    _create_missing(database)
    with database.connect(autocommit=True) as connection:
        migrate(connection)


def _create_missing(database: Database) -> None:
    wanted = [database.name(), DAGSTER_DATABASE_NAME]
    with _maintenance_connection(database) as connection:
        connection.execute(
            "select pg_advisory_lock(%s)", (_CREATE_LOCK,)
        )  # two first commands at once
        known = {row[0] for row in connection.execute("select datname from pg_database").fetchall()}
        for name in wanted:
            if name not in known:
                try:
                    connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
                except psycopg.errors.InsufficientPrivilege:
                    raise ConfigurationError(
                        f"the server has no database {name!r} and this account may not create it; "
                        f"ask its administrator for: create database {name} owner <account>"
                    ) from None


def _maintenance_connection(database: Database) -> psycopg.Connection[Any]:
    """A connection that works before our database exists."""
    try:
        return psycopg.connect(database.url, autocommit=True)
    except psycopg.OperationalError:
        return database.with_name("postgres").connect(autocommit=True)


def _checked(url: str) -> str:
    try:
        parameters = conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise ConfigurationError(
            f"REVENUE_DATABASE_URL is not a PostgreSQL URL: {str(error).strip()}"
        ) from None
    if not parameters.get("dbname"):
        raise ConfigurationError(
            "REVENUE_DATABASE_URL names no database: postgresql://user@host/revenue"
        )
    return url


def _libpq_url(parameters: Mapping[str, str]) -> str:
    rest = dict(parameters)
    user = quote(rest.pop("user", ""), safe="")
    password = quote(rest.pop("password", ""), safe="")
    name = quote(rest.pop("dbname", ""), safe="")
    credentials = f"{user}:{password}@" if password else f"{user}@" if user else ""
    query = urlencode(rest, quote_via=quote, safe="")
    return f"postgresql://{credentials}/{name}" + (f"?{query}" if query else "")


def _sqlalchemy_url(parameters: Mapping[str, str], driver: str) -> str:
    rest = dict(parameters)
    user = quote(rest.pop("user", "postgres"), safe="")
    password = quote(rest.pop("password", ""), safe="")
    name = quote(rest.pop("dbname", DATABASE_NAME), safe="")
    credentials = f"{user}:{password}" if password else user
    if rest.get("host", "").startswith("/"):
        place = "localhost"  # some readers refuse a URL without a host; the query below wins
    else:
        place = f"{rest.pop('host', 'localhost')}:{rest.pop('port', '5432')}"
    query = urlencode(rest, quote_via=quote, safe="")
    return f"postgresql+{driver}://{credentials}@{place}/{name}" + (f"?{query}" if query else "")
