"""The rules by which a case is compared: each has a figure that must fail."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from revenue_pipeline.cases.comparison import Difference, Expected, differences, round_half_up
from revenue_pipeline.cases.figures import (
    CatchUp,
    Figures,
    Obligation,
    Posting,
    Remaining,
    Version,
)
from revenue_pipeline.cases.files import Case

JANUARY, FEBRUARY, APRIL = date(2025, 1, 1), date(2025, 2, 1), date(2025, 4, 1)


def posting(account: str, amount: int, day: date = JANUARY, **changes: Any) -> Posting:
    own = Posting(
        entity_id="one",
        contract_id="C-1",
        obligation_id="C-1:PO-1",
        account=account,
        day=day,
        period=day.replace(day=1),
        currency="USD",
        amount_minor=amount,
        functional_currency="USD",
        functional_minor=amount,
    )
    return replace(own, **changes)


def pair(debit: str, credit: str, amount: int, day: date, **changes: Any) -> tuple[Posting, ...]:
    return (posting(debit, amount, day, **changes), posting(credit, -amount, day, **changes))


def case(expected: dict[str, Any], *, named: bool = True, **content: Any) -> Case:
    line = {"line_id": "L1"} | ({"performance_obligation": "PO-1"} if named else {})
    signed = {
        "id": "E1",
        "type": "contract_signed",
        "occurred_on": "2025-01-01",
        "data": {"contract_id": "C-1", "currency": "USD", "lines": [line]},
    }
    return Case(
        Path("one.yaml"),
        {
            "id": "one",
            "convention": {"minor_unit": "0.01", "tolerance": "0"},
            "events": [signed],
            **content,
            "expected": expected,
        },
    )


FIGURES = Figures(
    postings=(
        *pair("receivable", "revenue", 10_000, JANUARY),
        *pair("cash", "receivable", 4_000, date(2025, 1, 15)),
        *pair("interest_expense", "contract_liability", 300, date(2025, 1, 31)),
        *pair("receivable", "revenue", 5_000, APRIL),
    ),
    obligations=(Obligation("C-1", "C-1:PO-1", "PO-1", frozenset({"L1"}), "over_time"),),
    packages={"C-1": "C-1"},
    currencies={"C-1": "USD"},
    classifications={"M-1": "prospective"},
    prices=(Version("C-1", 1, JANUARY, "", 15_000), Version("C-1", 2, APRIL, "", 16_000)),
    allocations=(
        Version("C-1", 1, JANUARY, "PO-1", 9_000),
        Version("C-1", 1, JANUARY, "PO-2", 6_000),
    ),
    catch_ups=(CatchUp("C-1", JANUARY, JANUARY, "PO-1", -75),),
    remaining=(
        Remaining("C-1", date(2025, 1, 31), FEBRUARY, 2_000),
        Remaining("C-1", date(2025, 1, 31), APRIL, 3_000),
    ),
    ignored={"E1": 2},
    rejected=frozenset({"E9"}),
)
REVENUE = {
    "contract_id": "C-1",
    "performance_obligation": "PO-1",
    "by_period": {"2025-01": "100.00 USD", "2025-04": "50.00 USD"},
    "total": "150.00 USD",
}
BALANCE = {
    "as_of": "2025-01-31",
    "accounts": {
        "cash": "40.00 USD",
        "receivable": "60.00 USD",
        "revenue": "100.00 USD",
        "interest_expense": "3.00 USD",
        "contract_liability": "3.00 USD",
    },
}
RIGHT: dict[str, Any] = {
    "performance_obligations": [
        {"contract_id": "C-1", "id": "PO-1", "lines": ["L1"], "timing": "over_time"}
    ],
    "modifications": [{"modification_id": "M-1", "classification": "prospective"}],
    "transaction_price": [
        {"contract_id": "C-1", "as_of": "2025-03-31", "amount": "150.00 USD"},
        {"contract_id": "C-1", "as_of": "2025-04-01", "amount": "160.00 USD"},
    ],
    "allocations": [
        {
            "contract_id": "C-1",
            "as_of": "2025-01-01",
            "total": "150.00 USD",
            "items": {"PO-1": "90.00 USD", "PO-2": "60.00 USD"},
        }
    ],
    "revenue": [REVENUE],
    "lifetime_revenue": [{"contract_id": "C-1", "amount": "150.00 USD"}],
    "catch_up": [
        {
            "event_id": "E1",
            "period": "2025-Q1",
            "amount": "-0.75 USD",
            "by_performance_obligation": {"PO-1": "-0.75 USD"},
        }
    ],
    "interest": [
        {"account": "interest_expense", "by_period": {"2025": "3.00 USD"}, "total": "3.00 USD"}
    ],
    "balances": [BALANCE],
    "rpo": [
        {
            "as_of": "2025-01-31",
            "total": "50.00 USD",
            "bands": [
                {"period": "2025-02", "amount": "20.00 USD"},
                {"period": "2025-Q2", "amount": "30.00 USD"},
            ],
        }
    ],
    "ignored_events": [{"id": "E1", "times": "2", "reason": "duplicate"}],
    "rejected_events": [{"id": "E9", "reason": "conflicting_duplicate"}],
}


def found(expected: dict[str, Any], figures: Figures = FIGURES, **content: Any) -> list[str]:
    return [difference.figure for difference in differences(case(expected, **content), figures)]


def test_figures_that_match_differ_in_nothing() -> None:
    assert differences(case(RIGHT), FIGURES) == []


@pytest.mark.parametrize(
    ("section", "change", "figure"),
    [
        ("performance_obligations", {"lines": ["L1", "L2"]}, "performance_obligations C-1 PO-1"),
        (
            "performance_obligations",
            {"timing": "point_in_time"},
            "performance_obligations C-1 PO-1 timing",
        ),
        ("modifications", {"classification": "cumulative_catch_up"}, "modifications M-1"),
        ("modifications", {"modification_id": "M-2"}, "modifications M-2"),
        ("transaction_price", {"amount": "150.01 USD"}, "transaction_price C-1 at 2025-03-31"),
        ("transaction_price", {"as_of": "2024-12-31"}, "transaction_price C-1 at 2024-12-31"),
        ("allocations", {"total": "151.00 USD"}, "allocations C-1 at 2025-01-01 total"),
        ("allocations", {"items": {"PO-9": "0.00 USD"}}, "allocations C-1 at 2025-01-01 PO-9"),
        ("lifetime_revenue", {"amount": "149.99 USD"}, "lifetime_revenue C-1"),
        ("catch_up", {"period": "2025-02"}, "catch_up E1 2025-02"),
        ("interest", {"account": "interest_income"}, "interest interest_income 2025"),
        ("rpo", {"total": "49.00 USD"}, "rpo at 2025-01-31 total"),
        ("rpo", {"as_of": "2025-02-28"}, "rpo at 2025-02-28 total"),
        ("ignored_events", {"times": "1"}, "ignored_events E1"),
        ("rejected_events", {"id": "E8"}, "rejected_events E8"),
    ],
)
def test_a_figure_that_is_off_is_named(section: str, change: dict[str, Any], figure: str) -> None:
    entries = [{**RIGHT[section][0], **change}]
    assert figure in found({section: entries})


@pytest.mark.parametrize(
    ("change", "figure"),
    [
        ({"2025-01": "100.00 USD", "2025-04": "50.01 USD"}, "revenue C-1 PO-1 2025-04"),
        ({"2025-01": "100.00 USD", "2025-Q2": "50.01 USD"}, "revenue C-1 PO-1 2025-Q2"),
        ({"2024-12": "0.00 USD", "2025-02": "0.00 USD"}, "revenue C-1 PO-1 2025-01"),
    ],
)
def test_each_period_counts_and_a_month_between_them_has_nothing(
    change: dict[str, str], figure: str
) -> None:
    assert figure in found({"revenue": [{**REVENUE, "by_period": change}]})


@pytest.mark.parametrize("period", ["2025", "2025-H1"])
def test_a_longer_period_is_the_sum_of_its_months(period: str) -> None:
    series = {**REVENUE, "by_period": {period: "150.00 USD"}}
    assert found({"revenue": [series]}) == []


def test_what_lies_outside_the_periods_is_not_tested() -> None:
    series = {**REVENUE, "by_period": {"2025-01": "100.00 USD"}, "total": "100.00 USD"}
    assert found({"revenue": [series]}) == []


def test_revenue_of_another_obligation_or_contract_does_not_count() -> None:
    other = (
        *pair("receivable", "revenue", 7, JANUARY, obligation_id="C-1:PO-2"),
        *pair("receivable", "revenue", 7, JANUARY, contract_id="C-2"),
    )
    figures = replace(FIGURES, postings=FIGURES.postings + other)
    assert found({"revenue": [REVENUE]}, figures) == []
    whole = {name: value for name, value in REVENUE.items() if name != "performance_obligation"}
    assert "revenue C-1 2025-01" in found({"revenue": [whole]}, figures)


def test_contracts_signed_as_one_package_are_told_under_its_first() -> None:
    figures = replace(
        FIGURES,
        packages={"C-0": "C-0", "C-1": "C-0"},
        currencies={"C-0": "USD"},
        prices=(Version("C-0", 1, JANUARY, "", 15_000),),
    )
    price = {"as_of": "2025-01-01", "amount": "150.00 USD"}
    expected: dict[str, Any] = {
        "revenue": [{**REVENUE, "contract_id": "C-0"}],
        "transaction_price": [{"contract_id": name, **price} for name in ("C-0", "C-1")],
    }
    assert found(expected, figures) == []


def test_an_account_that_is_not_listed_is_zero() -> None:
    accounts = dict(BALANCE["accounts"])  # type: ignore[call-overload]
    del accounts["interest_expense"]
    assert found({"balances": [{**BALANCE, "accounts": accounts}]}) == [
        "balances at 2025-01-31 interest_expense"
    ]
    more = {**BALANCE["accounts"], "inventory": "0.00 USD"}  # type: ignore[dict-item]
    assert found({"balances": [{**BALANCE, "accounts": more}]}) == []


def test_a_balance_takes_what_is_dated_up_to_its_day() -> None:
    early = {**BALANCE, "as_of": "2025-01-14"}
    assert "balances at 2025-01-14 cash" in found({"balances": [early]})


def test_a_balance_of_an_entity_takes_its_books_alone() -> None:
    own = pair("cash", "revenue", 100, JANUARY, entity_id="one/US")
    figures = Figures(postings=own + pair("cash", "revenue", 50, JANUARY, entity_id="one/IE"))
    accounts = {"cash": "1.00 USD", "revenue": "1.00 USD"}
    entry: dict[str, Any] = {"as_of": "2025-01-31", "entity_id": "US", "accounts": accounts}
    assert found({"balances": [entry]}, figures) == []
    assert found({"balances": [{**entry, "entity_id": "IE"}]}, figures) != []
    all_books = {"cash": "1.50 USD", "revenue": "1.50 USD"}
    assert found({"balances": [{"as_of": "2025-01-31", "accounts": all_books}]}, figures) == []


def test_figures_are_asked_for_in_the_currency_of_the_books_or_of_the_contract() -> None:
    figures = Figures(
        postings=(
            posting("cash", 110, currency="EUR", amount_minor=100),
            posting("revenue", -110, currency="EUR", amount_minor=-100),
        )
    )
    for accounts in (
        {"cash": "1.10 USD", "revenue": "1.10 USD"},
        {"cash": "1.00 EUR", "revenue": "1.00 EUR"},
    ):
        assert found({"balances": [{"as_of": "2025-01-31", "accounts": accounts}]}, figures) == []
    wrong = {"cash": "1.00 USD", "revenue": "1.00 USD"}
    assert found({"balances": [{"as_of": "2025-01-31", "accounts": wrong}]}, figures) != []


def test_a_price_in_another_currency_than_asked_for_is_no_figure() -> None:
    figures = replace(FIGURES, currencies={"C-1": "EUR"})
    assert found({"transaction_price": RIGHT["transaction_price"][:1]}, figures) != []


@pytest.mark.parametrize(
    ("minor", "unit", "rounded"),
    [(49, 100, 0), (50, 100, 100), (-50, 100, -100), (-49, 100, 0), (149, 100, 100), (7, 1, 7)],
)
def test_half_goes_away_from_zero(minor: int, unit: int, rounded: int) -> None:
    assert round_half_up(minor, unit) == rounded


def test_a_figure_is_rounded_to_the_unit_of_the_case() -> None:
    whole = {"convention": {"minor_unit": "1", "tolerance": "0"}}
    figures = Figures(postings=pair("receivable", "revenue", 9_950, JANUARY))
    entry = [{"contract_id": "C-1", "amount": "100 USD"}]
    assert found({"lifetime_revenue": entry}, figures, **whole) == []
    assert found({"lifetime_revenue": entry}, figures) != []


def test_a_figure_may_differ_by_the_tolerance_and_no_more() -> None:
    loose = {"convention": {"minor_unit": "0.01", "tolerance": "0.02"}}
    for amount, count in (("150.02 USD", 0), ("150.03 USD", 1)):
        entry = [{"contract_id": "C-1", "amount": amount}]
        assert len(found({"lifetime_revenue": entry}, **loose)) == count


@pytest.mark.parametrize("named", [True, False])
def test_obligations_without_a_name_are_told_by_their_lines(named: bool) -> None:
    figures = replace(
        FIGURES,
        obligations=(Obligation("C-1", "C-1:PO-1", "L1", frozenset({"L1"}), "over_time"),),
        allocations=(Version("C-1", 1, JANUARY, "L1", 15_000),),
    )
    expected: dict[str, Any] = {
        "performance_obligations": RIGHT["performance_obligations"],
        "revenue": [REVENUE],
        "allocations": [
            {
                "contract_id": "C-1",
                "as_of": "2025-01-01",
                "total": "150.00 USD",
                "items": {"PO-1": "150.00 USD"},
            }
        ],
    }
    assert (found(expected, figures, named=named) == []) is not named


ENTRY = {
    "date": "2025-01-15",
    "lines": [
        {"account": "cash", "debit": "40.00 USD"},
        {"account": "receivable", "credit": "40.00 USD"},
    ],
}


def test_entries_are_compared_per_day_and_account() -> None:
    assert found({"journal": [ENTRY]}) == []
    halves = [
        {
            **ENTRY,
            "lines": [
                {"account": "cash", "debit": "20.00 USD"},
                {"account": "receivable", "credit": "20.00 USD"},
            ],
        }
    ] * 2
    assert found({"journal": halves}) == []
    other = {**ENTRY, "lines": [{"account": "cash", "credit": "40.00 USD"}]}
    assert found({"journal": [other]}) == ["journal 2025-01-15 cash (debit positive)"]


def test_an_entry_may_stand_for_what_moved_since_the_entry_before() -> None:
    opening = {
        "date": "2024-12-31",
        "lines": [
            {"account": "cash", "debit": "0.00 USD"},
            {"account": "revenue", "credit": "0.00 USD"},
        ],
    }
    late = {
        "date": "2025-02-28",
        "lines": [
            {"account": "interest_expense", "debit": "3.00 USD"},
            {"account": "contract_liability", "credit": "3.00 USD"},
        ],
    }
    assert found({"journal": [opening, late]}) == []
    between = {**opening, "date": "2025-01-31"}
    assert found({"journal": [between, late]}) != []


LATE_EVENTS = [
    {
        "id": "E1",
        "type": "contract_signed",
        "occurred_on": "2025-01-01",
        "data": {
            "contract_id": "C-1",
            "currency": "USD",
            "lines": [{"performance_obligation": "PO-1"}],
        },
    },
    {
        "id": "E2",
        "type": "period_closed",
        "occurred_on": "2025-02-05",
        "data": {"period": "2025-01"},
    },
    {
        "id": "E3",
        "type": "contract_modified",
        "occurred_on": "2025-01-01",
        "received_on": "2025-02-10",
        "data": {"contract_id": "C-1", "effective_date": "2025-01-01"},
    },
]


def test_a_late_event_catches_up_with_what_the_first_open_month_took() -> None:
    late = pair("revenue", "contract_liability", 200, date(2025, 2, 10))
    entry = [{"event_id": "E3", "period": "2025-02", "amount": "-2.00 USD"}]
    assert found({"catch_up": entry}, replace(FIGURES, late=late), events=LATE_EVENTS) == []
    assert found({"catch_up": entry}, FIGURES, events=LATE_EVENTS) != []


def test_what_could_not_be_read_fails_where_it_is_asked_for() -> None:
    figures = replace(FIGURES, unreadable={"rpo": "cannot be read: no table"})
    assert differences(case({"rpo": RIGHT["rpo"]}), figures) == [
        Difference("rpo", "figures", "cannot be read: no table")
    ]
    assert found({"revenue": [REVENUE]}, figures) == []


@pytest.mark.parametrize(
    ("text", "minor", "shown"),
    [
        ("-12.34 USD", "-1234", "-12.34 USD"),
        ("100 USD", "10000", "100.00 USD"),
        ("0.005 USD", "0.5", "0.00 USD"),
        ("7 JPY", "7", "7 JPY"),
    ],
)
def test_expected_amounts_are_exact(text: str, minor: str, shown: str) -> None:
    expected = Expected.read(text)
    assert expected.amount == Decimal(minor)
    assert str(expected) == shown


def test_every_section_of_a_case_is_compared() -> None:
    # a section nobody compares would make every case pass it
    for section, entries in RIGHT.items():
        assert found({section: entries}, Figures()) != [], section
