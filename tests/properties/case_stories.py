"""Stories for generated cases: what the free draw seldom brings about, with random figures."""

from collections.abc import Callable
from datetime import date, timedelta
from fractions import Fraction

from tests.oracle.months import add_months, month_end
from tests.properties.case_draft import Draft, Item, text, value

NOTHING = Fraction(0)


def tell_story(draft: Draft) -> None:
    """Tell one story."""
    story = draft.chance.choice(STORIES)
    draft.features.append(story.__name__)
    story(draft)


def goods(draft: Draft, number: int, **terms: str) -> Item:
    """Return a line transferred at a point in time."""
    return _line(draft, number) | {"method": "point_in_time"} | terms


def service(draft: Draft, number: int, start: date, count: int) -> Item:
    """Return a time-based line of whole months from the first of a month."""
    method = "ratable_daily" if draft.proration == "actual_days" else "ratable_monthly"
    line = _line(draft, number) | {
        "method": method,
        "start_date": start.isoformat(),
        "end_date": (add_months(start, count) - timedelta(days=1)).isoformat(),
    }
    return line | ({"quantity": str(count)} if draft.proration == "full_started_months" else {})


def _line(draft: Draft, number: int) -> Item:
    return {
        "line_id": f"L{number}",
        "product": f"Product {number}",
        "kind": "good_or_service",
        "performance_obligation": f"PO-{number}",
        "amount": draft.money(10, 900),
        "ssp": draft.money(10, 900),
    }


def pieces(draft: Draft, number: int, price: int) -> Item:
    """Return a line sold by the piece."""
    line = goods(draft, number)
    line.pop("ssp")
    money = text(price * draft.unit, draft.unit)
    return line | {"amount": text(NOTHING, draft.unit), "unit_price": money}


def sign(draft: Draft, *lines: Item, on: date | None = None, **terms: object) -> date:
    """Sign a contract on the first of the starting month."""
    day = on or draft.month(0)
    data = {"contract_id": "C-1", "customer_id": "CUST-1", "currency": "USD", "lines": list(lines)}
    draft.lines.extend(lines)
    draft.event("contract_signed", day, **(data | terms))
    return day


def invoice(draft: Draft, name: str, on: date, *lines: tuple[str, str], **terms: str) -> None:
    """Issue an invoice of contract lines and amounts."""
    data: Item = {
        "invoice_id": name,
        "contract_id": "C-1",
        "lines": [{"line_id": line, "amount": amount} for line, amount in lines],
        "total": _sum(draft, [amount for _, amount in lines]),
    }
    draft.event("invoice_issued", on, **(data | terms))


def _sum(draft: Draft, amounts: list[str]) -> str:
    currency = amounts[0].split(" ")[1]
    total = text(sum((value(amount) for amount in amounts), NOTHING), draft.unit)
    return total.replace("USD", currency)


def pay(draft: Draft, name: str, on: date, amount: str, invoice_id: str) -> None:
    """Receive cash for an invoice."""
    draft.event("payment_received", on, payment_id=name, amount=amount, invoice_id=invoice_id)


def deliver(draft: Draft, on: date, line: str, **terms: str) -> None:
    """Transfer a line or some units of it."""
    name = f"F-{len(draft.events)}"
    draft.event(
        "fulfilment_recorded", on, fulfilment_id=name, contract_id="C-1", line_id=line, **terms
    )


def credit(draft: Draft, on: date, invoice_id: str, line: Item, to: str, **terms: str) -> None:
    """Credit an invoice line."""
    draft.event(
        "credit_note_issued",
        on,
        credit_note_id=f"CN-{len(draft.events)}",
        invoice_id=invoice_id,
        contract_id=terms.get("contract_id", "C-1"),
        lines=[line],
        total=line["amount"],
        settlements=[{"to": to, "amount": line["amount"]}],
    )


