"""Reference rows of a case: each of its legal entities with its calendar, choices and accounts."""

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal

from revenue_pipeline.cases.files import Case
from revenue_pipeline.domain.money import exponent
from revenue_pipeline.domain.periods import first_day

REASON = "Acceptance case"
ALWAYS = "1900-01-01"
REVENUE = "revenue"
# Accounts as cases name them, by role. A case knows one revenue account and one receivable.
ACCOUNT_OF_ROLE = {
    **{
        name: name
        for name in (
            "cash",
            "receivable",
            "contract_asset",
            "return_asset",
            "inventory",
            "customer_incentive_asset",
            "due_from_entity",
            "opening_equity",
            "cost_of_sales",
            "bad_debt_expense",
            "interest_expense",
            "contract_liability",
            "refund_liability",
            "deposit_liability",
            "customer_credit",
            "external_settlement",
            "tax_payable",
            "supplier_payable",
            "due_to_entity",
            "financial_liability",
            "interest_income",
            "fx_gain_loss",
            "suspense_credit",
            REVENUE,
        )
    },
    "disputed_receivable": "receivable",
    "concessions": REVENUE,
    "termination_revenue": REVENUE,
    "subscription_revenue": REVENUE,
    "usage_revenue": REVENUE,
    "services_revenue": REVENUE,
    "support_revenue": REVENUE,
}
_TYPES = {
    "asset": "cash receivable contract_asset return_asset inventory customer_incentive_asset"
    " due_from_entity disputed_receivable",
    "expense": "cost_of_sales bad_debt_expense interest_expense",
    "equity": "opening_equity",
    "contra_revenue": "concessions",
    "suspense": "suspense_credit",
    "revenue": "revenue termination_revenue subscription_revenue usage_revenue services_revenue"
    " support_revenue",
    "income": "interest_income fx_gain_loss",
}
_TYPE_OF_ROLE = {role: kind for kind, roles in _TYPES.items() for role in roles.split()}


def seed_rows(cases: Iterable[Case]) -> dict[str, list[dict[str, str]]]:
    """Rows to add to the project's seeds, by seed."""
    rows: dict[str, list[dict[str, str]]] = {
        "ref_legal_entities": [],
        "ref_entity_policies": [],
        "ref_accounts": [],
    }
    for case in cases:
        for entity_id in case.entity_ids:
            rows["ref_legal_entities"].append(_entity(case, entity_id))
            rows["ref_entity_policies"].append(_policy(case, entity_id))
            rows["ref_accounts"] += _accounts(entity_id)
    return rows


def _entity(case: Case, entity_id: str) -> dict[str, str]:
    # the books begin with the first event, or with the balances that stood the day before
    first = min(case.dates) - (timedelta(days=1) if case.opening_balances else timedelta())
    return {
        "entity_id": entity_id,
        "entity_name": entity_id,
        "functional_currency_code": case.functional_currency,
        "accounting_time_zone": "UTC",
        "first_period": first_day(first).isoformat(),
        "last_period": first_day(max(case.dates)).isoformat(),
        "reason": REASON,
    }


def _policy(case: Case, entity_id: str) -> dict[str, str]:
    convention = case.convention
    per_unit = 10 ** exponent(case.functional_currency)
    unit_price = convention.get("unit_price_rounding")
    proration = convention["proration"]
    return {
        "entity_id": entity_id,
        "effective_from": ALWAYS,
        # "none": the case has no line that depends on it
        "proration": "prorated_end_months" if proration == "none" else proration,
        "rounding_unit_minor": str(max(1, int(Decimal(convention["minor_unit"]) * per_unit))),
        "progress_rounding": convention.get("progress_rounding", ""),
        "unit_price_rounding_minor": (
            "" if unit_price is None else format(Decimal(unit_price) * per_unit, "f")
        ),
        "receivable_trigger": convention["receivable_trigger"],
        "credit_without_cause": "price",
        "ssp_range_rule": "stated_or_midpoint",
        "missing_ssp": "stated_price",
        "credit_reach": "whole_term",
        "dispute_lost": "price_concession",
        "reason": REASON,
    }


def _accounts(entity_id: str) -> list[dict[str, str]]:
    # One code per role, as in any chart; the name is the account by which cases know it.
    return [
        {
            "entity_id": entity_id,
            "account_role": role,
            "effective_from": ALWAYS,
            "account_code": role,
            "account_name": account,
            "account_type": _TYPE_OF_ROLE.get(role, "liability"),
            "reason": REASON,
        }
        for role, account in ACCOUNT_OF_ROLE.items()
    ]
