"""The report of the main job, told from the database alone.

The same database gives the same text: no times, no run ids.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table

from revenue_pipeline.domain.money import format_minor
from revenue_pipeline.settings import Settings
from revenue_pipeline.warehouse.database import open_database

WIDTH = 116

_ARRIVED = """
    select source, received_count, duplicate_count, collision_count, processed_count,
        waiting_count, dead_count
    from landing.completeness order by source
"""
_EVENTS = """
    select event_type, count(*) from (
        select event_type from canonical.contract_event
        union all select event_type from canonical.invoice_event
        union all select event_type from canonical.usage_event
        union all select event_type from canonical.entitlement_event
        union all select event_type from canonical.credit_event
        union all select event_type from canonical.payment_event
        union all select event_type from canonical.fulfilment_event
    ) as events
    group by event_type order by event_type
"""
# A file handed over again is refused again; it is told once.
_REFUSED_FILES = """
    select distinct source, origin, refused_reason from landing.load
    where refused_reason is not null order by 1, 2, 3
"""
_DEAD = """
    select inbox.source, letter.reason_code, count(distinct letter.inbox_id), min(letter.detail)
    from landing.dead_letter as letter
    inner join landing.inbox on letter.inbox_id = inbox.inbox_id
    inner join lateral (
        select attempt.outcome from landing.attempt
        where attempt.inbox_id = letter.inbox_id order by attempt.attempt_id desc limit 1
    ) as newest on newest.outcome = 'dead'
    group by inbox.source, letter.reason_code order by 1, 2
"""
_EXCEPTIONS = """
    select entity_id, reason_code, currency_code, count(*), sum(amount_at_risk_minor)::bigint,
        min(owner), bool_or(is_blocking)
    from marts.fct_exception
    group by entity_id, reason_code, currency_code order by 1, 2, 3
"""
_REVENUE = """
    select line.entity_id, line.currency_code, to_char(line.economic_period, 'YYYY-MM'),
        (-sum(line.amount_minor) filter (where account.account_type = 'revenue'))::bigint,
        (-sum(line.amount_minor) filter (where account.account_type = 'contra_revenue'))::bigint,
        (-sum(line.amount_minor))::bigint, period.state
    from ledger.journal_line as line
    inner join (
        select distinct entity_id, account_code, account_type from marts.dim_account
    ) as account
        on line.entity_id = account.entity_id and line.account_code = account.account_code
    left join ledger.period
        on line.entity_id = period.entity_id and line.economic_period = period.period_start_date
    where account.account_type in ('revenue', 'contra_revenue')
    group by line.entity_id, line.currency_code, line.economic_period, period.state
    order by 1, 2, 3
"""
_ROLLFORWARD = """
    select roll.entity_id, roll.currency_code, to_char(roll.period_start_date, 'YYYY-MM'),
        sum(roll.opening_minor)::bigint, sum(roll.billings_minor)::bigint,
        sum(roll.credits_minor)::bigint, sum(roll.recognized_minor)::bigint,
        sum(roll.reclass_minor)::bigint, sum(roll.other_minor)::bigint,
        sum(roll.closing_minor)::bigint
    from marts.fct_deferred_revenue_rollforward as roll
    inner join ledger.period
        on roll.entity_id = period.entity_id and roll.period_start_date = period.period_start_date
    group by roll.entity_id, roll.currency_code, roll.period_start_date order by 1, 2, 3
"""
_VERDICTS = """
    select distinct on (entity_id) entity_id, rules_evaluated, cardinality(broken_rules),
        broken_rules
    from governance.gate_verdict where gate = 'erp_journals'
    order by entity_id, verdict_id desc
"""
_JOURNALS = """
    select entity_id, currency_code, count(distinct entry_id), count(*),
        sum(debit_minor)::bigint, sum(credit_minor)::bigint, min(posting_period),
        max(posting_period)
    from erp.journal_lines group by entity_id, currency_code order by 1, 2
"""
_PERIODS = """
    select entity_id, count(*) filter (where state = 'closed'),
        to_char(max(period_start_date) filter (where state = 'closed'), 'YYYY-MM'),
        string_agg(to_char(period_start_date, 'YYYY-MM'), ', ' order by period_start_date)
            filter (where state = 'open')
    from ledger.period group by entity_id order by entity_id
