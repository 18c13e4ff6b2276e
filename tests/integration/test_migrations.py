"""Migrations and what the database itself enforces."""


def test_a_fresh_database_has_the_canonical_tables(connection):
    row = connection.execute("select count(*) from canonical.contract_event").fetchone()
    assert row == (0,)
