"""Months: ends of February, year ends, and counting from the anchor."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revenue_pipeline.domain.periods import (
    PeriodError,
    add_months,
    first_day,
    format_period,
    last_day,
    months_between,
    parse_period,
    period_label,
    periods,
    term_end,
)

DAYS = st.dates(date(1990, 1, 1), date(2100, 12, 31))


def test_months_are_counted_from_the_anchor() -> None:
    anchor = date(2025, 1, 31)
    assert add_months(anchor, 1) == date(2025, 2, 28)
    assert add_months(anchor, 2) == date(2025, 3, 31)
    assert add_months(anchor, -2) == date(2024, 11, 30)
    assert add_months(date(2024, 2, 29), 12) == date(2025, 2, 28)


def test_a_term_ends_on_the_day_before_its_anniversary() -> None:
    assert term_end(date(2025, 1, 15), 12) == date(2026, 1, 14)
    assert term_end(date(2025, 1, 1), 1) == date(2025, 1, 31)


def test_a_month_has_a_first_and_a_last_day() -> None:
    assert (first_day(date(2024, 2, 17)), last_day(date(2024, 2, 17))) == (
        date(2024, 2, 1),
        date(2024, 2, 29),
    )


def test_periods_cross_the_year_and_include_both_ends() -> None:
    touched = list(periods(date(2025, 11, 30), date(2026, 2, 1)))
    assert touched == [date(2025, 11, 1), date(2025, 12, 1), date(2026, 1, 1), date(2026, 2, 1)]
    assert list(periods(date(2026, 2, 1), date(2026, 1, 31))) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2025",
        "2025-4",
        "2025-13",
        "2025-00",
        "0000-01",
        "2025-04-01",
        " 2025-04",
        "\uff12\uff10\uff12\uff15-04",
    ],
)
def test_a_text_that_names_no_month_is_refused(text: str) -> None:
    with pytest.raises(PeriodError, match="YYYY-MM"):
        parse_period(text)


@given(DAYS)
def test_a_written_period_reads_back_as_its_first_day(day: date) -> None:
    assert parse_period(format_period(day)) == first_day(day)


@given(DAYS, DAYS)
def test_the_number_of_periods_is_the_distance_in_months(one: date, other: date) -> None:
    first, last = min(one, other), max(one, other)
    touched = list(periods(first, last))
    assert len(touched) == months_between(first, last) + 1
    assert touched[0] <= first
    assert last <= last_day(touched[-1])


@pytest.mark.parametrize(
    ("first", "label"),
    [
        (date(2025, 4, 1), "2025-04"),
        (date(2024, 12, 29), "2025-01"),
        (date(2026, 3, 1), "2026-03"),
        (date(2026, 3, 29), "2026-04"),
    ],
)
def test_a_period_is_named_by_the_month_of_its_fourteenth_day(first: date, label: str) -> None:
    assert period_label(first) == label
