"""Exact money at the border: what is refused, what is kept to the minor unit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revenue_pipeline.domain.errors import MoneyError, UnknownCurrencyError
from revenue_pipeline.domain.money import (
    EXPONENTS,
    LARGEST_MINOR,
    checked_minor,
    currency,
    exponent,
    format_minor,
    from_provider,
    parse_decimal,
    parse_minor,
    parse_money,
    parse_unit_price,
    provider_exponent,
)


@pytest.mark.parametrize(
    ("text", "code", "minor"),
    [
        ("12.30", "USD", 1230),
        ("12.3", "USD", 1230),
        ("12", "USD", 1200),
        ("-0.01", "EUR", -1),
        ("-0", "EUR", 0),
        ("-0.00", "EUR", 0),
        ("0.000000000", "EUR", 0),
        ("1.500000000", "USD", 150),
        ("500", "JPY", 500),
        ("500.0", "JPY", 500),
        ("1.234", "KWD", 1234),
        ("0.0001", "CLF", 1),
        ("1000000000000000.00", "USD", LARGEST_MINOR),
        ("-1000000000000000.00", "USD", -LARGEST_MINOR),
    ],
)
def test_a_decimal_text_becomes_its_minor_units(text: str, code: str, minor: int) -> None:
    assert parse_minor(text, code) == minor


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "NaN", "nan", "Infinity", "-inf", "1e3", "1E3", "1e999999999", "0E-9", "+1"),
        *(" 1", "1 ", "1\n", "1_000", "1,000.00", "1,5", "01", "-", ".5", "5.", "1.2.3", "--1"),
        *("\uff11\uff12", "\u0663", "0x10", "=1+1", "$5", "1" * 27, "0." + "1" * 13),
    ],
)
def test_anything_but_a_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(MoneyError):
        parse_minor(text, "USD")


@pytest.mark.parametrize("value", [1.5, 1, None, True, float("nan"), b"1"])
def test_a_value_that_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(MoneyError):
        parse_minor(value, "USD")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "code"), [("1.005", "USD"), ("0.5", "JPY"), ("1.0005", "BHD"), ("1.00001", "CLF")]
)
def test_decimals_finer_than_the_currency_are_refused_not_rounded(text: str, code: str) -> None:
    with pytest.raises(MoneyError, match="decimals"):
        parse_minor(text, code)


@pytest.mark.parametrize("text", ["1000000000000000.01", "-1000000000000000.01", "9" * 26])
def test_an_amount_beyond_the_bound_is_refused(text: str) -> None:
    with pytest.raises(MoneyError, match="beyond"):
        parse_minor(text, "USD")


@pytest.mark.parametrize("amount", [1.0, "1", True, None, 10**17 + 1, -(10**18), float("inf")])
def test_minor_units_are_bounded_integers(amount: object) -> None:
    with pytest.raises(MoneyError):
        checked_minor(amount)


def test_iso_exponents_are_the_standards() -> None:
    assert [exponent(code) for code in ("USD", "JPY", "KWD", "CLF", "MGA", "UGX", "ISK")] == [
        *(2, 0, 3, 4, 2, 0, 0)
    ]
    assert all(len(code) == 3 and code.isupper() for code in EXPONENTS)


def test_a_lower_case_code_is_the_same_currency() -> None:
    assert currency("usd") == "USD"


@pytest.mark.parametrize(
    "code", ["", "XXX", "XTS", "US", "USDT", "U$D", "\uff35\uff33\uff24", "\ufb00x", "usd "]
)
def test_an_unknown_currency_is_refused(code: str) -> None:
    with pytest.raises(UnknownCurrencyError, match="unknown currency"):
        currency(code)


def test_stripe_counts_three_currencies_its_own_way() -> None:
    differing = {code for code in EXPONENTS if provider_exponent("stripe", code) != exponent(code)}
    assert differing == {"ISK", "UGX", "MGA"}
    assert from_provider(500, "isk", "stripe") == 5
    assert from_provider(-500, "UGX", "stripe") == -5
    assert from_provider(500, "MGA", "stripe") == 50_000
    assert from_provider(500, "usd", "stripe") == 500
    assert from_provider(500, "ISK", "another provider") == 500


def test_a_provider_amount_that_is_no_whole_minor_unit_is_refused() -> None:
    with pytest.raises(MoneyError, match="no whole number of ISK"):
        from_provider(501, "ISK", "stripe")


def test_a_provider_amount_may_not_grow_beyond_the_bound() -> None:
    with pytest.raises(MoneyError, match="beyond"):
        from_provider(LARGEST_MINOR, "MGA", "stripe")


def test_an_error_message_stays_short() -> None:
    with pytest.raises(MoneyError) as caught:
        parse_minor("9" * 100_000, "USD")
    assert len(str(caught.value)) < 120


def test_an_integer_too_long_to_print_is_refused_like_any_other() -> None:
    with pytest.raises(MoneyError, match="bits"):
        checked_minor(10**5000)


def test_quantities_keep_twelve_decimals() -> None:
    assert str(parse_decimal("0.123456789012")) == "0.123456789012"
    with pytest.raises(MoneyError):
        parse_decimal("0.1234567890123")


@given(
    st.integers(-LARGEST_MINOR, LARGEST_MINOR), st.sampled_from(["USD", "JPY", "KWD", "CLF", "MGA"])
)
def test_writing_and_reading_an_amount_gives_the_same_amount(minor: int, code: str) -> None:
    assert parse_minor(format_minor(minor, code), code) == minor


@given(st.text(max_size=30))
def test_no_text_raises_anything_but_our_error(text: str) -> None:
    try:
        value = parse_minor(text, "USD")
    except MoneyError:
        return
    assert abs(value) <= LARGEST_MINOR


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("-12.34 USD", (-1234, "USD")),
        ("12000 JPY", (12000, "JPY")),
        ("0.100000 KWD", (100, "KWD")),
        ("-0.00 USD", (0, "USD")),
    ],
)
def test_an_amount_with_its_currency_is_read_exactly(text: str, read: tuple[int, str]) -> None:
    assert parse_money(text) == read


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("0.03 USD", "3"),
        ("0.0345 USD", "3.45"),
        ("1.000001 USD", "100.0001"),
        ("-250 USD", "-25000"),
        ("0.5 JPY", "0.5"),
        ("12345678901234567890123456.123456 USD", "1234567890123456789012345612.3456"),
    ],
)
def test_a_price_per_unit_may_be_finer_than_the_currency(text: str, price: str) -> None:
    assert str(parse_unit_price(text)[0]) == price


@pytest.mark.parametrize(
    "text", ["12.34", "12.34USD", "USD 12.34", "12.34 usd", "12.34 XXZ", "1,2 USD", "", " USD", 5]
)
def test_what_is_no_amount_with_a_currency_is_refused(text: str) -> None:
    for parse in (parse_money, parse_unit_price):
        with pytest.raises(MoneyError):
            parse(text)


def test_an_amount_finer_than_its_currency_is_refused() -> None:
    with pytest.raises(MoneyError):
        parse_money("0.005 USD")
