"""What happens to each customer. One function per kind of contract; faults are planted on purpose.

Every choice comes from one random generator, so the same seed tells the same stories.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Any

from revenue_pipeline.sample import billing, orders
from revenue_pipeline.sample.billing import Bill, Line
from revenue_pipeline.sample.manifest import SampleManifest
from revenue_pipeline.sample.market import (
    LAST_DAY,
    MONTHLY_YEAR,
    PLATFORM_YEAR,
    SUPPORT_YEAR,
    Market,
    add_months,
    share,
    year_end,
)

Record = dict[str, Any]
INCLUDED_CALLS = 1000
CALL_PRICE = "2.35"  # minor units a call


@dataclass(slots=True)
class Books:
    """Everything one market's sources send."""

    market: Market
    rng: Random
    manifest: SampleManifest
    crm: list[Record] = field(default_factory=list)
    stripe: list[Record] = field(default_factory=list)
    usage: list[Record] = field(default_factory=list)

    def bill(
        self, contract_id: str, number: int, customer: str, issued: date, lines: list[Line]
    ) -> Bill:
        """Issue an invoice; one customer in nine pays late, beyond what the sample shows."""
        pays = (number + sum(map(ord, contract_id))) % 9 != 0
        bill = billing.invoice(
            self.market,
            f"in_{contract_id}-{number}",
            customer,
            contract_id,
            issued,
            lines,
            pays=pays,
        )
        self.stripe.append(bill.record)
        self.manifest.invoices += 1
        return bill

    def credit(self, bill: Bill, issued: date, amount_minor: int, cause: str | None) -> str:
        """Issue a credit note; a paid invoice's money goes back a week later."""
        credit_id = f"cn_{bill.invoice_id[3:]}"
        self.stripe.append(
            billing.credit_note(self.market, credit_id, bill, issued, amount_minor, cause)
        )
        self.manifest.credit_notes += 1
        back = issued + timedelta(days=7)
        if bill.paid_on is not None and bill.paid_on < issued and back <= LAST_DAY:
            self.stripe.append(
                billing.refund(self.market, f"re_{bill.invoice_id[3:]}", bill, back, amount_minor)
            )
            self.manifest.refunds += 1
        return credit_id

    def order(self, record: Record) -> None:
        """Close an order in the CRM."""
        self.crm.append(record)
        self.manifest.orders += 1
        if record["order_type"] in ("new", "renewal"):
            self.manifest.contracts += 1

    def use(
        self, usage_id: str, customer: str, contract_id: str, meter: str, day: date, units: int
    ) -> None:
        """Meter some usage."""
        at = datetime.combine(day, time(15, self.rng.randrange(60)), tzinfo=UTC)
        self.usage.append(
            {
                "specversion": "1.0",
                "id": usage_id,
                "source": f"/meters/{self.market.tenant}",
                "type": "com.example.usage.v1",
                "subject": customer,
                "time": at.isoformat(),
                "data": {"contract_id": contract_id, "meter": meter, "quantity": str(units)},
            }
        )
        self.manifest.usage_events += 1


