"""Closed months are the ledger's; what comes late for them is due in the first open month."""

from datetime import date

from revenue_pipeline.cases.figures import Posting, booked_month, late_postings

JANUARY, FEBRUARY = date(2025, 1, 1), date(2025, 2, 1)


def posting(amount: int, day: date, account: str = "revenue") -> Posting:
    period = day.replace(day=1)
    return Posting("one", "C-1", "O", account, day, period, "USD", amount, "USD", amount)


def test_a_month_posted_as_derived_keeps_the_days_of_its_movements() -> None:
    derived = [posting(-100, date(2025, 1, 10)), posting(-50, date(2025, 2, 10))]
    ledger = [posting(-100, JANUARY)]
    assert booked_month(JANUARY, derived, ledger) == ([derived[0]], [])


def test_what_the_ledger_holds_beyond_the_movements_of_its_month_stands_on_the_last_day() -> None:
    moved, odd = booked_month(JANUARY, [posting(-100, JANUARY)], [posting(-130, JANUARY)])
    assert [p.amount_minor for p in moved] == [-100]
    assert odd == [posting(-30, date(2025, 1, 31))]


def test_a_month_that_was_not_posted_holds_nothing() -> None:
    moved, odd = booked_month(JANUARY, [posting(-100, JANUARY)], [])
    assert sum(p.amount_minor for p in [*moved, *odd]) == 0


def test_late_is_what_is_derived_for_closed_months_and_not_booked() -> None:
    booked = [posting(-100, date(2025, 1, 31))]
    derived = [posting(-80, date(2025, 1, 31)), posting(-80, date(2025, 2, 28))]
    day = date(2025, 2, 10)
    assert late_postings([JANUARY], derived, booked, FEBRUARY, day) == [posting(20, day)]
    assert late_postings([JANUARY], booked, booked, FEBRUARY, day) == []
