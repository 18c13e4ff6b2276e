"""Random cases in the golden schema, with the figures the oracle expects.

Run ``python -m tests.properties.case_generator FOLDER --count 1000 --seed 7`` and then
``revenue cases run FOLDER``: the derivation is compared with the oracle, contract by contract.
The same seed gives the same cases; the title of a case lists what happens in it.
"""

import argparse
import random
import shutil
import sys
from collections.abc import Callable
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

import yaml

from tests.oracle.months import add_months, month_end
from tests.properties.case_draft import Draft, Item, text, value
from tests.properties.case_expectations import expectations
from tests.properties.case_stories import tell_story

Ask = Callable[[Item, Fraction], Item]
SCHEMA = Path(__file__).parents[1] / "golden" / "golden.schema.json"
PRORATIONS = ("actual_days", "equal_months", "prorated_end_months", "full_started_months")
TRIGGERS = ("invoice_issued",) * 6 + ("due_date", "performance", "payment")
METHODS = (
    "ratable",
    "point_in_time",
    "units",
    "percent_complete",
    "milestone",
    "drawdown",
    "usage",
)


def draft_line(draft: Draft, number: int) -> Item:
    """Draw a line with one of the methods, its own obligation and a standalone price near it."""
    method = draft.chance.choice(METHODS)
    line: Item = {
        "line_id": f"L{number}",
        "product": f"Product {number}",
        "kind": "good_or_service",
        "performance_obligation": f"PO-{number}",
        "amount": draft.money(10, 900),
    }
    if draft.odds(0.8):
        line["ssp"] = draft.money(10, 900)
    elif draft.odds(0.2):
        line["amount"], line["ssp"] = text(Fraction(0), draft.unit), draft.money(10, 300)
    terms: dict[str, Callable[[], Item]] = {
        "ratable": lambda: ratable(draft),
        "point_in_time": lambda: {"method": "point_in_time"},
        "units": lambda: units(draft, line),
        "percent_complete": lambda: {
            "method": "percent_complete",
            "progress_terms": {
                "measure": "cost_to_cost",
                "total_expected_costs": draft.money(50, 90),
            },
        },
        "milestone": lambda: {"method": "milestone", "progress_terms": {"measure": "milestones"}},
        "drawdown": lambda: drawdown(draft),
        "usage": lambda: usage_terms(draft, line),
    }
    return line | terms[method]()


def ratable(draft: Draft) -> Item:
    """Draw a term; whole calendar months where the proration needs them."""
    start = draft.start
    count = draft.chance.randint(2, 18)
    if draft.proration == "equal_months":
        start = draft.month(draft.chance.randint(0, 1))
        end = add_months(start, count) - timedelta(days=1)
    elif draft.proration == "full_started_months":
        end = add_months(start, count) - timedelta(days=1)
    else:
        start += timedelta(days=draft.chance.randint(0, 20))
        end = start + timedelta(days=draft.chance.randint(40, 500))
    method = "ratable_daily" if draft.proration == "actual_days" else "ratable_monthly"
    term = {"method": method, "start_date": start.isoformat(), "end_date": end.isoformat()}
    return term | ({"quantity": str(count)} if draft.proration == "full_started_months" else {})


def units(draft: Draft, line: Item) -> Item:
    """Draw a quantity of goods delivered in parts."""
    quantity = draft.chance.randint(2, 12)
    amount = value(line["amount"]) // draft.unit // quantity * quantity * draft.unit
    price = amount / quantity
    return {
        "method": "point_in_time",
        "quantity": str(quantity),
        "unit_price": text(price, draft.unit),
        "amount": text(price * quantity, draft.unit),
    }