"""


def wide_console() -> Console:
    """A console that never cuts a figure: a narrower terminal breaks the line instead."""
    screen = Console(highlight=False)
    screen.width = max(screen.width, WIDTH)
    return screen


def print_report(settings: Settings, console: Console | None = None) -> int:
    """Print the report and return 0; 1 when nothing has been derived yet."""
    screen = console or wide_console()
    with open_database(settings).connect() as connection:
        found = connection.execute("select to_regclass('marts.fct_exception')").fetchone()
        if found is None or found[0] is None:
            screen.print("nothing has been derived yet; run: revenue run")
            return 1
        _report(connection, screen)
    return 0


def _report(connection: psycopg.Connection[Any], screen: Console) -> None:
    def rows(query: str) -> list[tuple[Any, ...]]:
        return connection.execute(query.encode()).fetchall()

    _show(
        screen,
        "What arrived",
        ("source", "distinct", "collisions", "translated", "waiting", "dead letters"),
        # What was only handed over again is left out: it depends on how often somebody tried.
        [(row[0], row[1] - row[2], *row[3:]) for row in rows(_ARRIVED)],
    )
    _show(screen, "Events in one vocabulary", ("event", "count"), rows(_EVENTS))
    _show(screen, "Files refused", ("source", "file", "reason"), rows(_REFUSED_FILES))
    _show(
        screen,
        "Deliveries refused (landing.dead_letter)",
        ("source", "reason", "count", "for example"),
        rows(_DEAD),
    )
    _show(
        screen,
        "Exceptions: kept out of revenue until a person decides (marts.fct_exception)",
        ("entity", "reason", "count", "at risk", "", "owner"),
        [(r[0], r[1], r[3], _money(r[4], r[2]), r[2], r[5]) for r in rows(_EXCEPTIONS)],
    )
    _show(
        screen,
        "Revenue posted, by month it was earned",
        ("entity", "", "month", "revenue", "concessions", "net", "books"),
        [
            (r[0], r[1], r[2], *(_money(r[i] or 0, r[1]) for i in (3, 4, 5)), r[6] or "")
            for r in rows(_REVENUE)
        ],
    )
    roll = rows(_ROLLFORWARD)
    for entity, currency in sorted({(row[0], row[1]) for row in roll}):
        _show(
            screen,
            f"Deferred revenue of {entity} in {currency} (contract liability, credit positive)",
            ("month", "opening", "billed", "credited", "earned", "reclass", "other", "closing"),
            [
                (r[2], *(_money(x, currency) for x in r[3:]))
                for r in roll
                if (r[0], r[1]) == (entity, currency)
            ],
        )
    _show(
        screen,
        "Rules before the journal (gate erp_journals)",
        ("entity", "rules", "broken", "which"),
        [(r[0], r[1], r[2], ", ".join(r[3]) or "none") for r in rows(_VERDICTS)],
    )
    _show(
        screen,
        "Journals posted (erp.journal_lines)",
        ("entity", "", "entries", "lines", "debit", "credit", "from", "to"),
        [
            (r[0], r[1], r[2], r[3], _money(r[4], r[1]), _money(r[5], r[1]), r[6], r[7])
            for r in rows(_JOURNALS)
        ],
    )
    _show(
        screen,
        "Periods",
        ("entity", "months closed", "last closed", "open"),
        [(r[0], r[1], r[2] or "none", r[3] or "none") for r in rows(_PERIODS)],
    )


def _money(minor: int, currency: str) -> str:
    whole, dot, decimals = format_minor(abs(minor), currency).partition(".")
    return f"{'-' if minor < 0 else ''}{int(whole):,}{dot}{decimals}"


def _show(
    screen: Console, title: str, names: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    told = list(rows)
    screen.print()
    screen.print(title, style="bold", markup=False)
    if not told:
        screen.print("  none")
        return
    table = Table(box=None, pad_edge=True, padding=(0, 1), header_style="dim")
    for position, name in enumerate(names):
        number = all(_is_number(row[position]) for row in told)
        table.add_column(
            name, justify="right" if number else "left", no_wrap=number, overflow="fold"
        )
    for row in told:
        table.add_row(*(f"{x:,}" if isinstance(x, int) else _plain(str(x)) for x in row))
    screen.print(table)


def _is_number(value: object) -> bool:
    text = str(value).replace(",", "").replace(".", "").lstrip("-")
    return text.isdigit()


def _plain(text: str) -> str:
    """Text of a source, safe for a terminal, its brackets not read as markup."""
    shown = "".join(char if char.isprintable() else " " for char in text)
    return shown.replace("[", "\\[")
