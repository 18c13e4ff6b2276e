"""Contracts of a case, their changes, and the rights to use that their lines give."""

from collections.abc import Iterable, Iterator
from datetime import date

from revenue_pipeline.canonical.models import (
    CanonicalEvent,
    ContractEvent,
    ContractLine,
    EntitlementEvent,
    PriceComponent,
)
from revenue_pipeline.domain.money import currency, parse_decimal, parse_money
from revenue_pipeline.sources.cases.amounts import maybe_decimal, maybe_minor, maybe_price, minor
from revenue_pipeline.sources.cases.envelope import Envelope, Told
from revenue_pipeline.sources.cases.records import (
    ContractModified,
    ContractRenewed,
    ContractSigned,
    ContractTerminated,
    Line,
    LineChange,
    OptionExercised,
    Variable,
)
from revenue_pipeline.sources.cases.references import Contract, References

_BY_USE = {"usage", "prepaid_drawdown"}
_EVENLY = {"ratable_daily", "ratable_monthly"}


def signed(data: ContractSigned, told: Told) -> Iterator[CanonicalEvent]:
    """A contract on its first terms."""
    references = told.references
    code = currency(data.currency)
    contract = Contract(
        data.contract_id,
        references.entity(data.entity_id),
        data.customer_id,
        code,
        data.start_date,
        data.end_date,
    )
    lines = [_line(line, contract, references, "stated", data.start_date) for line in data.lines]
    financing = data.financing if data.financing and data.financing.significant else None
    payable, repurchase, discount = (
        data.consideration_payable,
        data.repurchase,
        data.discount_allocation,
    )
    yield ContractEvent(
        **told.envelope(contract.entity_id),
        event_type="contract.signed",
        contract_id=data.contract_id,
        contract_version=told.next_version(contract.entity_id, data.contract_id),
        customer_id=data.customer_id,
        currency_code=code,
        signed_date=told.day,
        effective_date=told.day,
        end_date=data.end_date,
        lines=tuple(lines),
        combined_with=data.combined_with,
        is_collection_probable=data.collectability_probable,
        is_cancellable=data.cancellable,
        contract_count=maybe_decimal(data.contract_count),
        financing_rate=maybe_decimal(financing.annual_rate) if financing else None,
        financing_compounding=financing.compounding if financing else None,
        cash_selling_price_minor=(
            maybe_minor(financing.cash_selling_price, code, "financing.cash_selling_price")
            if financing
            else None
        ),
        financing_instalments=maybe_decimal(financing.instalments) if financing else None,
        financing_instalment_minor=(
            maybe_minor(financing.instalment, code, "financing.instalment") if financing else None
        ),
        payable_minor=(
            minor(payable.amount, code, "consideration_payable.amount") if payable else None
        ),
        payable_date=payable.paid_on if payable else None,
        payable_is_for_distinct_good=payable.distinct_good_received if payable else None,
        payable_expected_sales_minor=(
            minor(payable.expected_total_sales, code, "consideration_payable.expected_total_sales")
            if payable
            else None
        ),
        discount_obligations=discount.to if discount else None,
        repurchase_kind=repurchase.kind if repurchase else None,
        repurchase_price_minor=(
            minor(repurchase.price, code, "repurchase.price") if repurchase else None
        ),
        repurchase_until_date=repurchase.until if repurchase else None,
        return_right_until_date=data.right_of_return_until,
        price_components=_components(data.variable_consideration, code),
    )
    yield from _rights(data.lines, contract, told)


