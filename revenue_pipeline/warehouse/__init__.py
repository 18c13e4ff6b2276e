"""PostgreSQL: the embedded server, connections, migrations, bulk writing."""
