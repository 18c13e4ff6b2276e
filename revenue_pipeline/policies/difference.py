"""Numbers of the books that differ between two databases with the same log."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg

from revenue_pipeline.warehouse.database import Database

Key = tuple[str, date, str, str, str, str]

# Debit positive. A foreign amount is told a second time in the entity's own currency, the foreign
# one being in translated_from. The order is that of Python's strings.
_POSTINGS = """
    with
    movements as (
        select * from marts.fct_accounting_movement
        where %(entity)s::text is null or entity_id = %(entity)s
    ),
    amounts as (
        select
            *, currency_code as in_currency, '' as translated_from, amount_minor as value_minor
        from movements
        union all
        select
            *, functional_currency_code, currency_code, functional_amount_minor
        from movements
        where currency_code <> functional_currency_code
    ),
    postings as (
        select
            entity_id, economic_period, debit_account_code as account_code, contract_id,
            in_currency, translated_from, value_minor
        from amounts
        union all
        select
            entity_id, economic_period, credit_account_code, contract_id,
            in_currency, translated_from, -value_minor
        from amounts
    )
    select
        entity_id, economic_period, account_code, contract_id, in_currency, translated_from,
        sum(value_minor)::bigint
    from postings
    group by 1, 2, 3, 4, 5, 6
    having sum(value_minor) <> 0
    order by
        entity_id collate "C", economic_period, account_code collate "C", contract_id collate "C",
        in_currency collate "C", translated_from collate "C"
"""


@dataclass(frozen=True)
class Moved:
    """A number that differs, in minor units of `currency_code`, debit positive.

    `translated_from` is empty, or the currency whose amounts are told in the entity's own currency.
    """

    entity_id: str
    economic_period: date
    account_code: str
    contract_id: str
    currency_code: str
    translated_from: str
    from_minor: int
    to_minor: int

    @property
    def difference_minor(self) -> int:
        """What comes on top."""
        return self.to_minor - self.from_minor


def moved(before: Database, after: Database, entity_id: str | None = None) -> list[Moved]:
    """Every number that differs, ordered by entity, month, account, contract and currency."""
    with closing(before.connect()) as first, closing(after.connect()) as second:
        return [
            Moved(*key, from_minor=old, to_minor=new)
            for key, old, new in _merged(_numbers(first, entity_id), _numbers(second, entity_id))
            if old != new
        ]


def _numbers(
    connection: psycopg.Connection[Any], entity_id: str | None
) -> Iterator[tuple[Key, int]]:
    with connection.cursor(name="postings") as cursor:
        cursor.itersize = 20_000
        cursor.execute(_POSTINGS, {"entity": entity_id})
        for *key, amount in cursor:
            yield (key[0], key[1], key[2], key[3], key[4], key[5]), amount


def _merged(
    before: Iterator[tuple[Key, int]], after: Iterator[tuple[Key, int]]
) -> Iterator[tuple[Key, int, int]]:
    """Both in step: what one side does not have is zero there."""
    old, new = next(before, None), next(after, None)
    while old is not None or new is not None:
        if new is None or (old is not None and old[0] < new[0]):
            assert old is not None
            yield old[0], old[1], 0
            old = next(before, None)
        elif old is None or new[0] < old[0]:
            yield new[0], 0, new[1]
            new = next(after, None)
        else:
            yield old[0], old[1], new[1]
            old, new = next(before, None), next(after, None)
