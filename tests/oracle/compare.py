"""Compare a case with its expected figures by the README's rules; list what differs."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from tests.oracle.balances import DEBIT_NATURE
from tests.oracle.money import ZERO, parse_money, rounded
from tests.oracle.months import period_bounds
from tests.oracle.report import Report, answer

Expected = Mapping[str, Any]


def differences(case: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each figure that is not reproduced."""
    report = answer(case)
    checks = {
        "performance_obligations": _obligations,
        "modifications": _modifications,
        "transaction_price": _prices,
        "allocations": _allocations,
        "revenue": _revenue,
        "lifetime_revenue": _lifetime,
        "catch_up": _catch_ups,
        "interest": _interest,
        "balances": _balances,
        "rpo": _rpo,
        "journal": _journal,
        "ignored_events": _ignored,
        "rejected_events": _rejected,
    }
    found: list[str] = []
    names = renamed(report, case["expected"])
    for section, items in case["expected"].items():
        found += [f"{section}: {item}" for item in checks[section](report, items, names)]
    return found


def renamed(report: Report, expected: Expected) -> dict[tuple[str, str], str]:
    """Map expected obligation ids to ours by their lines, where the lines name no obligation."""
    names: dict[tuple[str, str], str] = {}
    for item in expected.get("performance_obligations", []):
        for key, lines in report.lines(item["contract_id"]).items():
            if lines == set(item["lines"]):
                names[item["contract_id"], item["id"]] = key
    return names


def _differs(report: Report, what: str, wanted: str, computed: Fraction) -> Iterator[str]:
    target = parse_money(wanted)[0]
    if _unequal(report, computed, target):
        yield f"{what}: expected {float(target)}, computed {float(computed)}"


Names = Mapping[tuple[str, str], str]
Items = list[dict[str, Any]]


def _obligations(report: Report, items: Items, names: Names) -> Iterator[str]:
    for item in items:
        key = names.get((item["contract_id"], item["id"]))
        if key is None:
            yield f"no obligation of lines {item['lines']}"
        elif "timing" in item and report.timing(item["contract_id"], key) != item["timing"]:
            yield f"{item['id']}: timing {report.timing(item['contract_id'], key)}"


def _modifications(report: Report, items: Items, _: Names) -> Iterator[str]:
    for item in items:
        concluded = report.classification(item["modification_id"])
        if concluded != item["classification"]:
            yield f"{item['modification_id']} concluded {concluded}"


def _prices(report: Report, items: Items, _: Names) -> Iterator[str]:
    for item in items:
        contract, as_of = item["contract_id"], date.fromisoformat(item["as_of"])
        rate = report.rate(contract, parse_money(item["amount"])[1])
        price = report.price(contract, as_of) * rate
        yield from _differs(report, f"{contract} {as_of}", item["amount"], price)


def _allocations(report: Report, items: Items, names: Names) -> Iterator[str]:
    for item in items:
        contract, as_of = item["contract_id"], date.fromisoformat(item["as_of"])
        royalties = item["basis"] == "variable_to_subset"
        parts = report.allocation(contract, as_of, with_royalties=royalties)
        rate = report.rate(contract, parse_money(item["total"])[1])
        by_period = report.renewal_shares(contract, as_of)
        total = sum(parts.values(), ZERO) * rate
        yield from _differs(report, f"{contract} {as_of} total", item["total"], total)
        for index, (key, wanted) in enumerate(item["items"].items()):
            own = names.get((contract, key), key)
            amount = parts.get(own, ZERO)
            if own not in parts and len(by_period) == len(item["items"]):
                amount = by_period[index]
            yield from _differs(report, f"{contract} {as_of} {key}", wanted, amount * rate)


def _revenue(report: Report, items: Items, names: Names) -> Iterator[str]:
    for item in items:
        contract, told = item["contract_id"], item.get("performance_obligation")
        key = names.get((contract, told), told) if told else None
        label = f"{contract} {told or 'all'}"
        covered = []
        for period, wanted in item["by_period"].items():
            bounds = period_bounds(period)
            covered.append(bounds)
            amount = report.revenue(contract, key, *bounds)
            yield from _differs(report, f"{label} {period}", wanted, amount)
        first = min(start for start, _ in covered)
        last = max(end for _, end in covered)
        for month in sorted(report.revenue_months(contract, key)):
            start, end = period_bounds(month)
            inside = any(begin <= start and end <= stop for begin, stop in covered)
            if first <= start and end <= last and not inside:
                yield f"{label} {month}: revenue where none is expected"


