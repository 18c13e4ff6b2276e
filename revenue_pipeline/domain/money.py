"""Money is an integer of minor units beside an ISO 4217 code. No float ever holds an amount.

The minor unit is ISO 4217's. Providers count some currencies otherwise (Stripe sends ISK with two
decimals); `from_provider` converts exactly or refuses.
"""

import re
from decimal import Decimal

from revenue_pipeline.domain.errors import MoneyError, UnknownCurrencyError

# Bound of one amount: 92 of the largest still sum in a bigint, and unit mix-ups are caught.
LARGEST_MINOR = 10**17

_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
_FOUR_DECIMALS = "CLF UYW"
# ANG, BGN, CUC, HRK, SLL and ZWL are withdrawn, but documents of past years carry them.
_TWO_DECIMALS = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD
    CAD CDF CHE CHF CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL
    GHS GIP GMD GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR
    LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB
    PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP
    SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG ZWL
"""
EXPONENTS: dict[str, int] = {
    **dict.fromkeys(_NO_DECIMALS.split(), 0),
    **dict.fromkeys(_TWO_DECIMALS.split(), 2),
    **dict.fromkeys(_THREE_DECIMALS.split(), 3),
    **dict.fromkeys(_FOUR_DECIMALS.split(), 4),
}
# Where a provider's integer amounts differ from ISO 4217.
PROVIDER_EXPONENTS: dict[str, dict[str, int]] = {
    "stripe": {
        "ISK": 2,  # lost its decimals in 2003; kept at two for compatibility
        "UGX": 2,  # as ISK
        "MGA": 0,  # one ariary is five iraimbilanja; Stripe counts whole ariary
    },
}

_AMOUNT = re.compile(r"-?(?:0|[1-9][0-9]{0,25})(?:\.[0-9]{1,12})?", re.ASCII)


def currency(code: str) -> str:
    """The ISO 4217 code in upper case. Raises UnknownCurrencyError for anything else."""
    upper = code.upper() if isinstance(code, str) and code.isascii() else ""
    if upper not in EXPONENTS:
        raise UnknownCurrencyError(f"unknown currency {_shown(code)}")
    return upper


def exponent(code: str) -> int:
    """Decimals of a currency in ISO 4217: USD 2, JPY 0, KWD 3."""
    return EXPONENTS[currency(code)]


def provider_exponent(provider: str, code: str) -> int:
    """Decimals in which a provider's integer amounts count this currency."""
    upper = currency(code)
    return PROVIDER_EXPONENTS.get(provider, {}).get(upper, EXPONENTS[upper])


def from_provider(amount: int, code: str, provider: str) -> int:
    """A provider's integer amount in ISO minor units. Raises MoneyError when that is not exact."""
    checked = checked_minor(amount)
    target, given = exponent(code), provider_exponent(provider, code)
    whole, rest = divmod(checked * int(10**target), int(10**given))
    if rest:
        raise MoneyError(
            f"{amount} of {provider} is no whole number of {currency(code)} minor units"
        )
    return checked_minor(whole)


def checked_minor(amount: object) -> int:
    """The amount itself if it is an int (no bool, no float) of at most 10**17 either way."""
    if isinstance(amount, bool) or not isinstance(amount, int):
        raise MoneyError(f"amount {_shown(amount)} is not an integer of minor units")
    if abs(amount) > LARGEST_MINOR:
        raise MoneyError(f"amount {_shown(amount)} is beyond 10^17 minor units")
    return amount


def parse_decimal(text: str, *, largest_scale: int = 12) -> Decimal:
    """A plain decimal text, exactly: no float, exponent, NaN, separator, blank or leading plus.

    At most 26 digits before the point. Decimals beyond `largest_scale` must be zeros.
    """
    if not isinstance(text, str):
        raise MoneyError(f"{_shown(text)} is a {type(text).__name__}, not a decimal text")
    if not _AMOUNT.fullmatch(text):
        raise MoneyError(f"{_shown(text)} is not a plain decimal number")
    decimals = text.partition(".")[2].rstrip("0")
    if len(decimals) > largest_scale:
        raise MoneyError(f"{_shown(text)} has more than {largest_scale} decimals")
    value = Decimal(text)
    return value if value else Decimal(0)  # -0 is 0


def parse_minor(text: str, code: str) -> int:
    """Decimal text in major units ("12.30", "USD") as minor units (1230).

    Raises MoneyError when it is not plain, finer than the currency, or beyond 10**17 minor units.
    """
    places = exponent(code)
    parse_decimal(text, largest_scale=places)
    # digits are moved as text: Decimal arithmetic would round at its context's precision
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    whole, _, decimals = digits.partition(".")
    return checked_minor(sign * int(whole + decimals[:places].ljust(places, "0")))


def parse_money(text: str) -> tuple[int, str]:
    """Minor units and currency of a text like "-12.34 USD". Raises MoneyError."""
    amount, code = _split(text)
    return parse_minor(amount, code), code


def parse_unit_price(text: str) -> tuple[Decimal, str]:
    """Price per unit in exact, possibly broken minor units: 3.5 "USD" for "0.035 USD".

    Raises MoneyError.
    """
    amount, code = _split(text)
    sign, digits, places = parse_decimal(amount).as_tuple()
    assert isinstance(places, int)
    # built from its digits: shifting by arithmetic would round at the context's precision
    price = Decimal((sign, digits, places + exponent(code)))
    return Decimal(format(price, "f")), code


def _split(text: str) -> tuple[str, str]:
    amount, blank, code = text.partition(" ") if isinstance(text, str) else ("", "", "")
    if not blank or code != code.upper():
        raise MoneyError(f"{_shown(text)} is not an amount and a currency")
    return amount, currency(code)


def format_minor(minor: int, code: str) -> str:
    """Minor units as decimal text in major units: 1230 "USD" is "12.30"."""
    places = exponent(code)
    digits = str(abs(minor)).rjust(places + 1, "0")
    text = f"{digits[:-places]}.{digits[-places:]}" if places else digits
    return f"-{text}" if minor < 0 else text


def _shown(value: object) -> str:
    if isinstance(value, int) and value.bit_length() > 128:
        return f"of {value.bit_length()} bits"  # Python refuses to print very long integers
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
