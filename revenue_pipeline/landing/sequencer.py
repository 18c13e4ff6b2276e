"""Giving deliveries their place in the log, in an order in which they became visible.

Identity columns are handed out before a commit, so reading the inbox by inbox_id would skip rows
of transactions that commit late. One sequencer at a time moves committed rows into the log.
"""

from typing import Any

import psycopg

_LOCK = 4_702_611_811


def sequence(connection: psycopg.Connection[Any]) -> int:
    """Move the rows that wait into landing.inbox_log, by inbox_id; returns how many.

    Part of the caller's transaction. Returns 0 while another transaction sequences.
    """
    locked = connection.execute("select pg_try_advisory_xact_lock(%s)", (_LOCK,)).fetchone()
    if locked is None or not locked[0]:
        return 0
    cursor = connection.execute(
        "with moved as (delete from landing.unsequenced returning inbox_id)"
        " insert into landing.inbox_log (inbox_id) select inbox_id from moved order by inbox_id"
    )
    return cursor.rowcount