def part(draft: Draft, amount: str, divisor: int) -> str:
    """Return a whole part of an amount."""
    return text(value(amount) // draft.unit // divisor * draft.unit, draft.unit)


def early_renewal(draft: Draft) -> None:
    """The old term is superseded; its unused days are credited wholly, in part or not at all."""
    draft.proration = "actual_days"
    start = draft.month(0)
    old = service(draft, 1, start, 12)
    sign(draft, old)
    invoice(draft, "I-1", start, ("L1", old["amount"]))
    on = draft.month(draft.chance.randint(3, 11))
    new = service(draft, 2, on, 12)
    draft.event(
        "contract_renewed",
        on,
        contract_id="C-1",
        new_contract_id="C-2",
        start_date=on.isoformat(),
        end_date=new["end_date"],
        supersedes_prior_from=on.isoformat(),
        facts={"priced_at_ssp": draft.odds(0.5), "remaining_distinct": True},
        lines=[new],
    )
    lines = [("L2", new["amount"])]
    if draft.odds(0.7):
        days = (date.fromisoformat(old["end_date"]) - on).days + 1
        unused = value(old["amount"]) * days / 366 / draft.chance.choice([1, 2])
        lines.append(("L1", text(-(unused // draft.unit) * draft.unit, draft.unit)))
    invoice(draft, "I-2", on, *lines, contract_id="C-2")


def plain_renewal(draft: Draft) -> None:
    """A new term after the old one, at its standalone price or not."""
    start = draft.month(0)
    old = service(draft, 1, start, 6)
    sign(draft, old)
    on = draft.month(6)
    new = service(draft, 2, on, 6)
    draft.event(
        "contract_renewed",
        draft.month(5),
        contract_id="C-1",
        new_contract_id="C-2",
        start_date=on.isoformat(),
        end_date=new["end_date"],
        facts={"priced_at_ssp": draft.odds(0.5), "remaining_distinct": True},
        lines=[new],
    )
    invoice(draft, "I-1", start, ("L1", old["amount"]))
    invoice(draft, "I-2", on, ("L2", new["amount"]), contract_id="C-2")


def extension(draft: Draft) -> None:
    """A longer term at a blended price, beside another obligation."""
    start = draft.month(0)
    line, other = service(draft, 1, start, 12), goods(draft, 2)
    sign(draft, line, other)
    invoice(draft, "I-1", start, ("L1", line["amount"]), ("L2", other["amount"]))
    on = draft.month(draft.chance.randint(2, 9))
    change: Item = {"line_id": "L1"}
    if draft.proration == "full_started_months":
        change["quantity"] = "18"
    change["end_date"] = (add_months(start, 18) - timedelta(days=1)).isoformat()
    if draft.odds(0.5):
        change["remaining_ssp"] = draft.money(10, 900)
    draft.event(
        "contract_modified",
        on,
        contract_id="C-1",
        modification_id="M-1",
        effective_date=on.isoformat(),
        classification="prospective",
        change_lines=[change],
        consideration_change=draft.money(1, 200),
    )
    deliver(draft, draft.month(10), "L2")


def downgrade(draft: Draft) -> None:
    """Fewer units, a credit note for the difference, refunded."""
    start = draft.month(0)
    line, other = service(draft, 1, start, 12), service(draft, 2, start, 12)
    sign(draft, line, other)
    invoice(draft, "I-1", start, ("L1", line["amount"]), ("L2", other["amount"]))
    pay(draft, "P-1", start, _sum(draft, [line["amount"], other["amount"]]), "I-1")
    on = draft.month(draft.chance.randint(2, 9))
    cut = part(draft, line["amount"], 4)
    draft.event(
        "contract_modified",
        on,
        contract_id="C-1",
        modification_id="M-1",
        effective_date=on.isoformat(),
        classification=draft.chance.choice(["prospective", "cumulative_catch_up"]),
        consideration_change=f"-{cut}",
    )
    credit(draft, on, "I-1", {"line_id": "L1", "amount": cut}, "refund")
    draft.event(
        "refund_paid",
        on + timedelta(days=40),
        refund_id="R-1",
        amount=cut,
        credit_note_id=draft.events[-1]["data"]["credit_note_id"],
    )


def volume_rebate(draft: Draft) -> None:
    """Pieces with a rebate beyond a threshold, or tiers; the quantity is estimated anew."""
    line = pieces(draft, 1, 200)
    rebate: Item = {
        "vc_id": "VC-1",
        "kind": "rebate",
        "method": "most_likely",
        "allocate_to": "all",
    }
    money = {price: text(price * draft.unit, draft.unit) for price in (200, 180, 150)}
    if draft.odds(0.5):
        rebate |= {"threshold_quantity": "1000", "unit_price_after": money[180]}
    else:
        rebate["tiers"] = [
            {"up_to": "500", "unit_price": money[200]},
            {"up_to": "1000", "unit_price": money[180]},
            {"unit_price": money[150]},
        ]
    rebate["expected_quantity"] = str(draft.chance.randint(400, 1300))
    start = sign(draft, line, variable_consideration=[rebate])
    for index in range(draft.chance.randint(1, 4)):
        deliver(draft, draft.month(index) + timedelta(days=9), "L1", quantity=str(50 * (index + 2)))
    draft.event(
        "variable_consideration_estimated",
        start + timedelta(days=45),
        contract_id="C-1",
        vc_id="VC-1",
        expected_quantity=str(draft.chance.randint(700, 1500)),
        reason="new estimate",
    )


def returns(draft: Draft) -> None:
    """Goods sold with a right of return: estimated, estimated anew, credited in part, lapsed."""
    count = draft.chance.randint(20, 60)
    price = text(100 * draft.unit, draft.unit)
    line = goods(draft, 1, quantity=str(count), unit_price=price)
    line |= {"amount": text(100 * count * draft.unit, draft.unit)}
    line["unit_cost"] = text(60 * draft.unit, draft.unit)
    expected = {"vc_id": "VC-1", "kind": "returns", "method": "expected_value"}
    expected |= {"expected_returns": str(draft.chance.randint(2, 6)), "allocate_to": "all"}
    start = sign(draft, line, variable_consideration=[expected])
    invoice(draft, "I-1", start, ("L1", line["amount"]))
    half = count // 2
    deliver(draft, start, "L1", quantity=str(half))
    deliver(draft, draft.month(1), "L1", quantity=str(count - half))
    if draft.odds(0.6):
        back = text(100 * draft.unit, draft.unit)
        credit(draft, draft.month(2), "I-1", {"line_id": "L1", "amount": back}, "reduce_receivable")
    if draft.odds(0.6):
        draft.event("right_lapsed", draft.month(3), contract_id="C-1", right="return")


def delivered_credit(draft: Draft) -> None:
    """A modification that adds units and credits delivered ones."""
    price = text(120 * draft.unit, draft.unit)
    line = goods(draft, 1, quantity="100", unit_price=price)
    line["amount"] = line["ssp"] = text(12000 * draft.unit, draft.unit)
    start = sign(draft, line)
    done = draft.chance.randint(10, 70)
    deliver(draft, start + timedelta(days=20), "L1", quantity=str(done))
    added = goods(draft, 2, quantity="30") | {
        "performance_obligation": "PO-1",
        "product": "Product 1",
    }
    on = draft.month(2)
    draft.event(
        "contract_modified",
        on,
        contract_id="C-1",
        modification_id="M-1",
        effective_date=on.isoformat(),
        facts={"adds_distinct": True, "added_at_ssp": False, "remaining_distinct": True},
        add_lines=[added],
        price_credit={
            "amount": text(15 * done * draft.unit, draft.unit),
            "relates_to": "delivered",
        },
    )
    deliver(draft, draft.month(3), "L1", quantity=str(100 - done))
    deliver(draft, draft.month(4), "L2", quantity="30")


def dispute(draft: Draft) -> None:
    """A card dispute, won or lost, during service."""
    start = draft.month(0)
    line = service(draft, 1, start, draft.chance.randint(1, 6))
    sign(draft, line)
    invoice(draft, "I-1", start, ("L1", line["amount"]))
    pay(draft, "P-1", start, line["amount"], "I-1")
    amount = draft.chance.choice([line["amount"], part(draft, line["amount"], 2)])
    opened = start + timedelta(days=19)
    draft.event("dispute_opened", opened, dispute_id="D-1", payment_id="P-1", amount=amount)
    outcome = draft.chance.choice(["won", "lost"])
    draft.event("dispute_closed", draft.month(2), dispute_id="D-1", outcome=outcome)


def write_off(draft: Draft) -> None:
    """A terminated contract, its unpaid rest written off and recovered in part."""
    start = draft.month(0)
    line = service(draft, 1, start, 12)
    sign(draft, line)
    invoice(draft, "I-1", start, ("L1", line["amount"]))
    on = draft.month(6)
    back = part(draft, line["amount"], 2)
    nothing = text(NOTHING, draft.unit)
    draft.event(
        "contract_terminated",
        on,
        contract_id="C-1",
        effective_date=on.isoformat(),
        refund_due=nothing,
    )
    credit(draft, on, "I-1", {"line_id": "L1", "amount": back}, "reduce_receivable")
    lost = text(value(line["amount"]) - value(back), draft.unit)
    draft.event(
        "receivable_written_off", draft.month(8), write_off_id="W-1", invoice_id="I-1", amount=lost
    )
    draft.event(
        "recovery_received",
        draft.month(9),
        recovery_id="RC-1",
        write_off_id="W-1",
        amount=part(draft, lost, 3),
    )


def void_and_reissue(draft: Draft) -> None:
    """An invoice with wrong tax is voided and issued again; a customer credit is applied."""
    start = draft.month(0)
    line = service(draft, 1, start, 6)
    sign(draft, line)
    for name, divisor in (("I-1", 10), ("I-2", 5)):
        tax = part(draft, line["amount"], divisor)
        draft.event(
            "invoice_issued",
            start + timedelta(days=divisor),
            invoice_id=name,
            contract_id="C-1",
            lines=[{"line_id": "L1", "amount": line["amount"], "tax": tax}],
            total=_sum(draft, [line["amount"], tax]),
        )
    draft.event("invoice_voided", start + timedelta(days=10), invoice_id="I-1")
    total = draft.events[-2]["data"]["total"]
    pay(draft, "P-1", draft.month(1), total, "I-2")
    back = part(draft, line["amount"], 6)
    credit(draft, draft.month(2), "I-2", {"line_id": "L1", "amount": back}, "customer_credit")
    extra = service(draft, 2, draft.month(3), 2) | {"amount": back, "ssp": back}
    draft.event(
        "contract_modified",
        draft.month(3),
        contract_id="C-1",
        modification_id="M-1",
        effective_date=draft.month(3).isoformat(),
        classification="separate_contract",
        add_lines=[extra],
    )
    invoice(draft, "I-3", draft.month(3), ("L2", back))
    draft.event(
        "customer_credit_applied",
        draft.month(3),
        application_id="A-1",
        invoice_id="I-3",
        amount=back,
    )


def package(draft: Draft) -> None:
    """Two orders signed as one package."""
    start = draft.month(0)
    first, second = goods(draft, 1), service(draft, 2, start, 9)
    sign(draft, first)
    sign(draft, second, contract_id="C-2", combined_with=["C-1"])
    invoice(draft, "I-1", start, ("L1", first["amount"]))
    invoice(draft, "I-2", draft.month(1), ("L2", second["amount"]), contract_id="C-2")
    deliver(draft, start + timedelta(days=draft.chance.randint(0, 50)), "L1")


def foreign_currency(draft: Draft) -> None:
    """A contract in another currency, billed in two parts at different rates."""
    draft.trigger = "invoice_issued"
    start = draft.month(0)
    line = service(draft, 1, start, 12)
    line |= {key: line[key].replace("USD", "EUR") for key in ("amount", "ssp")}
    sign(draft, line, currency="EUR", functional_currency="USD")
    for index in range(9):
        on = start if index == 0 else month_end(draft.month(index - 1))
        draft.event(
            "fx_rate_published",
            on,
            date=on.isoformat(),
            base="EUR",
            quote="USD",
            rate=f"1.{draft.chance.randint(5, 25):02}",
            kind="spot" if index == 0 else "closing",
        )
    half = text(value(line["amount"]) // draft.unit // 2 * draft.unit, draft.unit)
    rest = text(value(line["amount"]) - value(half), draft.unit)
    for number, (on, amount) in enumerate([(start, half), (month_end(draft.month(5)), rest)]):
        money = amount.replace("USD", "EUR")
        invoice(draft, f"I-{number}", on, ("L1", money))
        pay(draft, f"P-{number}", on + timedelta(days=45), money, f"I-{number}")


def closed_months(draft: Draft) -> None:
    """A change that becomes known after its month was closed."""
    start = draft.month(0)
    line = service(draft, 1, start, 12)
    sign(draft, line)
    invoice(draft, "I-1", start, ("L1", line["amount"]))
    for index in range(3):
        month = draft.month(index)
        draft.event(
            "period_closed",
            draft.month(index + 1) + timedelta(days=4),
            period=month.isoformat()[:7],
        )
    on = draft.month(draft.chance.randint(1, 2))
    event = draft.event(
        "contract_modified",
        on,
        contract_id="C-1",
        modification_id="M-1",
        effective_date=on.isoformat(),
        classification=draft.chance.choice(["prospective", "cumulative_catch_up"]),
        consideration_change=draft.money(-3, 9),
    )
    event["received_on"] = (draft.month(3) + timedelta(days=9)).isoformat()


def collectability(draft: Draft) -> None:
    """Collection becomes probable only later, or no longer is."""
    start = draft.month(0)
    line = service(draft, 1, start, 12)
    later = draft.odds(0.5)
    sign(draft, line, collectability_probable=not later)
    half = part(draft, line["amount"], 2)
    rest = text(value(line["amount"]) - value(half), draft.unit)
    invoice(draft, "I-1", start, ("L1", half))
    pay(draft, "P-1", draft.month(1), half, "I-1")
    on = draft.month(draft.chance.randint(2, 5))
    draft.event("collectability_reassessed", on, contract_id="C-1", probable=later, reason="news")
    if later:
        invoice(draft, "I-2", draft.month(6), ("L1", rest))


def option(draft: Draft) -> None:
    """A material right that is used, or lapses."""
    start = draft.month(0)
    terms = {"expires_on": draft.month(6).isoformat(), "measurement": "ssp_of_option"}
    right = goods(draft, 2) | {
        "kind": "option",
        "amount": text(NOTHING, draft.unit),
        "option_terms": terms,
    }
    first = goods(draft, 1)
    sign(draft, first, right)
    invoice(draft, "I-1", start, ("L1", first["amount"]))
    deliver(draft, start, "L1")
    on = draft.month(draft.chance.randint(1, 5))
    if draft.odds(0.4):
        draft.event("right_lapsed", on, contract_id="C-1", right="option", line_id="L2")
        return
    bought = goods(draft, 3) | {"performance_obligation": draft.chance.choice(["PO-2", "PO-3"])}
    draft.event("option_exercised", on, contract_id="C-1", line_id="L2", add_lines=[bought])
    deliver(draft, on + timedelta(days=12), "L3")


def royalty(draft: Draft) -> None:
    """A licence with a royalty beside goods; the royalty waits for the transfer."""
    start = draft.month(0)
    licence = _line(draft, 2) | {"amount": text(NOTHING, draft.unit), "method": "usage"}
    licence["usage_terms"] = {"unit": "sales", "royalty_rate": "0.05"}
    sign(draft, goods(draft, 1), licence)
    deliver(draft, draft.month(1), "L2")
    for index in range(3):
        draft.event(
            "usage_reported",
            month_end(draft.month(index)),
            usage_id=f"U-{index}",
            contract_id="C-1",
            line_id="L2",
            period_start=draft.month(index).isoformat(),
            period_end=month_end(draft.month(index)).isoformat(),
            customer_sales=draft.money(100, 900),
        )
    deliver(draft, start + timedelta(days=60), "L1")


def agent(draft: Draft) -> None:
    """Goods of another, sold for a commission, beside a service of one's own."""
    start = draft.month(0)
    line = goods(draft, 1) | {"role": "agent", "agent_commission_rate": "0.10"}
    line.pop("ssp")
    sign(draft, line)
    invoice(draft, "I-1", start, ("L1", line["amount"]))
    deliver(draft, draft.month(1), "L1")


def customer_incentive(draft: Draft) -> None:
    """A payment to the customer, released as the committed purchases are made."""
    line = goods(draft, 1)
    line["amount"] = line["ssp"] = text(100000 * draft.unit, draft.unit)
    start = draft.month(0)
    payable = {
        "amount": text(draft.chance.randint(5, 150) * 100 * draft.unit, draft.unit),
        "paid_on": start.isoformat(),
        "distinct_good_received": False,
        "expected_total_sales": line["amount"],
    }
    sign(draft, line, consideration_payable=payable)
    for index in range(draft.chance.randint(1, 3)):
        amount = text(draft.chance.randint(1, 30) * 1000 * draft.unit, draft.unit)
        on = month_end(draft.month(index))
        invoice(draft, f"I-{index}", on, ("L1", amount))
        deliver(draft, on, "L1", amount=amount)


def two_entities(draft: Draft) -> None:
    """One entity bills what another performs in part."""
    start = draft.month(0)
    first = goods(draft, 1) | {"entity_id": "US"}
    second = service(draft, 2, start, 6) | {"entity_id": "IE"}
    draft.trigger = "invoice_issued"
    sign(draft, first, second, entity_id="US")
    invoice(draft, "I-1", start, ("L1", first["amount"]), ("L2", second["amount"]), entity_id="US")
    deliver(draft, start, "L1")


def advance(draft: Draft) -> None:
    """Cash two years ahead of the transfer, with interest."""
    draft.trigger = "payment"
    line = goods(draft, 1)
    years = draft.chance.randint(1, 3)
    terms = {
        "significant": True,
        "annual_rate": "0.06",
        "compounding": draft.chance.choice(["annual", "monthly"]),
    }
    start = sign(draft, line, financing=terms)
    draft.event(
        "payment_received", start, payment_id="P-1", amount=line["amount"], contract_id="C-1"
    )
    deliver(draft, add_months(start, 12 * years) - timedelta(days=1), "L1")


def instalments(draft: Draft) -> None:
    """Goods sold on credit: monthly instalments at a rate."""
    draft.trigger = "performance"
    line = goods(draft, 1)
    each, count = draft.money(5, 40), draft.chance.randint(6, 24)
    line["amount"] = line["ssp"] = text(value(each) * count, draft.unit)
    terms = {
        "significant": True,
        "annual_rate": "0.12",
        "compounding": "monthly",
        "instalments": str(count),
        "instalment": each,
    }
    start = sign(draft, line, financing=terms)
    deliver(draft, start, "L1")
    for index in range(count):
        on = month_end(draft.month(index))
        draft.event("payment_received", on, payment_id=f"P-{index}", amount=each, contract_id="C-1")


STORIES: tuple[Callable[[Draft], None], ...] = (
    early_renewal,
    plain_renewal,
    extension,
    downgrade,
    volume_rebate,
    returns,
    delivered_credit,
    dispute,
    write_off,
    void_and_reissue,
    package,
    foreign_currency,
    closed_months,
    collectability,
    option,
    royalty,
    agent,
    customer_incentive,
    two_entities,
    advance,
    instalments,
)
