"""Step 4: the price shared by relative standalone selling price (IFRS 15.73-86)."""

from collections.abc import Sequence
from fractions import Fraction

from tests.oracle.convention import Convention
from tests.oracle.money import ONE, ZERO, parse_money, shares
from tests.oracle.obligations import Obligation
from tests.oracle.price import value_of
from tests.oracle.terms import Line, Variable
from tests.oracle.units import Unit


def option_price(line: Line) -> Fraction:
    """Return the standalone price of a material right (IFRS 15.B42)."""
    terms = line.terms("option_terms")
    chance = Fraction(terms.get("exercise_probability", "1"))
    general = Fraction(terms.get("general_discount_rate", "0"))
    if "expected_purchase" in terms:
        purchase = parse_money(terms["expected_purchase"])[0] * line.rate
        return purchase * (Fraction(terms.get("discount_rate", "0")) - general) * chance
    if "target_ssp" in terms and "exercise_price" in terms:
        target = parse_money(terms["target_ssp"])[0] * line.rate
        price = parse_money(terms["exercise_price"])[0] * line.rate
        return (target * (ONE - general) - price) * chance
    return line.amount


def standalone(line: Line) -> Fraction:
    """Return the standalone price of a whole line: stated, from its range, or its own price."""
    if line.ssp is not None:
        return line.ssp * line.commission
    if line.kind == "option":
        return expected_renewals(line) if line.is_practical_option else option_price(line)
    span = line.data.get("ssp_range")
    if span is None:
        return line.amount * line.commission
    low, high = (parse_money(span[end])[0] * line.rate for end in ("low", "high"))
    inside = low <= line.amount <= high and line.data.get("ssp_basis") != "residual"
    return line.amount if inside else (low + high) / 2


def expected_renewals(line: Line) -> Fraction:
    """Return the consideration of the renewals the practical alternative expects (B43)."""
    terms = line.terms("renewal_terms")
    if "periods" in terms:
        return sum(
            (
                Fraction(item["probability"]) * parse_money(item["consideration"])[0]
                for item in terms["periods"]
            ),
            ZERO,
        )
    price = parse_money(terms.get("renewal_price", "0 X"))[0]
    return Fraction(terms.get("renewals_expected", "0")) * price * line.rate


def weight_at_inception(obligation: Obligation, unit: Unit) -> Fraction:
    """Return the standalone price of an obligation; usage and pieces carry their own price."""
    lines = [line for line in obligation.live_lines if line.kind != "discount"]
    if not unit.royalties_for_all():
        lines = [line for line in lines if not (line.is_usage or line.is_piece) or line.amount]
    main = [line for line in obligation.main_lines if line in lines]
    if any(line.ssp is not None for line in main):
        lines = [line for line in lines if line in main or line.ssp is not None]
    return sum((standalone(line) for line in lines), ZERO)


def is_residual(obligation: Obligation) -> bool:
    """Tell whether the price of an obligation is what the others leave (IFRS 15.79(c))."""
    return any(line.data.get("ssp_basis") == "residual" for line in obligation.live_lines)


def stated(obligations: Sequence[Obligation]) -> list[Fraction]:
    """Return the stated prices of obligations."""
    return [
        sum((line.amount * line.commission for line in item.live_lines), ZERO)
        for item in obligations
    ]


def residual_fits(obligations: Sequence[Obligation], rest: Fraction) -> bool:
    """Tell whether the residual lies inside the observed ranges (IE 34C), where there are any."""
    spans = [
        line.data["ssp_range"]
        for item in obligations
        for line in item.live_lines
        if "ssp_range" in line.data
    ]
    if not spans:
        return rest >= 0
    low = sum((parse_money(span["low"])[0] for span in spans), ZERO)
    high = sum((parse_money(span["high"])[0] for span in spans), ZERO)
    return low <= rest <= high


def share_pool(unit: Unit, convention: Convention) -> None:
    """Share the pool and the variable amounts over the open obligations."""
    pool = unit.pool
    for variable in unit.variables.values():
        change = value_of(variable, unit, convention) - unit.reference.get(variable.id, ZERO)
        if variable.obligations is None:
            pool += change
        else:
            _share_to_some(unit, variable, change, convention)
    obligations = unit.open_obligations
    parts = _special_shares(unit, obligations, pool, convention) if unit.first_segment else None
    if parts is None:
        parts = _split(pool, obligations, [item.weight for item in obligations], convention)
    for obligation, part in zip(obligations, parts, strict=True):
        obligation.share = part


def _share_to_some(
    unit: Unit, variable: Variable, amount: Fraction, convention: Convention
) -> None:
    chosen = [item for item in unit.open_obligations if variable.concerns(item.key)]
    parts = _split(amount, chosen, [item.weight for item in chosen], convention)
    for obligation, part in zip(chosen, parts, strict=True):
        obligation.targeted[variable.id] = part


def _split(
    total: Fraction,
    obligations: Sequence[Obligation],
    weights: Sequence[Fraction],
    convention: Convention,
) -> list[Fraction]:
    if obligations and not any(weights):
        weights = stated(obligations)
    whole = convention.money(total)
    return shares(whole, weights, convention.unit, exact=convention.residual_to_largest)


def _special_shares(
    unit: Unit, obligations: Sequence[Obligation], pool: Fraction, convention: Convention
) -> list[Fraction] | None:
    """Apply the residual approach and a discount that belongs to some; None: neither applies."""
    some = [item for item in obligations if item.key in unit.discount_to]
    rest = [item for item in obligations if is_residual(item)]
    full = [item for item in obligations if item not in some and item not in rest]
    left = pool - sum((item.weight for item in full), ZERO)
    if rest:
        for_some = sum(stated(some), ZERO)
        if not residual_fits(rest, left - for_some):
            return None
    elif some and 0 < left < sum((item.weight for item in some), ZERO):
        for_some = left
    else:
        return None
    parts = {item.key: convention.money(item.weight) for item in full}
    for group, amount, weights in (
        (some, for_some, [item.weight for item in some]),
        (rest, left - for_some, stated(rest)),
    ):
        split = _split(amount, group, weights, convention)
        parts |= {item.key: part for item, part in zip(group, split, strict=True)}
    return [parts[item.key] for item in obligations]
