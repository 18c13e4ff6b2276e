"""Expected figures of a generated case, asked of the oracle and written as the schema does."""

from collections.abc import Mapping
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from tests.oracle.money import ZERO
from tests.oracle.months import month_end, month_ends, period_bounds
from tests.oracle.report import Report, answer

Item = dict[str, Any]
CHANGES = ("contract_signed", "contract_modified", "variable_consideration_estimated")


def expectations(case: Mapping[str, Any], unit: Fraction) -> Item:
    """Return prices, allocations, revenue, catch-ups, balances and unsatisfied price."""
    report = answer(case)
    days = sorted(
        {
            date.fromisoformat(item["occurred_on"])
            for item in case["events"]
            if item["type"] in CHANGES
        }
    )
    contract = "C-1"
    priced = [on for on in days if report.price(contract, on)]
    expected: Item = {
        "modifications": [
            {"modification_id": name, "classification": kind}
            for name, kind in report.state.classifications.items()
        ],
        "transaction_price": [
            {
                "contract_id": contract,
                "as_of": on.isoformat(),
                "amount": written(report.price(contract, on), unit),
            }
            for on in priced
        ],
        "allocations": [_allocation(report, contract, on, unit) for on in priced],
        "revenue": _revenue(report, contract, unit),
        "catch_up": _catch_ups(report, unit),
        "balances": _balances(report, case, unit),
        "rpo": _rpo(report, contract, days[-1], unit),
    }
    return {section: items for section, items in expected.items() if items}


def written(amount: Fraction, unit: Fraction) -> str:
    """Write an amount with the decimals of its unit."""
    cents = round(amount * 100)
    sign = "-" if cents < 0 else ""
    whole, part = divmod(abs(cents), 100)
    return f"{sign}{whole}.{part:02} USD" if unit < 1 else f"{sign}{whole} USD"


def _allocation(report: Report, contract: str, on: date, unit: Fraction) -> Item:
    parts = report.allocation(contract, on)
    signed = on == report.state.contracts[contract].signed_on
    return {
        "contract_id": contract,
        "as_of": on.isoformat(),
        "basis": "relative_ssp" if signed else "after_modification",
        "total": written(sum(parts.values(), ZERO), unit),
        "items": {key: written(amount, unit) for key, amount in parts.items() if amount},
    }


def _revenue(report: Report, contract: str, unit: Fraction) -> list[Item]:
    found = []
    for key in dict.fromkeys(item.key for item in report.obligations(contract)):
        months = sorted(report.revenue_months(contract, key))
        if not months:
            continue
        amounts = {month: report.revenue(contract, key, *period_bounds(month)) for month in months}
        found.append(
            {
                "contract_id": contract,
                "performance_obligation": key,
                "by_period": {month: written(amount, unit) for month, amount in amounts.items()},
                "total": written(sum(amounts.values(), ZERO), unit),
            }
        )
    return found


def _catch_ups(report: Report, unit: Fraction) -> list[Item]:
    found = []
    for item in report.state.catch_ups.values():
        total = sum(item.amounts.values(), ZERO)
        if total:
            found.append(
                {
                    "event_id": item.events[0],
                    "period": item.on.isoformat()[:7],
                    "amount": written(total, unit),
                    "by_performance_obligation": {
                        key: written(amount, unit) for key, amount in item.amounts.items()
                    },
                }
            )
    return found


def _balances(report: Report, case: Mapping[str, Any], unit: Fraction) -> list[Item]:
    days = [date.fromisoformat(item["occurred_on"]) for item in case["events"]]
    ends = list(month_ends(min(days), max(days) + timedelta(days=200)))
    chosen = sorted({*ends[:: max(1, len(ends) // 5)], month_end(max(days)), ends[-1]})
    found = []
    for on in chosen:
        accounts = {
            account: written(amount, unit)
            for account, amount in sorted(report.balances(on).items())
            if amount
        }
        if accounts:
            found.append({"as_of": on.isoformat(), "accounts": accounts})
    return found


def _rpo(report: Report, contract: str, on: date, unit: Fraction) -> list[Item]:
    as_of = month_end(on)
    total = sum(report.rpo(as_of, contract).values(), ZERO)
    return [{"as_of": as_of.isoformat(), "contract_id": contract, "total": written(total, unit)}]