def renewed(data: ContractRenewed, told: Told) -> Iterator[CanonicalEvent]:
    """A new contract in the place of another one."""
    prior = told.references.contract(data.contract_id)
    contract = Contract(
        data.new_contract_id,
        prior.entity_id,
        prior.customer_id,
        prior.currency,
        data.start_date,
        data.end_date,
    )
    yield ContractEvent(
        **told.envelope(contract.entity_id),
        event_type="contract.renewed",
        contract_id=contract.contract_id,
        contract_version=told.next_version(contract.entity_id, contract.contract_id),
        customer_id=contract.customer_id,
        currency_code=contract.currency,
        signed_date=told.day,
        effective_date=told.day,
        end_date=data.end_date,
        replaces_contract_id=data.contract_id,
        supersedes_from_date=data.supersedes_prior_from,
        added_at_ssp=data.facts.priced_at_ssp if data.facts else None,
        remaining_distinct=data.facts.remaining_distinct if data.facts else None,
        lines=tuple(
            _line(line, contract, told.references, "stated", data.start_date) for line in data.lines
        ),
    )
    yield from _rights(data.lines, contract, told)


def modified(data: ContractModified, told: Told) -> Iterator[CanonicalEvent]:
    """A change, passed on as the difference it is."""
    references = told.references
    contract = references.contract(data.contract_id)
    code = contract.currency
    lines = [
        *(
            _line(line, contract, references, "added", data.effective_date)
            for line in data.add_lines
        ),
        *(_changed(change, contract, references) for change in data.change_lines),
        *(_removed(line_id, contract, references) for line_id in data.remove_lines),
    ]
    facts, credit = data.facts, data.price_credit
    yield ContractEvent(
        **_change(contract, told, data.effective_date),
        event_type="contract.amended",
        change_basis="delta",
        modification_id=data.modification_id,
        classification=data.classification,
        adds_distinct=facts.adds_distinct if facts else None,
        added_at_ssp=facts.added_at_ssp if facts else None,
        remaining_distinct=facts.remaining_distinct if facts else None,
        consideration_change_minor=maybe_minor(
            data.consideration_change, code, "consideration_change"
        ),
        price_credit_minor=minor(credit.amount, code, "price_credit.amount") if credit else None,
        price_credit_relates_to=credit.relates_to if credit else None,
        expected_costs_minor=maybe_minor(data.total_expected_costs, code, "total_expected_costs"),
        lines=tuple(lines),
        price_components=_components(data.variable_consideration, code),
    )
    yield from _rights(data.add_lines, contract, told)


def option_exercised(data: OptionExercised, told: Told) -> Iterator[CanonicalEvent]:
    """An option is used; what is bought is added."""
    contract = told.references.contract(data.contract_id)
    yield ContractEvent(
        **_change(contract, told, told.day),
        event_type="contract.option_exercised",
        change_basis="delta",
        exercised_line_id=data.line_id,
        lines=tuple(
            _line(line, contract, told.references, "added", told.day) for line in data.add_lines
        ),
    )
    yield from _rights(data.add_lines, contract, told)


def terminated(data: ContractTerminated, told: Told) -> Iterator[CanonicalEvent]:
    """Service ends the day before the effective date."""
    contract = told.references.contract(data.contract_id)
    yield ContractEvent(
        **_change(contract, told, data.effective_date),
        event_type="contract.terminated",
        refund_minor=minor(data.refund_due, contract.currency, "refund_due"),
        initiated_by=data.initiated_by,
    )


class _Change(Envelope):
    contract_id: str
    contract_version: int
    customer_id: str
    currency_code: str
    signed_date: date
    effective_date: date


def _change(contract: Contract, told: Told, effective: date) -> _Change:
    return {
        **told.envelope(contract.entity_id),
        "contract_id": contract.contract_id,
        "contract_version": told.next_version(contract.entity_id, contract.contract_id),
        "customer_id": contract.customer_id,
        "currency_code": contract.currency,
        "signed_date": told.day,
        "effective_date": effective,
    }


