"""What still has to be posted, and whether it may be."""

from datetime import date
from typing import Any

import psycopg

from revenue_pipeline.ledger.statements import statements
from revenue_pipeline.quality.fingerprint import entity_fingerprint
from revenue_pipeline.quality.suites import ERP_JOURNALS, gated_tables, load_suites, suite_hash
from revenue_pipeline.quality.verdicts import require_open_gate


def require_allowed_rows(connection: psycopg.Connection[Any], entity_id: str) -> tuple[str, int]:
    """Hash the gated rows, hold them still, and return the hash and the verdict that allows them.

    Raises:
        GateClosedError: No positive verdict on exactly these rows and rules.
        SuiteError: The rules cannot be read or a gated table is missing.
    """
    suites = load_suites(ERP_JOURNALS)
    fingerprint = entity_fingerprint(connection, entity_id, gated_tables(suites))
    verdict_id = require_open_gate(
        connection, ERP_JOURNALS, entity_id, fingerprint, suite_hash(suites)
    )
    return fingerprint, verdict_id


def derive_pending(
    connection: psycopg.Connection[Any], entity_id: str, period: date
) -> tuple[int, dict[str, int]]:
    """Fill the temporary table pending_line with what is derived, due in `period` and not posted.

    Nothing is due in a period that is not open. The table lives until the transaction ends.

    Returns:
        The number of lines, and the sum of debits in minor units per currency.
    """
    sql = statements("post.sql")
    keys = {"entity_id": entity_id, "posting_period": period}
    connection.execute(sql["drop_pending"])
    connection.execute(sql["create_pending"], keys)
    rows = connection.execute(sql["summarize_pending"]).fetchall()
    return sum(row[1] for row in rows), {row[0]: row[2] for row in rows}
