"""Databases for a while on the user's server: for acceptance cases and for comparing policies.

The user's books are never touched.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from revenue_pipeline.domain.errors import ConfigurationError
from revenue_pipeline.warehouse.database import Database
from revenue_pipeline.warehouse.migrate import migrate


@contextmanager
def scratch_database(server: Database, name: str) -> Iterator[Database]:
    """A fresh, migrated database `name`, dropped at the end."""
    made = create_scratch(server, name)
    try:
        yield made
    finally:
        drop_scratch(server, name)


def create_scratch(server: Database, name: str) -> Database:
    """Make `name` anew and migrate it. Raises ConfigurationError where that is not allowed."""
    if name == server.name():
        raise ConfigurationError(f"{name} is the database of the books")
    drop_scratch(server, name)
    with server.connect(autocommit=True) as connection:
        try:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        except psycopg.errors.InsufficientPrivilege:
            raise ConfigurationError(
                "this command needs a database of its own, and this account may not create one"
            ) from None
    made = server.with_name(name)
    with made.connect(autocommit=True) as connection:
        migrate(connection)
    return made


def copy_scratch(server: Database, scratch: Database, name: str) -> Database:
    """Make `name` anew as a copy of a scratch database nobody is connected to."""
    if name == server.name():
        raise ConfigurationError(f"{name} is the database of the books")
    drop_scratch(server, name)
    with server.connect(autocommit=True) as connection:
        connection.execute(
            sql.SQL("create database {} template {}").format(
                sql.Identifier(name), sql.Identifier(scratch.name())
            )
        )
    return server.with_name(name)


def drop_scratch(server: Database, name: str) -> None:
    """Drop the database, whoever is still connected to it."""
    with server.connect(autocommit=True) as connection:
        connection.execute(
            sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
        )