def drawdown(draft: Draft) -> Item:
    """Draw prepaid units with breakage of either kind."""
    bought = draft.chance.randint(50, 400)
    terms = {
        "units_purchased": str(bought),
        "breakage": draft.chance.choice(["proportional", "at_expiry"]),
    }
    if terms["breakage"] == "proportional":
        terms["expected_units_used"] = str(bought - draft.chance.randint(0, bought // 4))
    return {"method": "prepaid_drawdown", "drawdown_terms": terms}


def usage_terms(draft: Draft, line: Item) -> Item:
    """Draw usage at a unit price above what is included each month."""
    line.pop("ssp", None)
    price = text(draft.chance.randint(1, 9) * draft.unit, draft.unit)
    terms = {"unit": "call", "unit_price": price}
    if draft.odds(0.5):
        terms["included_quantity"] = str(draft.chance.randint(1, 50))
    return {
        "method": "usage",
        "amount": text(Fraction(0), draft.unit),
        "start_date": draft.start.isoformat(),
        "end_date": (add_months(draft.start, 12) - timedelta(days=1)).isoformat(),
        "usage_terms": terms,
    }


def sign(draft: Draft) -> None:
    """Sign a contract of one to four lines, with a discount and a variable amount sometimes."""
    draft.lines = [draft_line(draft, number + 1) for number in range(draft.chance.randint(1, 4))]
    fixed = fixed_price(draft)
    data: Item = {"contract_id": "C-1", "customer_id": "CUST-1", "currency": "USD"}
    if draft.odds(0.2) and fixed > 0:
        cut = text(-(fixed // draft.unit // 10) * draft.unit, draft.unit)
        draft.lines.append(
            {"line_id": "L9", "product": "Discount", "kind": "discount", "amount": cut}
        )
        draft.features.append("discount")
    data["lines"] = list(draft.lines)
    if draft.odds(0.25) and fixed > 0:
        kind = draft.chance.choice(["bonus", "penalty", "price_concession"])
        low, high = (1, 9) if kind == "bonus" else (-9, -1)
        variable: Item = {
            "vc_id": "VC-1",
            "kind": kind,
            "estimate": draft.money(low, high),
            "method": "most_likely",
            "allocate_to": "all",
        }
        keys = [line["performance_obligation"] for line in draft.lines if value(line["amount"]) > 0]
        if draft.odds(0.3):
            variable["allocate_to"] = [draft.chance.choice(keys)]
            draft.features.append("to one obligation")
        data["variable_consideration"] = [variable]
        draft.variables.append(variable)
        draft.features.append("variable")
    draft.event("contract_signed", draft.start, **data)


def fixed_price(draft: Draft) -> Fraction:
    """Return the sum of the lines' amounts."""
    return sum((value(line["amount"]) for line in draft.lines), Fraction(0))


def bill(draft: Draft) -> None:
    """Invoice each fixed line, at once or in parts, and receive most of the cash."""
    for line in draft.lines:
        whole = value(line["amount"])
        if line["kind"] == "discount":
            issue(draft, line["line_id"], whole, draft.start)
        if whole <= 0 or draft.odds(0.15):
            continue
        parts = draft.chance.choice([1, 1, 2, 3])
        step = whole // draft.unit // parts * draft.unit
        amounts = [step] * (parts - 1) + [whole - step * (parts - 1)]
        for index, amount in enumerate(amounts):
            issue(draft, line["line_id"], amount, draft.month(index * 2) if index else draft.start)


def issue(draft: Draft, line_id: str, amount: Fraction, on: date) -> None:
    """Issue an invoice of one line, with tax sometimes, and pay it sometimes."""
    name = f"I-{len(draft.events) + 1}"
    line: Item = {"line_id": line_id, "amount": text(amount, draft.unit)}
    total = amount
    if draft.odds(0.2) and amount > 0:
        tax = amount // draft.unit // 5 * draft.unit
        line["tax"] = text(tax, draft.unit)
        total += tax
    data: Item = {
        "invoice_id": name,
        "contract_id": "C-1",
        "lines": [line],
        "total": text(total, draft.unit),
    }
    if draft.trigger == "due_date":
        data["due_date"] = (on + timedelta(days=draft.chance.randint(0, 45))).isoformat()
    draft.event("invoice_issued", on, **data)
    if total > 0 and draft.odds(0.6) and "discount" not in draft.features:
        paid = total if draft.odds(0.8) else total // draft.unit // 2 * draft.unit
        draft.event(
            "payment_received",
            on + timedelta(days=draft.chance.randint(0, 60)),
            payment_id=f"P-{len(draft.events) + 1}",
            amount=text(paid, draft.unit),
            invoice_id=name,
        )


def perform(draft: Draft) -> None:
    """Deliver, report and use, on random days."""
    for line in draft.lines:
        method = line.get("method")
        if method == "point_in_time":
            deliver(draft, line)
        elif method in ("percent_complete", "milestone"):
            report(draft, line)
        elif method in ("usage", "prepaid_drawdown"):
            consume(draft, line)


def deliver(draft: Draft, line: Item) -> None:
    """Transfer a line whole, or its units in parts; some are never transferred."""
    left = int(line.get("quantity", "1"))
    on = draft.start
    while left > 0 and draft.odds(0.85):
        on += timedelta(days=draft.chance.randint(0, 120))
        part = draft.chance.randint(1, left)
        left -= part
        data = {"fulfilment_id": f"F-{len(draft.events) + 1}", "contract_id": "C-1"}
        data["line_id"] = line["line_id"]
        if "quantity" in line:
            data["quantity"] = str(part)
        draft.event("fulfilment_recorded", on, **data)


def report(draft: Draft, line: Item) -> None:
    """Report growing progress, by cost or percentage."""
    done, on = 0, draft.start
    for _ in range(draft.chance.randint(1, 3)):
        on += timedelta(days=draft.chance.randint(10, 90))
        done = min(100, done + draft.chance.randint(5, 60))
        data: Item = {"contract_id": "C-1", "line_id": line["line_id"]}
        if line["method"] == "milestone":
            data |= {"percent_complete": str(done), "milestone": f"M{done}"}
        else:
            total = value(line["progress_terms"]["total_expected_costs"])
            data["costs_to_date"] = text(total // draft.unit * done // 100 * draft.unit, draft.unit)
            data["total_expected_costs"] = text(total, draft.unit)
        draft.event("progress_reported", on, **data)


def consume(draft: Draft, line: Item) -> None:
    """Report usage for some months; prepaid units lapse sometimes."""
    left = int(line.get("drawdown_terms", {}).get("units_purchased", "1000"))
    for index in range(draft.chance.randint(1, 5)):
        first = draft.month(index)
        used = draft.chance.randint(0, max(0, left // 3))
        left -= used
        draft.event(
            "usage_reported",
            month_end(first),
            usage_id=f"U-{len(draft.events) + 1}",
            contract_id="C-1",
            line_id=line["line_id"],
            period_start=max(first, draft.start).isoformat(),
            period_end=month_end(first).isoformat(),
            quantity=str(used),
        )
    if line["method"] == "prepaid_drawdown" and draft.odds(0.4):
        draft.event(
            "right_lapsed",
            draft.month(7),
            contract_id="C-1",
            right="prepaid_units",
            line_id=line["line_id"],
        )
        draft.features.append("lapse")


def change(draft: Draft, number: int, on: date) -> None:
    """Modify the contract on the first day of a month, in one of the three classes."""
    kind = draft.chance.choice(
        ["separate_contract", "prospective", "prospective", "cumulative_catch_up"]
    )
    data: Item = {
        "contract_id": "C-1",
        "modification_id": f"M-{number}",
        "effective_date": on.isoformat(),
        "facts": {
            "adds_distinct": kind != "cumulative_catch_up",
            "added_at_ssp": kind == "separate_contract",
            "remaining_distinct": kind != "cumulative_catch_up",
        },
    }
    if kind == "separate_contract" or (kind == "prospective" and draft.odds(0.4)):
        data["add_lines"] = [added_line(draft, number, on)]
    if kind != "separate_contract":
        low = -int(fixed_price(draft) / draft.unit // 2000) if draft.odds(0.5) else 1
        data["consideration_change"] = draft.money(low, 30)
    draft.event("contract_modified", on, **data)
    draft.features.append(kind)


def added_line(draft: Draft, number: int, on: date) -> Item:
    """Draw a line a modification adds, for whole months from its effective day."""
    amount = draft.money(5, 200)
    count = draft.chance.randint(2, 8)
    end = add_months(on, count) - timedelta(days=1)
    line = {
        "line_id": f"LM{number}",
        "product": f"Added {number}",
        "kind": "good_or_service",
        "performance_obligation": f"PO-M{number}",
        "amount": amount,
        "ssp": amount,
        "method": "ratable_daily" if draft.proration == "actual_days" else "ratable_monthly",
        "start_date": on.isoformat(),
        "end_date": end.isoformat(),
    }
    return line | ({"quantity": str(count)} if draft.proration == "full_started_months" else {})


def estimate(draft: Draft) -> None:
    """Replace the estimate of the variable amount."""
    for variable in draft.variables:
        if draft.odds(0.7):
            sign_ = 1 if value(variable["estimate"]) > 0 else -1
            low, high = sorted((0, 12 * sign_))
            draft.event(
                "variable_consideration_estimated",
                draft.month(draft.chance.randint(1, 6)),
                contract_id="C-1",
                vc_id=variable["vc_id"],
                estimate=draft.money(low, high),
                reason="new estimate",
            )
            draft.features.append("re-estimate")


def credit(draft: Draft) -> None:
    """Credit a part of an invoice, and bill it again sometimes."""
    invoices = [item for item in draft.events if item["type"] == "invoice_issued"]
    if not invoices or draft.features.count("separate_contract"):
        return
    data = draft.chance.choice(invoices)["data"]
    line = data["lines"][0]
    amount = value(line["amount"]) // draft.unit // 4 * draft.unit
    if amount <= 0:
        return
    on = draft.month(draft.chance.randint(3, 7))
    money = text(amount, draft.unit)
    draft.event(
        "credit_note_issued",
        on,
        credit_note_id="CN-1",
        invoice_id=data["invoice_id"],
        contract_id="C-1",
        lines=[{"line_id": line["line_id"], "amount": money}],
        total=money,
        settlements=[
            {"to": draft.chance.choice(["reduce_receivable", "customer_credit"]), "amount": money}
        ],
    )
    draft.features.append("credit")


def terminate(draft: Draft, on: date) -> None:
    """End the contract on the first day of a month, with or without refund."""
    refund = draft.money(1, 20) if draft.odds(0.4) else text(Fraction(0), draft.unit)
    draft.event(
        "contract_terminated",
        on,
        contract_id="C-1",
        effective_date=on.isoformat(),
        refund_due=refund,
    )
    draft.features.append("termination")


def draw(seed: int, number: int, ask: Ask = expectations) -> Item:
    """Draw case ``number`` of a seed, with the figures that ``ask`` expects of it."""
    chance = random.Random(f"{seed}/{number}")
    unit = Fraction(1) if chance.random() < 0.2 else Fraction(1, 100)
    proration = chance.choice(PRORATIONS)
    start = date(2024, 1, 1) + timedelta(days=chance.randint(0, 400))
    if proration == "equal_months":
        start = start.replace(day=1)
    draft = Draft(chance, unit, proration, chance.choice(TRIGGERS), start)
    if draft.odds(0.4):
        tell_story(draft)
        return finish(draft, seed, number, ask)
    sign(draft)
    bill(draft)
    perform(draft)
    estimate(draft)
    months = sorted(chance.sample(range(1, 9), chance.choice([0, 0, 1, 1, 2])))
    for index, ahead in enumerate(months if fixed_price(draft) else []):
        on = draft.month(ahead)
        if draft.proration in ("actual_days", "prorated_end_months") and draft.odds(0.3):
            on += timedelta(days=draft.chance.randint(1, 20))
            draft.features.append("mid-month")
        change(draft, index + 1, on)
    if draft.odds(0.2):
        credit(draft)
    if draft.odds(0.15):
        terminate(draft, draft.month(9))
    return finish(draft, seed, number, ask)


def finish(draft: Draft, seed: int, number: int, ask: Ask) -> Item:
    """Put the case into the schema's shape and ask the oracle for its figures."""
    methods = sorted({line["method"] for line in draft.lines if "method" in line})
    case: Item = {
        "schema_version": 1,
        "id": f"generated-{seed}-{number:05}",
        "title": ", ".join([*methods, *draft.features]),
        "summary": f"Drawn with seed {seed}.",
        "reference": "none: drawn at random",
        "origin": "constructed",
        "verified": "memory",
        "level": "standard",
        "requires": ["alloc.relative_ssp"],
        "convention": {
            "minor_unit": "1" if draft.unit == 1 else "0.01",
            "rounding": "half_up",
            "allocation_residual": "largest",
            "period_rounding": "cumulative",
            "proration": draft.proration,
            "receivable_trigger": draft.trigger,
            "contract_position": "net_per_contract",
            "tolerance": "0",
        },
        "events": sorted(draft.events, key=arrival),
    }
    case["expected"] = ask(case, draft.unit)
    case["derivation"] = ["Figures of the oracle in tests/oracle."]
    return case


def arrival(event: Item) -> tuple[str, str]:
    """Order events as they reached the books."""
    return str(event.get("received_on", event["occurred_on"])), str(event["id"])


def main() -> None:
    """Write cases into a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randint(1, 10**6))
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(SCHEMA, chosen.folder)
    for number in range(chosen.count):
        case = draw(chosen.seed, number)
        path = chosen.folder / f"{case['id']}.yaml"
        path.write_text(yaml.safe_dump(case, sort_keys=False), encoding="utf-8")
    sys.stdout.write(f"seed {chosen.seed}: {chosen.count} cases in {chosen.folder}\n")


if __name__ == "__main__":
    main()