def tell_bundle(books: Books, number: int, customer: str) -> None:
    """Platform, support and onboarding for a year, paid in advance and sold below list."""
    rng, market = books.rng, books.market
    contract_id = f"C-{market.entity_id}-{number:05d}"
    # Every fourth renews inside the sample, so it must have begun early.
    story = number % 16
    early = story in (0, 4, 8, 12)
    start = _start(rng, date(2025, 1, 5), 30) if early else _start(rng, date(2025, 1, 5), 300)
    end = year_end(start)
    seats, discount = rng.randint(5, 60), rng.randint(5, 20)
    platform = seats * PLATFORM_YEAR * (100 - discount) // 100
    support = seats * SUPPORT_YEAR * (100 - discount) // 100
    onboarding = rng.randrange(200_000, 400_000, 10_000)
    ref = f"price_{contract_id}"
    lines = [
        orders.line("platform", "PLATFORM", seats, platform, start, end, f"{ref}-p1"),
        orders.line("support", "SUPPORT", seats, support, start, end, f"{ref}-s1"),
        orders.line("onboarding", "ONBOARDING", 1, onboarding, start, None, f"{ref}-o1"),
    ]
    books.order(
        orders.order(
            "new", contract_id, 1, customer, market.currency,
            signed=start - timedelta(days=3), effective=start, end=end, lines=lines,
        )
    )  # fmt: skip
    extra = 10_000 if story == 6 else 0
    bill = books.bill(
        contract_id, 1, customer, start,
        [
            Line("platform", "PLATFORM", platform + extra, start, end, f"{ref}-p1"),
            Line("support", "SUPPORT", support, start, end, f"{ref}-s1"),
            Line("onboarding", "ONBOARDING", onboarding, start, start, f"{ref}-o1"),
        ],
    )  # fmt: skip
    accepted = start + timedelta(days=rng.randint(20, 60))
    if accepted <= LAST_DAY:
        books.crm.append(orders.fulfilment(contract_id, "onboarding", accepted))
        books.manifest.fulfilments += 1
    later = start + timedelta(days=45)
    if story == 6:
        books.credit(bill, later, extra, "billing_error")
    elif story == 10:
        books.credit(bill, later, rng.randrange(10_000, 40_000, 500), "concession")
    elif story == 14:
        books.credit(bill, later, rng.randrange(5_000, 9_000, 100), "goodwill")
    elif story == 2:
        amount = rng.randrange(10_000, 30_000, 500)
        credit_id = books.credit(bill, later, amount, None)
        with_tax = amount + billing.tax_on(market, amount)
        books.manifest.plant("CREDIT_WITHOUT_CAUSE", credit_id, with_tax)
    elif story in (3, 7, 11):
        _add_seats(books, contract_id, customer, lines, seats, discount, start, end)
    elif early:
        _renew(books, contract_id, customer, seats, discount, end, overlaps=story == 12)


