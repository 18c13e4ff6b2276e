"""Expected figures of a generated case, asked of the oracle and written as the schema does."""

from collections.abc import Mapping
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from tests.oracle.money import ZERO, rounded
from tests.oracle.months import month_end, month_ends, period_bounds
from tests.oracle.report import Report, answer
from tests.oracle.terms import Contract

Item = dict[str, Any]
CHANGES = (
    "contract_signed",
    "contract_modified",
    "contract_renewed",
    "option_exercised",
    "variable_consideration_estimated",
)


def expectations(case: Mapping[str, Any], unit: Fraction) -> Item:
    """Return prices, allocations, revenue, catch-ups, interest, balances and unsatisfied price."""
    report = answer(case)
    days = _change_days(case)
    expected = _lasting(report, days, unit) | {
        "balances": _balances(report, _balance_days(case), unit),
        "rpo": [
            _rpo(report, contract, month_end(days[-1]), unit) for contract in _packages(report)
        ],
    }
    return {section: items for section, items in expected.items() if items}


def last_expectations(case: Mapping[str, Any], unit: Fraction) -> Item:
    """Return the same without balances before the last: a third of the work."""
    report = answer(case)
    expected = _lasting(report, _change_days(case), unit) | {
        "balances": _balances(report, _balance_days(case)[-1:], unit)
    }
    return {section: items for section, items in expected.items() if items}


def _packages(report: Report) -> list[Contract]:
    contracts = report.state.contracts.values()
    return [item for item in contracts if item.package == item.contract_id]


def _change_days(case: Mapping[str, Any]) -> list[date]:
    return sorted(
        date.fromisoformat(item["occurred_on"])
        for item in case["events"]
        if item["type"] in CHANGES
    )


def _lasting(report: Report, days: list[date], unit: Fraction) -> Item:
    """Return what no later event takes back, of one set of books."""
    packages = _packages(report)
    return {
        "modifications": [
            {"modification_id": name, "classification": kind}
            for name, kind in report.state.classifications.items()
        ],
        "transaction_price": [
            _price(report, contract, on, unit)
            for contract in packages
            for on in dict.fromkeys(days)
            if report.price(contract.contract_id, on)
        ],
        "allocations": [
            _allocation(report, contract, on, unit)
            for contract in packages
            for on in dict.fromkeys(days)
            if report.price(contract.contract_id, on)
        ],
        "revenue": [item for contract in packages for item in _revenue(report, contract, unit)],
        "catch_up": _catch_ups(report, unit),
        "interest": _interest(report, unit),
    }


def written(amount: Fraction, unit: Fraction, currency: str = "USD") -> str:
    """Write an amount with the decimals of its unit, rounded half up."""
    cents = abs(rounded(amount, unit)) * 100
    whole, part = divmod(int(cents), 100)
    sign = "-" if amount < 0 and cents else ""
    return f"{sign}{whole}.{part:02} {currency}" if unit < 1 else f"{sign}{whole} {currency}"


def _price(report: Report, contract: Contract, on: date, unit: Fraction) -> Item:
    price = report.price(contract.contract_id, on)
    return {
        "contract_id": contract.contract_id,
        "as_of": on.isoformat(),
        "amount": written(price, unit, contract.currency),
    }


def _allocation(report: Report, contract: Contract, on: date, unit: Fraction) -> Item:
    parts = report.allocation(contract.contract_id, on)
    return {
        "contract_id": contract.contract_id,
        "as_of": on.isoformat(),
        "basis": "relative_ssp" if on == contract.signed_on else "after_modification",
        "total": written(sum(parts.values(), ZERO), unit, contract.currency),
        "items": {
            key: written(amount, unit, contract.currency) for key, amount in parts.items() if amount
        },
    }


def _revenue(report: Report, contract: Contract, unit: Fraction) -> list[Item]:
    found = []
    name = contract.contract_id
    for key in dict.fromkeys(item.key for item in report.obligations(name)):
        months = sorted(report.revenue_months(name, key))
        if not months:
            continue
        amounts = {month: report.revenue(name, key, *period_bounds(month)) for month in months}
        found.append(
            {
                "contract_id": name,
                "performance_obligation": key,
                "by_period": {month: written(amount, unit) for month, amount in amounts.items()},
                "total": written(sum(amounts.values(), ZERO), unit),
            }
        )
    return found


def _catch_ups(report: Report, unit: Fraction) -> list[Item]:
    told = [(name, on) for name, on in report.books.late]
    if report.books.closed_until is None:
        told = [(item.events[0], item.on) for item in report.state.catch_ups.values()]
    found = []
    for name, on in told:
        month = on.isoformat()[:7]
        parts = report.catch_up(name, month)
        total = sum(parts.values(), ZERO)
        if total:
            found.append({"event_id": name, "period": month, "amount": written(total, unit)})
    return found


def _interest(report: Report, unit: Fraction) -> list[Item]:
    found = []
    for account in ("interest_income", "interest_expense"):
        days = [item.on for item in report.books.postings if account in (item.debit, item.credit)]
        amounts = {
            month: report.interest(account, *period_bounds(month))
            for month in sorted({on.isoformat()[:7] for on in days})
        }
        if amounts:
            found.append(
                {
                    "account": account,
                    "by_period": {month: written(part, unit) for month, part in amounts.items()},
                    "total": written(sum(amounts.values(), ZERO), unit),
                }
            )
    return found


def _balance_days(case: Mapping[str, Any]) -> list[date]:
    """Return month ends over the life of a case, the last long after its last event."""
    days = [
        date.fromisoformat(item["occurred_on"])
        for item in case["events"]
        if item["type"] != "fx_rate_published"
    ]
    ends = list(month_ends(min(days), max(days) + timedelta(days=200)))
    return sorted({*ends[:: max(1, len(ends) // 5)], month_end(max(days)), ends[-1]})


def _balances(report: Report, chosen: list[date], unit: Fraction) -> list[Item]:
    entities = {item.entity for _, item in report.state.obligations()} | {
        item.entity for item in report.state.contracts.values()
    }
    found = []
    for on in chosen:
        for entity in sorted(entities):
            accounts = {
                account: written(amount, unit)
                for account, amount in sorted(report.balances(on, entity).items())
                if amount
            }
            if accounts:
                told = {"entity_id": entity} if entity else {}
                found.append({"as_of": on.isoformat(), **told, "accounts": accounts})
    return found


def _rpo(report: Report, contract: Contract, as_of: date, unit: Fraction) -> Item:
    total = sum(report.rpo(as_of, contract.contract_id).values(), ZERO)
    return {
        "as_of": as_of.isoformat(),
        "contract_id": contract.contract_id,
        "total": written(total, unit, contract.currency),
    }
