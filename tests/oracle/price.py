"""Step 3: what the price includes of each variable amount (IFRS 15.50-59, B20-B27, B63)."""

from collections.abc import Iterable
from fractions import Fraction

from tests.oracle.convention import Convention
from tests.oracle.money import ONE, ZERO
from tests.oracle.obligations import Obligation
from tests.oracle.terms import Data, Line, Variable
from tests.oracle.units import Unit


def estimated(variable: Variable) -> Fraction:
    """Return the stated estimate, else what ``method`` makes of the outcomes, else nothing."""
    if variable.estimate is not None:
        return variable.estimate
    outcomes = [
        (Fraction(item["amount"].split(" ")[0]), Fraction(item["probability"]))
        for item in variable.data.get("outcomes", [])
    ]
    method = variable.data.get("method")
    if method == "most_likely" and outcomes:
        return max(outcomes, key=lambda outcome: outcome[1])[0]
    if method == "expected_value":
        return sum((amount * chance for amount, chance in outcomes), ZERO)
    return ZERO


def lines_of(variable: Variable, unit: Unit) -> list[Line]:
    """Return the lines a variable amount concerns."""
    return [
        line
        for obligation in unit.obligations
        if variable.concerns(obligation.key)
        for line in obligation.live_lines
    ]


def returned_line(variable: Variable, unit: Unit) -> Line | None:
    """Return the line whose goods may come back: the first one sold by quantity or unit price."""
    lines = [line for line in lines_of(variable, unit) if line.kind == "good_or_service"]
    sold = [line for line in lines if line.unit_price or line.quantity]
    return next(iter(sold or lines), None)


def price_per_unit(line: Line) -> Fraction:
    """Return the stated unit price, else the amount of the line over its quantity."""
    return line.unit_price if line.unit_price is not None else line.amount / line.target


def value_of(variable: Variable, unit: Unit, convention: Convention) -> Fraction:
    """Return what the transaction price includes; royalties and usage never before they occur."""
    if variable.kind in ("royalty", "usage") and any(line.is_usage for line in unit.lines()):
        return ZERO
    if variable.kind == "royalty":
        return ZERO
    if variable.kind == "returns":
        return -returns_value(variable, unit)
    if variable.kind == "rebate" and variable.estimate is None:
        return -rebate_value(variable, unit, convention)
    return estimated(variable)


def returns_value(variable: Variable, unit: Unit) -> Fraction:
    """Return the price of goods expected back: at least what came back, no more once lapsed."""
    if variable.lapsed:
        return variable.credited
    if variable.expected_returns is None:
        expected = abs(estimated(variable))
    else:
        line = returned_line(variable, unit)
        expected = ZERO if line is None else variable.expected_returns * price_per_unit(line)
    return max(expected, variable.credited)


def rebate_value(variable: Variable, unit: Unit, convention: Convention) -> Fraction:
    """Return the rebate expected on lines of a fixed amount; pieces carry it in their price."""
    total = ZERO
    if not sets_price(variable):
        return total
    for line in lines_of(variable, unit):
        if line.quantity and line.amount and not line.is_usage:
            total += line.amount - pieces_value(line, line.quantity, [variable], convention)
    return total


def tier_total(tiers: Iterable[Data], quantity: Fraction) -> Fraction:
    """Price ``quantity`` units, each tier's units at the tier's price."""
    total, floor = ZERO, ZERO
    for tier in tiers:
        top = Fraction(tier["up_to"]) if "up_to" in tier else quantity
        units = max(ZERO, min(quantity, top) - floor)
        total += units * Fraction(tier["unit_price"].split(" ")[0])
        floor = max(floor, top)
    return total


def sets_price(variable: Variable) -> bool:
    """Tell whether a rebate or tiers say what a unit costs."""
    told = "tiers" in variable.data or "unit_price_after" in variable.data
    return told and variable.kind in ("rebate", "usage")


def rebates(line: Line, obligation: Obligation, unit: Unit) -> list[Variable]:
    """Return the rebates and tiers that set the price of a piece of the line."""
    return [
        item
        for item in unit.variables.values()
        if sets_price(item) and item.concerns(obligation.key) and line.kind == "good_or_service"
    ]


def pieces_value(
    line: Line, quantity: Fraction, variables: list[Variable], convention: Convention
) -> Fraction:
    """Price ``quantity`` units at the price now expected for all of them."""
    if not variables:
        return quantity * price_per_unit(line)
    variable = variables[0]
    told = variable.expected_quantity
    expected = max(told or ZERO, quantity)
    if "tiers" in variable.data:
        if told is None or expected == 0:
            return tier_total(variable.data["tiers"], quantity)
        average = tier_total(variable.data["tiers"], expected) / expected
        return quantity * convention.average(average)
    if expected > Fraction(variable.data["threshold_quantity"]):
        return quantity * after_price(variable)
    return quantity * price_per_unit(line)


def after_price(variable: Variable) -> Fraction:
    """Return the unit price once the threshold is exceeded."""
    return Fraction(variable.data["unit_price_after"].split(" ")[0])


def billed_value(line: Line, quantity: Fraction, variables: list[Variable]) -> Fraction:
    """Price ``quantity`` units as they are billed: list up to the threshold, then the lower one."""
    if not variables:
        return quantity * price_per_unit(line)
    variable = variables[0]
    if "tiers" in variable.data:
        return tier_total(variable.data["tiers"], quantity)
    threshold = Fraction(variable.data["threshold_quantity"])
    below = min(quantity, threshold)
    return below * price_per_unit(line) + (quantity - below) * after_price(variable)


def financed_price(financing: Data, stated: Fraction) -> Fraction:
    """Return the cash price where the entity finances the customer (IFRS 15.60-65).

    The cash selling price, else the present value of the instalments, the first of them due one
    period after transfer; else the stated price.
    """
    if not financing.get("significant"):
        return stated
    if "cash_selling_price" in financing:
        return Fraction(financing["cash_selling_price"].split(" ")[0])
    if "instalment" not in financing or "instalments" not in financing:
        return stated
    rate = period_rate(financing)
    payment = Fraction(financing["instalment"].split(" ")[0])
    count = int(Fraction(financing["instalments"]))
    if rate == 0:
        return payment * count
    return payment * (ONE - (ONE + rate) ** -count) / rate


def period_rate(financing: Data) -> Fraction:
    """Return the rate of one compounding period: a year, or a twelfth of it for a month."""
    annual = Fraction(financing.get("annual_rate", "0"))
    return annual / 12 if financing.get("compounding") == "monthly" else annual
