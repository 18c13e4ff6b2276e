"""Reading what was computed, for all cases at once: each query answers by case."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg

from revenue_pipeline.cases.figures import CatchUp, Obligation, Posting, Remaining, Version
from revenue_pipeline.cases.seeds import ACCOUNT_OF_ROLE

_MOVEMENTS = """
    select
        split_part(entity_id, '/', 1), entity_id, contract_id, obligation_id, debit_role,
        credit_role, economic_date, economic_period, currency_code, amount_minor,
        functional_currency_code, functional_amount_minor
    from marts.fct_accounting_movement
    where split_part(entity_id, '/', 1) = any(%s)
"""
_LEDGER = """
    select
        lines.entity_id, lines.contract_id, lines.obligation_id, lines.account_code,
        lines.posting_period, lines.currency_code, lines.amount_minor,
        entities.functional_currency_code
    from ledger.journal_line as lines
    inner join reference.ref_legal_entities as entities on lines.entity_id = entities.entity_id
    where split_part(lines.entity_id, '/', 1) = any(%s)
"""
_PACKAGES = """
    select distinct split_part(entity_id, '/', 1), contract_id, package_id, currency_code
    from intermediate.int_contracts__arrangements
    where split_part(entity_id, '/', 1) = any(%s)
"""
_OBLIGATIONS = """
    select
        split_part(lines.entity_id, '/', 1), lines.contract_id, lines.obligation_id,
        lines.obligation_key, array_agg(distinct lines.line_id),
        coalesce(bool_or(methods.recognition_method <> 'point_in_time'), false)
    from intermediate.int_obligations__lines as lines
    left join intermediate.int_obligations__identified as methods
        on lines.entity_id = methods.entity_id and lines.obligation_id = methods.obligation_id
    where split_part(lines.entity_id, '/', 1) = any(%s) and lines.line_kind <> 'discount'
    group by 1, 2, 3, 4
"""
_CLASSIFICATIONS = """
    select split_part(entity_id, '/', 1), modification_id, treatment
    from intermediate.int_contracts__changes
    where split_part(entity_id, '/', 1) = any(%s) and modification_id is not null
"""
_PRICES = """
    select * from (
    select
        split_part(entity_id, '/', 1) as case_id, package_id, version_no, effective_date, '',
        price_minor
    from intermediate.int_prices__transaction
    union all
    select
        split_part(entity_id, '/', 1), package_id, version_no, effective_date, '', change_minor
    from intermediate.int_prices__announced
    ) as amounts
    where case_id = any(%s)
"""
_ALLOCATIONS = """
    select * from (
    select
        split_part(entity_id, '/', 1) as case_id, package_id, version_no, effective_date,
        obligation_key, allocated_minor
    from intermediate.int_prices__allocated
    union all
    select
        split_part(entity_id, '/', 1), package_id, version_no, effective_date, obligation_key,
        expected_minor
    from intermediate.int_prices__expected_use
    union all
    select
        split_part(entity_id, '/', 1), package_id, version_no, effective_date, obligation_key,
        change_minor
    from intermediate.int_prices__announced
    where obligation_key is not null
    ) as amounts
    where case_id = any(%s)
"""
_PERIODS = """
    select
        split_part(entity_id, '/', 1), package_id, version_no, effective_date, period_label,
        period_minor
    from intermediate.int_prices__renewal_periods
    where split_part(entity_id, '/', 1) = any(%s)
    order by entity_id, package_id, version_no, place
"""
_CATCH_UPS = """
    select
        split_part(entity_id, '/', 1), package_id, effective_date, economic_period, obligation_key,
        amount_minor
    from intermediate.int_revenue__catch_ups
    where split_part(entity_id, '/', 1) = any(%s)
"""
_REMAINING = """
    select
        split_part(entity_id, '/', 1), contract_id, as_of_date, expected_period, amount_minor
    from marts.fct_remaining_performance_obligation
    where split_part(entity_id, '/', 1) = any(%s)
