"""Resources and the default executor."""

from typing import Any

import dagster as dg
import psycopg

from revenue_pipeline.warehouse.database import Database


class WarehouseResource(dg.ConfigurableResource[Any]):
    """The PostgreSQL warehouse.

    `url` is a libpq URL. Nothing is started here: whoever starts the orchestrator starts the
    server first and passes its address on in REVENUE_DATABASE_URL.
    """

    url: str

    @property
    def database(self) -> Database:
        """Address of the warehouse in every form a library may want."""
        return Database(self.url)

    def connect(self, *, autocommit: bool = False) -> psycopg.Connection[Any]:
        """Open a connection; used as a context manager it commits at the end and closes."""
        return self.database.connect(autocommit=autocommit)


@dg.definitions
def resources() -> dg.Definitions:
    """Production wiring; tests point REVENUE_DATABASE_URL to a database of their own."""
    return dg.Definitions(
        resources={"warehouse": WarehouseResource(url=dg.EnvVar("REVENUE_DATABASE_URL"))},
        # Steps share the process: importing dbt and Great Expectations anew for each of them
        # takes three times as long as the work.
        executor=dg.in_process_executor,
    )
