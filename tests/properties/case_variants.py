"""A case told another way, and what must not change by it. Each variant is a case of its own."""

import random
import re
from copy import deepcopy
from datetime import date
from fractions import Fraction
from typing import Any

from tests.oracle.months import add_months
from tests.properties.case_draft import text, value

Case = dict[str, Any]
WAVED = "waved"
_CENTS = re.compile(r"-?\d+\.\d\d [A-Z]{3}")
_PLAIN = {
    "contract_signed",
    "contract_modified",
    "variable_consideration_estimated",
    "fulfilment_recorded",
    "progress_reported",
    "usage_reported",
    "right_lapsed",
    "invoice_issued",
    "payment_received",
}


def named(case: Case, name: str) -> Case:
    """A copy under an id of its own; with the same expected figures it keeps the same months."""
    copy = deepcopy(case)
    copy["id"] = f"{case['id']}-{name}"
    return copy


def shuffled(case: Case) -> Case | None:
    """Events arrive in another order, some of them again."""
    copy = named(case, "shuffled")
    chance = random.Random(case["id"])
    chance.shuffle(copy["events"])
    copy["events"] += [deepcopy(chance.choice(copy["events"])) for _ in range(2)]
    return copy


def waved(case: Case) -> Case | None:
    """The same; what ``waves`` calls later is delivered when all else has been derived."""
    return named(case, WAVED) if len(case["events"]) > 1 else None


def waves(case_id: str, events: list[Case]) -> tuple[list[Case], list[Case]]:
    """Deliveries of a case: at first, and later. Later may be any of them, the contract too.

    Exchange rates come at first: a new one concerns every contract, so all is derived anew.
    """
    if not case_id.endswith(f"-{WAVED}"):
        return events, []
    chance = random.Random(case_id)
    cut = chance.randint(1, len(events) - 1)
    places = list(range(len(events)))
    if chance.random() < 0.5:
        chance.shuffle(places)
    later = {place for place in places[cut:] if events[place]["type"] != "fx_rate_published"}
    return (
        [event for place, event in enumerate(events) if place not in later],
        [event for place, event in enumerate(events) if place in later],
    )


def scaled(case: Case) -> Case | None:
    """A hundred times every amount, in books rounded a hundred times as coarsely."""
    if case["convention"]["minor_unit"] != "0.01":
        return None
    copy = named(case, "scaled")
    copy["events"] = _times_hundred(copy["events"])
    copy["convention"]["minor_unit"] = "1"
    return copy


def _times_hundred(found: Any) -> Any:
    if isinstance(found, dict):
        return {key: _times_hundred(item) for key, item in found.items()}
    if isinstance(found, list):
        return [_times_hundred(item) for item in found]
    if isinstance(found, str) and _CENTS.fullmatch(found):
        amount, currency = found.split(" ")
        return f"{int(Fraction(amount) * 100)}.00 {currency}"
    return found


def split(case: Case) -> Case | None:
    """Every line of every invoice in two."""
    copy = named(case, "split")
    unit = Fraction(case["convention"]["minor_unit"])
    for event in copy["events"]:
        if event["type"] == "invoice_issued":
            halves = []
            for line in event["data"]["lines"]:
                first = value(line["amount"]) // unit // 2 * unit
                rest = {
                    **line,
                    "amount": _like(line["amount"], value(line["amount"]) - first, unit),
                }
                rest.pop("tax", None)
                halves += [{**line, "amount": _like(line["amount"], first, unit)}, rest]
            event["data"]["lines"] = halves
    return copy


def rebilled(case: Case) -> Case | None:
    """Three invoices a month apart instead of each one; nothing is paid."""
    if not _is_plain(case):
        return None
    copy = named(case, "rebilled")
    unit = Fraction(case["convention"]["minor_unit"])
    events = [event for event in copy["events"] if event["type"] != "payment_received"]
    copy["events"] = []
    for event in events:
        if event["type"] != "invoice_issued":
            copy["events"].append(event)
            continue
        for part in range(3):
            later = deepcopy(event)
            later["id"] += f"-{part}"
            later["data"]["invoice_id"] += f"-{part}"
            later["data"].pop("due_date", None)
            later["occurred_on"] = _months_later(event["occurred_on"], part)
            for line in later["data"]["lines"]:
                line.pop("tax", None)
                whole = value(line["amount"])
                third = whole // unit // 3 * unit
                line["amount"] = _like(
                    line["amount"], whole - 2 * third if part == 2 else third, unit
                )
            total = sum((value(line["amount"]) for line in later["data"]["lines"]), Fraction(0))
            later["data"]["total"] = _like(event["data"]["total"], total, unit)
            if total:
                copy["events"].append(later)
    return copy


def credited(case: Case) -> Case | None:
    """The first invoice is credited whole and issued again, after all else."""
    invoices = [event for event in case["events"] if event["type"] == "invoice_issued"]
    if not _is_plain(case) or not invoices or not _is_billed_whole(case):
        return None
    copy = named(case, "credited")
    first = deepcopy(invoices[0])
    if value(first["data"]["total"]) <= 0:
        return None
    day = max(event["occurred_on"] for event in case["events"])
    again = {**first, "id": "again", "occurred_on": day}
    again["data"] = {**deepcopy(first["data"]), "invoice_id": "I-again"}
    again["data"].pop("due_date", None)
    credit = {
        "credit_note_id": "CN-all",
        "invoice_id": first["data"]["invoice_id"],
        "contract_id": first["data"]["contract_id"],
        "lines": first["data"]["lines"],
        "total": first["data"]["total"],
        "settlements": [{"to": "reduce_receivable", "amount": first["data"]["total"]}],
    }
    note = {"id": "credit", "type": "credit_note_issued", "occurred_on": day, "data": credit}
    copy["events"] += [note, again]
    return copy


VARIANTS = (shuffled, waved, scaled, split, rebilled, credited)


def _is_plain(case: Case) -> bool:
    """Nothing in it says something about the price by what was billed or paid."""
    kinds = {
        each["kind"]
        for event in case["events"]
        for each in event["data"].get("variable_consideration", [])
    }
    return (
        kinds <= {"bonus", "penalty", "price_concession"}
        and all(event["type"] in _PLAIN for event in case["events"])
        and all(
            event["data"].get("contract_id", "C-1") == "C-1" and "financing" not in event["data"]
            for event in case["events"]
        )
    )


def _is_billed_whole(case: Case) -> bool:
    """Whether what was billed is the price that was agreed: a credit below it lowers the price."""
    billed = fixed = Fraction(0)
    for event in case["events"]:
        data = event["data"]
        if event["type"] == "invoice_issued":
            billed += sum((value(line["amount"]) for line in data["lines"]), Fraction(0))
        for line in [*data.get("lines", []), *data.get("add_lines", [])]:
            if event["type"].startswith("contract_"):
                fixed += value(line["amount"])
        fixed += value(data.get("consideration_change", "0 USD"))
    return billed == fixed


def _months_later(day: str, count: int) -> str:
    first = date.fromisoformat(day)
    return add_months(first.replace(day=1), count).isoformat() if count else day


def _like(amount: str, size: Fraction, unit: Fraction) -> str:
    return text(size, unit).replace("USD", amount.split(" ")[1])