def _lifetime(report: Report, items: Items, _: Names) -> Iterator[str]:
    for item in items:
        amount = report.revenue(item["contract_id"], None, date.min, date.max)
        yield from _differs(report, item["contract_id"], item["amount"], amount)


def _catch_ups(report: Report, items: Items, names: Names) -> Iterator[str]:
    for item in items:
        parts = report.catch_up(item["event_id"], item["period"])
        label = f"{item['event_id']} {item['period']}"
        yield from _differs(report, label, item["amount"], sum(parts.values(), ZERO))
        known = {name: own for (_, name), own in names.items()}
        for key, wanted in item.get("by_performance_obligation", {}).items():
            amount = parts.get(known.get(key, key), ZERO)
            yield from _differs(report, f"{label} {key}", wanted, amount)


def _interest(report: Report, items: Items, _: Names) -> Iterator[str]:
    for item in items:
        for period, wanted in item["by_period"].items():
            amount = report.interest(item["account"], *period_bounds(period))
            yield from _differs(report, f"{item['account']} {period}", wanted, amount)


def _balances(report: Report, items: Items, _: Names) -> Iterator[str]:
    for item in items:
        accounts = report.balances(date.fromisoformat(item["as_of"]), item.get("entity_id"))
        for account in sorted({*accounts, *item["accounts"]}):
            wanted = item["accounts"].get(account, "0 USD")
            label = f"{item['as_of']} {account}"
            yield from _differs(report, label, wanted, accounts.get(account, ZERO))


def _rpo(report: Report, items: Items, _: Names) -> Iterator[str]:
    for item in items:
        dated = report.rpo(date.fromisoformat(item["as_of"]), item.get("contract_id"))
        total = sum(dated.values(), ZERO)
        yield from _differs(report, f"{item['as_of']} total", item["total"], total)
        for band in item.get("bands", []):
            first, last = period_bounds(band["period"])
            amount = sum((dated[on] for on in dated if on and first <= on <= last), ZERO)
            yield from _differs(report, f"{item['as_of']} {band['period']}", band["amount"], amount)


def _journal(report: Report, items: Items, _: Names) -> Iterator[str]:
    """An account's movement of a day, or since the journal before where it is told as one."""
    days = sorted({date.fromisoformat(item["date"]) for item in items})
    for index, on in enumerate(days):
        wanted: dict[str, Fraction] = {}
        for item in items:
            if item["date"] == on.isoformat():
                for line in item["lines"]:
                    sign = 1 if "debit" in line else -1
                    amount = parse_money(line.get("debit") or line["credit"])[0] * sign
                    wanted[line["account"]] = wanted.get(line["account"], ZERO) + amount
        eve = on - timedelta(days=1)
        since = days[index - 1] if index else eve
        for account, amount in wanted.items():
            closing = _debit(report, account, on)
            moves = [closing - _debit(report, account, day) for day in (eve, since)]
            if all(_unequal(report, move, amount) for move in moves):
                yield f"{on} {account}: expected {amount}, computed {float(moves[0])}"


def _unequal(report: Report, computed: Fraction, wanted: Fraction) -> bool:
    return abs(rounded(computed, report.convention.unit) - wanted) > report.convention.tolerance


def _debit(report: Report, account: str, on: date) -> Fraction:
    amount = report.balances(on).get(account, ZERO)
    return amount if account in DEBIT_NATURE else -amount


def _ignored(report: Report, items: Items, _: Names) -> Iterator[str]:
    told = {item["id"]: int(item["times"]) for item in items}
    if told != report.inbox.ignored:
        yield f"ignored {report.inbox.ignored}"


def _rejected(report: Report, items: Items, _: Names) -> Iterator[str]:
    told = {item["id"] for item in items}
    if told != set(report.inbox.rejected):
        yield f"rejected {report.inbox.rejected}"