"""
# Sections of a case that a reading serves.
_BY_CONTRACT = ("revenue", "lifetime_revenue", "transaction_price", "allocations")
_FROM_MOVEMENTS = ("revenue", "lifetime_revenue", "interest", "balances", "journal")
_CHANGES = "modifications"


@dataclass(frozen=True)
class Computed:
    """Everything derived, by case id. `unreadable`: sections of a case, and why not."""

    movements: dict[str, list[Posting]]
    obligations: dict[str, list[Obligation]]
    packages: dict[str, dict[str, str]]
    currencies: dict[str, dict[str, str]]
    classifications: dict[str, dict[str, str]]
    prices: dict[str, list[Version]]
    allocations: dict[str, list[Version]]
    periods: dict[str, list[Version]]
    catch_ups: dict[str, list[CatchUp]]
    remaining: dict[str, list[Remaining]]
    unreadable: dict[str, str]


def read_computed(connection: psycopg.Connection[Any], case_ids: list[str]) -> Computed:
    """Read all that cases compare."""
    unreadable: dict[str, str] = {}

    def by_case(query: str, make: Callable[..., Any], *sections: str) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = defaultdict(list)
        try:
            for case_id, *values in _rows(connection, query, case_ids):
                found[case_id].append(make(*values))
        except psycopg.ProgrammingError as error:  # no such table or column
            reason = str(error).splitlines()[0]
            unreadable.update(dict.fromkeys(sections, f"cannot be read: {reason}"))
        return found

    packages: dict[str, dict[str, str]] = {}
    currencies: dict[str, dict[str, str]] = {}
    for case_id, rows in by_case(_PACKAGES, _Package, *_BY_CONTRACT).items():
        packages[case_id] = {row.contract_id: row.package_id for row in rows}
        currencies[case_id] = {row.package_id: row.currency for row in rows}
    classified = by_case(_CLASSIFICATIONS, lambda name, treatment: (name, treatment), _CHANGES)
    movements: dict[str, list[Posting]] = defaultdict(list)
    for case_id, pairs in by_case(_MOVEMENTS, _sides, *_FROM_MOVEMENTS).items():
        movements[case_id] = [posting for pair in pairs for posting in pair]
    return Computed(
        movements,
        by_case(_OBLIGATIONS, _obligation, "performance_obligations", "revenue"),
        packages,
        currencies,
        {case_id: dict(pairs) for case_id, pairs in classified.items()},
        by_case(_PRICES, Version, "transaction_price"),
        by_case(_ALLOCATIONS, Version, "allocations"),
        by_case(_PERIODS, Version, "allocations"),
        by_case(_CATCH_UPS, CatchUp, "catch_up"),
        by_case(_REMAINING, Remaining, "rpo"),
        unreadable,
    )


def read_movements(connection: psycopg.Connection[Any], case_id: str) -> list[Posting]:
    """Both sides of every movement derived for a case."""
    rows = _rows(connection, _MOVEMENTS, [case_id])
    return [posting for _, *values in rows for posting in _sides(*values)]


def read_ledger(
    connection: psycopg.Connection[Any], case_ids: list[str]
) -> dict[str, list[Posting]]:
    """Every posted line by case, in the month it was posted into."""
    found: dict[str, list[Posting]] = defaultdict(list)
    for row in _rows(connection, _LEDGER, case_ids):
        entity, contract, obligation, code, period, currency, amount, functional = row
        found[entity.partition("/")[0]].append(
            Posting(
                entity,
                contract,
                obligation,
                ACCOUNT_OF_ROLE.get(code, code),
                period,
                period,
                currency,
                amount,
                functional,
                amount if currency == functional else 0,
            )
        )
    return found


@dataclass(frozen=True)
class _Package:
    contract_id: str
    package_id: str
    currency: str


def _sides(
    entity_id: str,
    contract_id: str | None,
    obligation_id: str | None,
    debit_role: str,
    credit_role: str,
    day: date,
    period: date,
    currency: str,
    amount: int,
    functional: str,
    functional_amount: int,
) -> tuple[Posting, Posting]:
    def side(role: str, sign: int) -> Posting:
        return Posting(
            entity_id,
            contract_id or "",
            obligation_id or "",
            ACCOUNT_OF_ROLE.get(role, role),
            day,
            period,
            currency,
            sign * amount,
            functional,
            sign * functional_amount,
        )

    return side(debit_role, 1), side(credit_role, -1)


def _obligation(
    contract_id: str, obligation_id: str, key: str, lines: list[str], over_time: bool
) -> Obligation:
    timing = "over_time" if over_time else "point_in_time"
    return Obligation(contract_id, obligation_id, key, frozenset(lines), timing)


def _rows(
    connection: psycopg.Connection[Any], query: str, case_ids: list[str]
) -> Iterable[tuple[Any, ...]]:
    return connection.execute(query.encode(), (case_ids,)).fetchall()


def open_months(connection: psycopg.Connection[Any], entity_id: str, upto: date) -> list[date]:
    """Months of an entity's calendar up to `upto` that are not closed, oldest first."""
    rows = connection.execute(
        "select period.period_start_date from marts.dim_period as period"
        " left join ledger.period as kept on period.entity_id = kept.entity_id"
        " and period.period_start_date = kept.period_start_date"
        " where period.entity_id = %s and period.period_start_date <= %s"
        " and kept.state is distinct from 'closed' order by period.period_start_date",
        (entity_id, upto),
    ).fetchall()
    return [row[0] for row in rows]
