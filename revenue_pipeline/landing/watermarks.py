"""How far each consumer has read the log. A watermark commits with the output it stands for."""

from typing import Any

import psycopg


def read_watermark(connection: psycopg.Connection[Any], consumer: str) -> int:
    """The newest log_seq the consumer has read; 0 before its first."""
    row = connection.execute(
        "select log_seq from landing.watermark where consumer = %s", (consumer,)
    ).fetchone()
    return 0 if row is None else int(row[0])


def write_watermark(connection: psycopg.Connection[Any], consumer: str, log_seq: int) -> None:
    """Move the consumer's watermark forward in the caller's transaction; it never goes back."""
    connection.execute(
        "insert into landing.watermark as mark (consumer, log_seq) values (%s, %s)"
        " on conflict (consumer) do update"
        " set log_seq = excluded.log_seq, updated_at = clock_timestamp()"
        " where mark.log_seq < excluded.log_seq",
        (consumer, log_seq),
    )


def newest_log_seq(connection: psycopg.Connection[Any]) -> int:
    """The newest log_seq there is; 0 for an empty log."""
    row = connection.execute("select coalesce(max(log_seq), 0) from landing.inbox_log").fetchone()
    assert row is not None
    return int(row[0])
