"""The oracle against numbers worked by hand.

Contract C-1: signed 1 Jan 2026 for the year, billed up front, tax 10 %. Stated 12,000 platform,
3,000 implementation, 3,000 support; standalone 12,000, 5,000 and 3,000; price 18,000.
"""

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracle.revenue import (
    Contract,
    Line,
    Termination,
    Version,
    allocate,
    position,
    progress,
    released_on_termination,
    rounded,
    schedule,
    segments,
)

YEAR = (date(2026, 1, 1), date(2026, 12, 31))

C1 = Contract(
    "C-1",
    (
        Version(
            date(2026, 1, 1),
            (
                Line("platform", "ratable_daily", 1_200_000, 1_200_000, *YEAR),
                Line("implementation", "point_in_time", 300_000, 500_000, YEAR[0], None),
                Line("support", "ratable_daily", 300_000, 300_000, *YEAR),
            ),
        ),
    ),
    fulfilled={"implementation": date(2026, 2, 15)},
)


def annual(termination: Termination | None = None) -> Contract:
    line = Line("subscription", "ratable_daily", 1_200_000, 1_200_000, *YEAR)
    return Contract("annual", (Version(YEAR[0], (line,)),), termination)


def revenue(contract: Contract, month: date) -> dict[str, int]:
    return {p.obligation: p.amount for p in schedule(contract, *YEAR) if p.month == month}


def recognized(contract: Contract, through: date) -> int:
    return sum(p.amount for p in schedule(contract, YEAR[0], through))


def test_c1_is_allocated_by_standalone_price():
    assert [segment.allocated for segment in segments(C1)] == [1_080_000, 450_000, 270_000]


def test_an_unconditional_invoice_is_all_contract_liability_before_service_starts():
    assert position(billed=1_800_000, recognized=0) == (0, 1_800_000)


def test_january_of_c1_is_31_of_365_days():
    assert revenue(C1, date(2026, 1, 1)) == {"platform": 91_726, "support": 22_932}


def test_accepted_implementation_earns_its_allocated_price_not_the_stated_one():
    february = revenue(C1, date(2026, 2, 1))

    assert february == {"platform": 82_849, "support": 20_712, "implementation": 450_000}
    assert position(1_800_000, recognized(C1, date(2026, 2, 28))) == (0, 1_131_781)


def test_c1_earns_its_price_in_the_year():
    assert recognized(C1, YEAR[1]) == 1_800_000


def test_prospective_change_spreads_what_is_left_and_the_new_money_over_what_is_left():
    end, extended = date(2027, 12, 31), date(2028, 12, 31)
    contract = Contract(
        "T17",
        (
            Version(
                date(2026, 1, 1),
                (Line("s", "ratable_monthly", 2_400_000, 2_400_000, YEAR[0], end),),
            ),
            Version(
                date(2027, 1, 1),
                (Line("s", "ratable_monthly", 3_240_000, 2_040_000, YEAR[0], extended),),
            ),
        ),
    )

    after = [p.amount for p in schedule(contract, YEAR[0], extended) if p.month.year > 2026]

    assert [segment.allocated for segment in segments(contract)] == [2_400_000, 2_040_000]
    assert after == [85_000] * 24


def test_termination_with_pro_rata_refund_leaves_nothing_to_earn():
    ended = annual(Termination(date(2026, 7, 1), refund=604_932))

    assert recognized(ended, date(2026, 6, 30)) == 595_068
    assert released_on_termination(ended) == 0


def test_termination_without_refund_turns_the_rest_into_revenue_at_once():
    ended = annual(Termination(date(2026, 7, 1)))

    assert released_on_termination(ended) == 604_932
    assert recognized(ended, YEAR[1]) == 1_200_000


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(Fraction(1, 2), 1, id="half goes up"),
        pytest.param(Fraction(-1, 2), -1, id="negative half goes down"),
        pytest.param(Fraction(5, 2), 3, id="not to even"),
        pytest.param(Fraction(49, 100), 0, id="below half stays"),
    ],
)
def test_halves_are_rounded_away_from_zero(value, expected):
    assert rounded(value) == expected


@pytest.mark.parametrize(
    ("price", "ssps", "expected"),
    [
        pytest.param(100, [1, 1, 1], [34, 33, 33], id="cent over goes to the first of equals"),
        pytest.param(-100, [1, 1, 1], [-34, -33, -33], id="credit mirrors its invoice"),
        pytest.param(100, [1, 4, 1], [17, 66, 17], id="cent short comes off the largest"),
        pytest.param(10, [0, 1], [0, 10], id="nothing left to promise takes nothing"),
    ],
)
def test_allocation_gives_the_difference_to_the_largest_share(price, ssps, expected):
    assert allocate(price, ssps) == expected


@given(
    st.integers(-(10**15), 10**15),
    st.lists(st.integers(0, 10**12), min_size=1, max_size=8).filter(any),
)
def test_allocation_never_makes_or_loses_a_minor_unit(price, ssps):
    assert sum(allocate(price, ssps)) == price


@pytest.mark.parametrize(
    ("through", "expected"),
    [
        pytest.param(date(2026, 1, 15), Fraction(0), id="before the window"),
        pytest.param(date(2026, 1, 31), Fraction(16, 31) / 2, id="16 of 31 days"),
        pytest.param(date(2026, 2, 28), (Fraction(16, 31) + 1) / 2, id="a short month is a month"),
        pytest.param(date(2026, 3, 15), Fraction(1), id="15 of 31 days end it"),
        pytest.param(date(2027, 1, 1), Fraction(1), id="never more than all"),
    ],
)
def test_months_weigh_one_and_partial_months_their_days(through, expected):
    window = (date(2026, 1, 16), date(2026, 3, 15))

    assert progress("ratable_monthly", *window, through) == expected


def test_a_renewing_term_that_is_cut_earns_the_days_it_ran():
    line = Line("plan", "ratable_daily", 3_100, 1, date(2026, 1, 31), None)
    contract = Contract(
        "evergreen",
        (Version(date(2026, 1, 31), (line,), term_months=1, last_day=date(2026, 3, 9)),),
    )

    # Terms: 31 Jan to 27 Feb (28 days, whole), 28 Feb to 30 Mar (31 days, 10 of them run).
    assert recognized(contract, date(2026, 2, 27)) == 3_100
    assert recognized(contract, YEAR[1]) == 3_100 + 1_000


def test_a_contract_cut_by_its_renewal_gives_back_all_it_has_not_earned():
    renewed = annual(Termination(date(2026, 11, 1), refund=None))

    assert recognized(renewed, YEAR[1]) == 999_452


def test_what_was_delivered_before_a_change_takes_no_share_of_what_is_left():
    first = C1.versions[0]
    changed = Contract(
        "C-2", (first, Version(date(2026, 7, 1), first.lines)), fulfilled=C1.fulfilled
    )

    assert [segment.allocated for segment in segments(changed)[3:]] == [544_438, 0, 136_110]
    assert recognized(changed, YEAR[1]) == 1_800_000