def _line(
    line: Line,
    contract: Contract,
    references: References,
    action: str,
    begins: date | None,
) -> ContractLine:
    _, code = parse_money(line.amount)
    where = f"line {line.line_id}"
    use, drawdown, progress = line.usage_terms, line.drawdown_terms, line.progress_terms
    option, renewal = line.option_terms, line.renewal_terms
    price = use.unit_price if use and use.unit_price is not None else line.unit_price
    evenly = line.method in _EVENLY
    periods = renewal.periods if renewal else None
    return ContractLine(
        line_id=line.line_id,
        obligation_key=line.performance_obligation or line.line_id,
        product_code=line.product,
        quantity=parse_decimal(line.quantity or "1"),
        amount_minor=minor(line.amount, code, f"{where}: amount"),
        ssp_minor=maybe_minor(line.ssp, code, f"{where}: ssp"),
        # a term nobody states is the contract's
        service_start_date=line.start_date or (begins if evenly else None),
        service_end_date=line.end_date or (contract.end_date if evenly else None),
        usage_meter=line.line_id if line.method in _BY_USE else None,
        unit_price_minor=maybe_price(price, code, f"{where}: unit_price"),
        included_quantity=parse_decimal((use.included_quantity if use else None) or "0"),
        line_action="added" if action == "added" else "stated",
        line_kind=line.kind,
        line_currency_code=None if code == contract.currency else code,
        recognition_method=line.method,
        ssp_basis=line.ssp_basis,
        ssp_low_minor=(
            minor(line.ssp_range.low, code, f"{where}: ssp_range") if line.ssp_range else None
        ),
        ssp_high_minor=(
            minor(line.ssp_range.high, code, f"{where}: ssp_range") if line.ssp_range else None
        ),
        unit_cost_minor=maybe_price(line.unit_cost, code, f"{where}: unit_cost"),
        performing_entity_id=references.entity(line.entity_id) if line.entity_id else None,
        is_agent=line.role == "agent",
        commission_rate=maybe_decimal(line.agent_commission_rate),
        is_capable_of_being_distinct=(
            line.distinct.capable_of_being_distinct if line.distinct else None
        ),
        is_separately_identifiable=(
            line.distinct.separately_identifiable if line.distinct else None
        ),
        combines_with=line.distinct.combines_with if line.distinct else None,
        royalty_rate=maybe_decimal(use.royalty_rate) if use else None,
        minimum_per_quarter_minor=(
            maybe_minor(use.minimum_per_quarter, code, f"{where}: minimum_per_quarter")
            if use
            else None
        ),
        units_purchased=maybe_decimal(drawdown.units_purchased) if drawdown else None,
        expected_units=maybe_decimal(drawdown.expected_units_used) if drawdown else None,
        breakage=drawdown.breakage if drawdown else None,
        expires_date=(drawdown.expires_on if drawdown else None)
        or (option.expires_on if option else None),
        progress_measure=progress.measure if progress else None,
        expected_costs_minor=(
            maybe_minor(progress.total_expected_costs, code, f"{where}: total_expected_costs")
            if progress
            else None
        ),
        option_measurement=option.measurement if option else None,
        option_discount_rate=maybe_decimal(option.discount_rate) if option else None,
        option_general_discount_rate=(
            maybe_decimal(option.general_discount_rate) if option else None
        ),
        option_expected_purchase_minor=(
            maybe_minor(option.expected_purchase, code, f"{where}: expected_purchase")
            if option
            else None
        ),
        option_exercise_probability=maybe_decimal(option.exercise_probability) if option else None,
        option_exercise_price_minor=(
            maybe_minor(option.exercise_price, code, f"{where}: exercise_price") if option else None
        ),
        option_target_ssp_minor=(
            maybe_minor(option.target_ssp, code, f"{where}: target_ssp") if option else None
        ),
        renewals_expected=maybe_decimal(renewal.renewals_expected) if renewal else None,
        renewal_price_minor=(
            maybe_minor(renewal.renewal_price, code, f"{where}: renewal_price") if renewal else None
        ),
        renewal_periods=tuple(period.period for period in periods) if periods else None,
        renewal_probabilities=(
            tuple(parse_decimal(period.probability) for period in periods) if periods else None
        ),
        renewal_considerations_minor=(
            tuple(minor(p.consideration, code, f"{where}: consideration") for p in periods)
            if periods
            else None
        ),
        renewal_costs_minor=(
            tuple(maybe_minor(p.expected_cost, code, f"{where}: expected_cost") for p in periods)
            if periods
            else None
        ),
        is_excluded_from_rpo=bool(line.billing_excluded_from_rpo),
    )


