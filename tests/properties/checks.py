"""What must hold whatever a contract says: each property is a question to what was derived.

A check answers how many it looked at and what is wrong, by case. Nothing here knows how to derive.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from revenue_pipeline.cases.figures import Figures
from tests.figures import wrong
from tests.properties.case_draft import value
from tests.properties.derived_contracts import Derived


@dataclass(frozen=True)
class Wrong:
    """A case of which a property does not hold, and why not."""

    case_id: str
    reason: str


@dataclass(frozen=True)
class Found:
    """How much was looked at, and what is wrong."""

    checked: int
    wrong: list[Wrong]


Check = Callable[[Derived], Found]
Rows = Counter[tuple[Any, ...]]


def as_the_oracle_says(derived: Derived) -> Found:
    """Prices, allocations, revenue by month, catch-ups, interest and balances."""
    found = [
        Wrong(name, str(differences[0]))
        for name, case in derived.contracts.cases.items()
        if (differences := wrong(case, derived.figures[name]))
    ]
    return Found(len(derived.contracts.cases), found)


def allocation_adds_up(derived: Derived) -> Found:
    """After each change, the shares of the obligations are the price of the package."""
    return asked(
        derived,
        """
        select
            prices.entity_id, prices.minor = coalesce(allocated.minor, 0),
            prices.*, allocated.minor
        from (
            select entity_id, package_id, version_no, sum(price_minor) as minor
            from intermediate.int_prices__transaction group by 1, 2, 3
        ) as prices
        full join (
            select entity_id, package_id, version_no, sum(allocated_minor) as minor
            from intermediate.int_prices__allocated group by 1, 2, 3
        ) as allocated using (entity_id, package_id, version_no)
        """,
    )


def allocation_is_what_events_tell(derived: Derived) -> Found:
    """The last shares of the obligations are the price that the events of the arrangement tell."""
    return asked(
        derived,
        """
        select told.entity_id, told.minor = allocated.minor, told.*, allocated.minor
        from (
            select entity_id, arrangement_id, sum(price_minor) as minor
            from intermediate.int_prices__told group by 1, 2
        ) as told
        inner join (
            select
                entity_id, arrangement_id, version_no, sum(allocated_minor) as minor,
                max(version_no) over (partition by entity_id, arrangement_id) as newest
            from intermediate.int_prices__allocated group by 1, 2, 3
        ) as allocated using (entity_id, arrangement_id)
        where allocated.version_no = allocated.newest
        """,
    )


def lifetime_revenue_is_the_price(derived: Derived) -> Found:
    """Where all that is promised passes, what was earned is the price that was agreed."""
    checked, found = 0, []
    for name, case in derived.contracts.cases.items():
        if not is_performed_whole(case.content):
            continue
        checked += 1
        figures = derived.figures[name]
        newest = max((price.version_no for price in figures.prices), default=0)
        price = sum(each.amount_minor for each in figures.prices if each.version_no == newest)
        revenue = sum(figures.revenue("C-1", "USD").values())
        if revenue != price:
            found.append(Wrong(name, f"price {price}, revenue {revenue}"))
    return Found(checked, found)


def time_based_revenue_only_grows(derived: Derived) -> Found:
    """From day to day, and never past the price of the segment."""
    return asked(
        derived,
        """
        select
            entity_id,
            bool_and(
                earned_minor >= coalesce(before_minor, base_minor)
                and earned_minor <= base_minor + price_minor
            ),
            segment_id,
            min(day) filter (where earned_minor < before_minor)
        from (
            select
                *,
                lag(earned_minor) over (partition by entity_id, segment_id order by day)
                    as before_minor
            from intermediate.earned_by_day
            where price_minor >= 0
        ) as by_day
        group by entity_id, segment_id
        """,
    )


def no_day_is_earned_twice(derived: Derived) -> Found:
    """Of one obligation one segment is in force on a day."""
    return asked(
        derived,
        """
        select entity_id, coalesce(until_date <= next_date, next_date is null), segments.*
        from (
            select
                *,
                lead(in_force_from) over (
                    partition by entity_id, obligation_id order by in_force_from, until_date
                ) as next_date
            from intermediate.int_obligations__segments
            where in_force_from < coalesce(until_date, 'infinity')
        ) as segments
        """,
    )


def superseded_days_are_earned_once(derived: Derived) -> Found:
    """From the day on which a renewal supersedes a contract, the old one earns nothing by time."""
    return asked(
        derived,
        """
        select
            renewals.entity_id,
            bool_and(days.day < renewals.supersedes_from_date),
            renewals.contract_id
        from canonical.contract_event as renewals
        inner join intermediate.int_obligations__segments as segments
            on renewals.entity_id = segments.entity_id
            and renewals.replaces_contract_id = segments.contract_id
        inner join intermediate.earned_by_day as days
            on segments.entity_id = days.entity_id and segments.segment_id = days.segment_id
            and days.earned_minor <> days.base_minor
        where renewals.supersedes_from_date is not null
        group by renewals.entity_id, renewals.contract_id
        """,
    )


def a_change_goes_on_where_the_old_terms_stood(derived: Derived) -> Found:
    """A new segment starts with what was earned through the day before."""
    return asked(
        derived,
        """
        select
            segments.entity_id, segments.base_minor = days.earned_minor,
            segments.segment_id, segments.base_minor, days.earned_minor
        from intermediate.int_obligations__segments as segments
        inner join intermediate.earned_by_day as days
            on segments.entity_id = days.entity_id and segments.obligation_id = days.obligation_id
            and segments.effective_date - 1 = days.day
        where
            segments.price_mode = 'repool' and segments.effective_date = segments.in_force_from
        """,
    )


def later_is_as_if_at_once(derived: Derived) -> Found:
    """What arrived after a derive, and was derived alone, next to what was there at once."""
    return compared(derived, "waved", everything)


def order_and_repetition_change_nothing(derived: Derived) -> Found:
    """Deliveries in another order, some of them again."""
    return compared(derived, "shuffled", everything)


def a_hundred_times_is_a_hundred_times(derived: Derived) -> Found:
    """All amounts times a hundred, in books that round a hundred times as coarsely."""
    return compared(derived, "scaled", everything, times=100)


def splitting_invoices_moves_nothing(derived: Derived) -> Found:
    """Every line of every invoice in two."""
    return compared(derived, "split", everything)


def billing_in_parts_moves_no_revenue(derived: Derived) -> Found:
    """Three invoices, a month apart, for each."""
    return compared(derived, "rebilled", revenue_only)


def a_credit_and_its_rebill_net_to_zero(derived: Derived) -> Found:
    """An invoice credited whole and issued again."""
    return compared(derived, "credited", revenue_and_balances)


def asked(derived: Derived, query: str) -> Found:
    """Answer by a query: entity, whether it holds, and what tells it apart."""
    rows = derived.connection.execute(query.encode()).fetchall()
    return Found(
        len(rows), [Wrong(row[0].partition("/")[0], str(row[2:])) for row in rows if not row[1]]
    )


def compared(
    derived: Derived, variant: str, rows: Callable[[Figures, int], Rows], times: int = 1
) -> Found:
    """Compare each case, its amounts taken so many times, with the variant of it."""
    checked, found = 0, []
    for name, figures, varied in derived.pairs(variant):
        expected, computed = rows(figures, times), rows(varied, 1)
        checked += 1
        if expected != computed:
            lost, new = sorted_rows(expected - computed)[:2], sorted_rows(computed - expected)[:2]
            found.append(Wrong(name, f"{variant}: without {lost}, instead {new}"))
    return Found(checked, found)


def sorted_rows(rows: Rows) -> list[str]:
    return sorted(str(row) for row in rows)


def everything(figures: Figures, times: int) -> Rows:
    """All figures of a case as rows, amounts taken so many times."""
    rows: Rows = Counter()
    for posting in figures.postings:
        entity = posting.entity_id.partition("/")[2]
        where = (entity, posting.contract_id, posting.obligation_id, posting.account, posting.day)
        amounts = (posting.amount_minor * times, posting.functional_minor * times)
        rows["posting", *where, posting.currency, *amounts] += 1
    for kind, versions in (("price", figures.prices), ("allocation", figures.allocations)):
        for each in versions:
            since = (each.package_id, each.version_no, each.effective_date)
            rows[kind, *since, each.obligation_key, each.amount_minor * times] += 1
    for left in figures.remaining:
        band = (left.contract_id, left.as_of, left.expected_period)
        rows["remaining", *band, left.amount_minor * times] += 1
    for name, treatment in figures.classifications.items():
        rows["modification", name, treatment] += 1
    return rows


def revenue_only(figures: Figures, times: int) -> Rows:
    """Revenue by contract, obligation and month."""
    sums: dict[tuple[Any, ...], int] = defaultdict(int)
    for posting in figures.postings:
        if posting.account == "revenue":
            where = (posting.contract_id, posting.obligation_id, posting.period)
            sums[where] += posting.amount_minor * times
    return Counter({("revenue", *where, amount): 1 for where, amount in sums.items() if amount})


def revenue_and_balances(figures: Figures, times: int) -> Rows:
    """Revenue, and what every account ends at."""
    sums: dict[str, int] = defaultdict(int)
    for posting in figures.postings:
        sums[posting.account] += posting.amount_minor * times
    ends = Counter({("balance", account, minor): 1 for account, minor in sums.items() if minor})
    return revenue_only(figures, times) + ends


_PLAIN = {
    "contract_signed",
    "contract_modified",
    "invoice_issued",
    "payment_received",
    "variable_consideration_estimated",
}


def is_performed_whole(case: Mapping[str, Any]) -> bool:
    """Whether all that is promised passes for sure, and the price is what the events of it say."""
    delivered: dict[str, int] = defaultdict(int)
    for event in case["events"]:
        if event["type"] == "fulfilment_recorded":
            delivered[event["data"]["line_id"]] += int(event["data"].get("quantity", "1"))
        elif event["type"] not in _PLAIN:
            return False
        if event["data"].keys() & {"new_contract_id", "financing", "consideration_payable"}:
            return False
    return all(
        line["kind"] == "discount"
        or (line.get("method", "").startswith("ratable") and value(line["amount"]) >= 0)
        or (
            line.get("method") == "point_in_time"
            and not is_by_the_piece(line)
            and delivered[line["line_id"]] >= int(line.get("quantity", "1"))
        )
        for line in lines_of(case)
    )


def is_by_the_piece(line: Mapping[str, Any]) -> bool:
    """Whether it is sold as it is ordered, beside the price of the contract."""
    return value(line["amount"]) == 0 and "unit_price" in line


def lines_of(case: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    for event in case["events"]:
        if event["type"] in ("contract_signed", "contract_modified"):
            yield from (*event["data"].get("lines", ()), *event["data"].get("add_lines", ()))