def _add_seats(
    books: Books,
    contract_id: str,
    customer: str,
    lines: list[Record],
    seats: int,
    discount: int,
    start: date,
    end: date,
) -> None:
    """Seats added in mid term; the rest of the year is billed as a proration."""
    market, rng = books.market, books.rng
    effective = start + timedelta(days=rng.randint(75, 150))
    if effective > LAST_DAY:
        return
    added = rng.randint(2, 15)
    days = (end - effective).days + 1
    increase = share(added * PLATFORM_YEAR * (100 - discount) // 100, days, 365)
    platform = {
        **lines[0],
        "quantity": str(seats + added),
        "amount_minor": lines[0]["amount_minor"] + increase,
        "price_ref": f"price_{contract_id}-p2",
    }
    books.order(
        orders.order(
            "amendment", contract_id, 2, customer, market.currency,
            signed=effective - timedelta(days=2), effective=effective, end=end,
            lines=[platform, *lines[1:]],
        )
    )  # fmt: skip
    books.bill(
        contract_id, 2, customer, effective,
        [Line("platform", "PLATFORM", increase, effective, end, f"price_{contract_id}-p2", True)],
    )  # fmt: skip


def _renew(
    books: Books,
    contract_id: str,
    customer: str,
    seats: int,
    discount: int,
    old_end: date,
    *,
    overlaps: bool,
) -> None:
    """Another year from the day after; or, planted, from a month before the old one is over."""
    market = books.market
    start = old_end - timedelta(days=29) if overlaps else old_end + timedelta(days=1)
    end = year_end(date(start.year, start.month, min(start.day, 28)))
    renewal_id = f"{contract_id}-R"
    platform = seats * PLATFORM_YEAR * (100 - discount) // 100
    support = seats * SUPPORT_YEAR * (100 - discount) // 100
    ref = f"price_{renewal_id}"
    books.order(
        orders.order(
            "renewal", renewal_id, 1, customer, market.currency,
            signed=start - timedelta(days=10), effective=start, end=end, replaces=contract_id,
            lines=[
                orders.line("platform", "PLATFORM", seats, platform, start, end, f"{ref}-p1"),
                orders.line("support", "SUPPORT", seats, support, start, end, f"{ref}-s1"),
            ],
        )
    )  # fmt: skip
    books.bill(
        renewal_id, 1, customer, start,
        [
            Line("platform", "PLATFORM", platform, start, end, f"{ref}-p1"),
            Line("support", "SUPPORT", support, start, end, f"{ref}-s1"),
        ],
    )  # fmt: skip
    if overlaps:
        books.manifest.plant("OVERLAPPING_RENEWAL", renewal_id, platform + support)


def tell_platform(books: Books, number: int, customer: str) -> None:
    """The platform alone for a year; some leave early, some renew early by decision."""
    rng, market = books.rng, books.market
    contract_id = f"C-{market.entity_id}-{number:05d}"
    story = (number // 5) % 4
    start = _start(rng, date(2025, 1, 5), 30 if story == 3 else 200)
    end = year_end(start)
    seats, discount = rng.randint(3, 40), rng.randint(0, 15)
    price = seats * PLATFORM_YEAR * (100 - discount) // 100
    ref = f"price_{contract_id}-p1"
    books.order(
        orders.order(
            "new", contract_id, 1, customer, market.currency,
            signed=start - timedelta(days=5), effective=start, end=end,
            lines=[orders.line("platform", "PLATFORM", seats, price, start, end, ref)],
        )
    )  # fmt: skip
    bill = books.bill(
        contract_id, 1, customer, start,
        [Line("platform", "PLATFORM", price, start, end, ref)],
    )  # fmt: skip
    if story in (1, 2):
        leaves = start + timedelta(days=rng.randint(90, 200))
        unused = price - share(price, (leaves - start).days, 365)
        refunded = unused if story == 1 else 0
        books.order(
            orders.order(
                "cancellation", contract_id, 2, customer, market.currency,
                signed=leaves - timedelta(days=1), effective=leaves, end=None, lines=[],
                refund_minor=refunded,
            )
        )  # fmt: skip
        if refunded:
            books.credit(bill, leaves, refunded, "modification")
    elif story == 3:
        switch = end - timedelta(days=20)
        unused = price - share(price, (switch - start).days, 365)
        renewal_id, renewed_end = f"{contract_id}-R", year_end(switch)
        renewal_ref = f"price_{renewal_id}-p1"
        new_price = (seats + 5) * PLATFORM_YEAR * (100 - discount) // 100
        books.order(
            orders.order(
                "renewal",
                renewal_id,
                1,
                customer,
                market.currency,
                signed=switch - timedelta(days=10),
                effective=switch,
                end=renewed_end,
                replaces=contract_id,
                supersedes_from=switch,
                lines=[
                    orders.line(
                        "platform",
                        "PLATFORM",
                        seats + 5,
                        new_price,
                        switch,
                        renewed_end,
                        renewal_ref,
                    )
                ],
            )
        )
        books.credit(bill, switch, unused, "modification")
        books.bill(
            renewal_id, 1, customer, switch,
            [Line("platform", "PLATFORM", new_price, switch, renewed_end, renewal_ref)],
        )  # fmt: skip


def tell_monthly(books: Books, number: int, customer: str) -> None:
    """A year billed month by month, with calls beyond what is included billed in arrears."""
    rng, market = books.rng, books.market
    contract_id = f"C-{market.entity_id}-{number:05d}"
    story = (number // 5) % 8
    start = _start(rng, date(2025, 1, 12), 30 if story in (0, 1, 2) else 240)
    end = year_end(start)
    seats, discount = rng.randint(2, 25), rng.randint(0, 15)
    month = seats * (MONTHLY_YEAR // 12) * (100 - discount) // 100
    ref = f"price_{contract_id}"
    raised, raised_from = month + 1_000 * seats // 10 + 500, add_months(start, 6)
    has_raise = story in (0, 3) and add_months(start, 8) <= LAST_DAY

    def lines(total: int, price_ref: str) -> list[Record]:
        return [
            orders.line("platform", "PLATFORM_MONTHLY", seats, total, start, end, price_ref),
            orders.line(
                "calls", "API_CALLS", 1, 0, start, end, f"{ref}-c1",
                meter="api_calls", unit_price=CALL_PRICE, included=INCLUDED_CALLS,
            ),
        ]  # fmt: skip

    books.order(
        orders.order(
            "new", contract_id, 1, customer, market.currency,
            signed=start - timedelta(days=2), effective=start, end=end,
            lines=lines(12 * month, f"{ref}-m1"),
            entitlements=[orders.grant("calls", "api_calls", start, end)],
        )
    )  # fmt: skip
    if has_raise:
        books.order(
            orders.order(
                "amendment", contract_id, 2, customer, market.currency,
                signed=raised_from - timedelta(days=20), effective=raised_from, end=end,
                lines=lines(6 * month + 6 * raised, f"{ref}-m2"),
            )
        )  # fmt: skip
    for place in range(12):
        issued = add_months(start, place)
        if issued > LAST_DAY:
            break
        is_raised = has_raise and place >= 6
        # Planted: the eighth month is billed from the contract as it was before the raise.
        is_stale = is_raised and story == 0 and place == 7
        current = is_raised and not is_stale
        last = add_months(start, place + 1) - timedelta(days=1)
        bill = books.bill(
            contract_id, place + 1, customer, issued,
            [
                Line(
                    "platform", "PLATFORM_MONTHLY", raised if current else month, issued, last,
                    f"{ref}-m2" if current else f"{ref}-m1",
                )
            ],
        )  # fmt: skip
        if is_stale:
            books.manifest.plant("STALE_PRICE", bill.record["lines"]["data"][0]["id"], month)
    _use_and_bill(books, contract_id, customer, start, end, has_raise=has_raise, raised=raised_from)
    _misuse(books, contract_id, customer, story, start, end)


def _use_and_bill(
    books: Books,
    contract_id: str,
    customer: str,
    start: date,
    end: date,
    *,
    has_raise: bool,
    raised: date,
) -> None:
    """Four meterings a month; on the 2nd the month before is billed beyond the included calls."""
    price, number = Decimal(CALL_PRICE), 0
    # Calls are priced on running totals under each version of the contract, as agreed.
    chargeable: dict[bool, int] = {False: 0, True: 0}
    first = date(start.year, start.month, 1)
    while first <= min(end, LAST_DAY):
        month_end = add_months(first, 1) - timedelta(days=1)
        low, high = max(start, first), min(end, month_end, LAST_DAY)
        used = {False: 0, True: 0}
        for _ in range(4):
            day = low + timedelta(days=books.rng.randrange((high - low).days + 1))
            units = books.rng.randint(100, 600)
            number += 1
            books.use(f"u-{contract_id}-{number}", customer, contract_id, "api_calls", day, units)
            used[has_raise and day >= raised] += units
        amount = 0
        for is_raised, units in used.items():
            before = _priced(chargeable[is_raised], price)
            chargeable[is_raised] += max(units - INCLUDED_CALLS, 0)
            amount += _priced(chargeable[is_raised], price) - before
        issued = add_months(first, 1) + timedelta(days=1)
        if amount and issued <= LAST_DAY:
            books.bill(
                contract_id, 100 + issued.year * 12 + issued.month, customer, issued,
                [Line("calls", "API_CALLS", amount, low, high, f"price_{contract_id}-c1")],
            )  # fmt: skip
        first = add_months(first, 1)


def _priced(units: int, price: Decimal) -> int:
    return int((units * price).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _misuse(
    books: Books, contract_id: str, customer: str, story: int, start: date, end: date
) -> None:
    """Planted usage that nobody is entitled to. Its ids are named after what is wrong with it."""
    planted: list[tuple[str, str, str, date]] = []
    if story == 1:
        planted.append(("BEFORE_START", contract_id, "api_calls", start - timedelta(days=3)))
    if story == 2 and end + timedelta(days=2) <= LAST_DAY:
        planted.append(("AFTER_END", contract_id, "api_calls", end + timedelta(days=2)))
    if story == 4:
        planted.append(("NOT_IN_PLAN", contract_id, "sms_messages", start + timedelta(days=9)))
    if story == 6:
        planted.append(("NO_CONTRACT", f"{contract_id}-X", "api_calls", start + timedelta(days=9)))
    for reason, named, meter, day in planted:
        usage_id = f"u-{contract_id}-{reason.lower().replace('_', '-')}"
        units = books.rng.randint(100, 900)
        books.use(usage_id, customer, named, meter, day, units)
        # Nobody agreed on a price for a meter outside the plan or a contract that is unknown.
        is_priced = reason in ("BEFORE_START", "AFTER_END")
        amount = _priced(units, Decimal(CALL_PRICE)) if is_priced else 0
        books.manifest.plant(reason, f"/meters/{books.market.tenant}#{usage_id}", amount)


def _start(rng: Random, earliest: date, spread: int) -> date:
    """A day of the month from 1 to 28, so that every month has it."""
    day = earliest + timedelta(days=rng.randrange(spread))
    return day.replace(day=min(day.day, 28))