def _changed(change: LineChange, contract: Contract, references: References) -> ContractLine:
    first = references.line(contract.contract_id, change.line_id)
    _, code = parse_money(first.amount)
    where = f"change of line {change.line_id}"
    return ContractLine(
        line_id=change.line_id,
        obligation_key=first.performance_obligation or first.line_id,
        product_code=first.product,
        quantity=maybe_decimal(change.quantity),
        amount_minor=maybe_minor(change.amount, code, f"{where}: amount"),
        ssp_minor=maybe_minor(change.ssp, code, f"{where}: ssp"),
        service_end_date=change.end_date,
        unit_price_minor=maybe_price(change.unit_price, code, f"{where}: unit_price"),
        line_action="changed",
        line_kind=first.kind,
        line_currency_code=None if code == contract.currency else code,
        recognition_method=first.method,
        remaining_amount_minor=maybe_minor(
            change.remaining_amount, code, f"{where}: remaining_amount"
        ),
        remaining_ssp_minor=maybe_minor(change.remaining_ssp, code, f"{where}: remaining_ssp"),
    )


def _removed(line_id: str, contract: Contract, references: References) -> ContractLine:
    first = references.line(contract.contract_id, line_id)
    return ContractLine(
        line_id=line_id,
        obligation_key=first.performance_obligation or first.line_id,
        product_code=first.product,
        line_action="removed",
        line_kind=first.kind,
        recognition_method=first.method,
    )


def _components(
    variables: tuple[Variable, ...] | None, currency_code: str
) -> tuple[PriceComponent, ...]:
    return tuple(_component(variable, currency_code) for variable in variables or ())


def _component(variable: Variable, code: str) -> PriceComponent:
    where = f"variable_consideration {variable.vc_id}"
    outcomes, tiers = variable.outcomes, variable.tiers
    prices = [maybe_price(tier.unit_price, code, f"{where}: tiers") for tier in tiers or ()]
    return PriceComponent(
        component_id=variable.vc_id,
        component_kind=variable.kind,
        potential_minor=maybe_minor(variable.potential, code, f"{where}: potential"),
        estimate_minor=maybe_minor(variable.estimate, code, f"{where}: estimate"),
        method=variable.method,
        outcome_amounts_minor=(
            tuple(minor(outcome.amount, code, f"{where}: outcomes") for outcome in outcomes)
            if outcomes
            else None
        ),
        outcome_probabilities=(
            tuple(parse_decimal(outcome.probability) for outcome in outcomes) if outcomes else None
        ),
        allocate_to=variable.allocate_to if isinstance(variable.allocate_to, tuple) else None,
        threshold_quantity=maybe_decimal(variable.threshold_quantity),
        unit_price_after_minor=maybe_price(
            variable.unit_price_after, code, f"{where}: unit_price_after"
        ),
        tier_up_to=tuple(maybe_decimal(tier.up_to) for tier in tiers) if tiers else None,
        tier_unit_prices_minor=tuple(price for price in prices if price is not None) or None,
        expected_quantity=maybe_decimal(variable.expected_quantity),
        expected_returns=maybe_decimal(variable.expected_returns),
    )


def _rights(lines: Iterable[Line], contract: Contract, told: Told) -> Iterator[EntitlementEvent]:
    """A case never tells who may use what: whoever has the line may, from its start on."""
    for line in lines:
        if line.kind == "discount":
            continue
        yield EntitlementEvent(
            **told.envelope(contract.entity_id, part=line.line_id),
            event_type="entitlement.granted",
            contract_id=contract.contract_id,
            line_id=line.line_id,
            customer_id=contract.customer_id,
            meter=line.line_id,
            from_date=min(told.day, line.start_date or told.day),
        )
