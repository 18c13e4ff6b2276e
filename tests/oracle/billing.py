"""What was billed, credited and paid, as far as it bears on the price (IFRS 15.105-108)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from tests.oracle.events import Event
from tests.oracle.money import ZERO, parse_money
from tests.oracle.terms import Line, day


@dataclass
class BilledLine:
    """One line of an invoice or credit note; ``amount`` without tax, credits negative.

    ``rebilled``: part of a credit that a later invoice bills again, so it never moved the price.
    """

    event_id: str
    on: date
    line_id: str
    amount: Fraction
    service_start: date | None
    service_end: date | None
    is_note: bool
    rebilled: Fraction = ZERO


@dataclass
class Billing:
    """Lines billed and cash received in one view of the case; voided invoices are left out."""

    lines: list[BilledLine] = field(default_factory=list)
    cash: list[tuple[date, str, Fraction]] = field(default_factory=list)

    def total(self, line_ids: set[str], upto: date) -> Fraction:
        """Return what was billed less credited for lines by the end of ``upto``."""
        return sum(
            (item.amount for item in self.lines if item.line_id in line_ids and item.on <= upto),
            ZERO,
        )

    def credits_from(self, line_ids: set[str], since: date) -> Fraction:
        """Return what is credited for lines on or after ``since``, ever."""
        return -sum(
            (
                item.amount
                for item in self.lines
                if item.line_id in line_ids and item.on >= since and item.amount < 0
            ),
            ZERO,
        )

    def paid(self, contract_ids: Iterable[str], upto: date) -> Fraction:
        """Return net cash of contracts by the end of ``upto``."""
        ids = set(contract_ids)
        return sum(
            (cash for on, contract, cash in self.cash if contract in ids and on <= upto), ZERO
        )


def read_billing(events: Iterable[Event], home: dict[str, str]) -> Billing:
    """Read the documents; ``home`` tells the contract of an invoice, payment or customer."""
    events = list(events)
    voided = {item.data["invoice_id"] for item in events if item.type == "invoice_voided"}
    billing = Billing()
    for event in sorted(events, key=lambda item: (item.occurred_on, item.id)):
        data = event.data
        if event.type == "invoice_issued" and data["invoice_id"] not in voided:
            sign = 1
        elif event.type == "credit_note_issued":
            sign = -1
        else:
            if event.type in ("payment_received", "refund_paid"):
                cash = parse_money(data["amount"])[0]
                paid = cash if event.type == "payment_received" else -cash
                billing.cash.append((event.occurred_on, home.get(event.id, ""), paid))
            continue
        for line in data["lines"]:
            amount = sign * parse_money(line["amount"])[0]
            start, end = day(line, "service_start"), day(line, "service_end")
            billing.lines.append(
                BilledLine(
                    event.id, event.occurred_on, line["line_id"], amount, start, end, sign < 0
                )
            )
    return billing


def match_rebills(billing: Billing, lines: Iterable[Line], raised: Fraction) -> None:
    """Match credits with later billing of the same line beyond its price: billed anew.

    ``raised`` is by how much modifications raised the price, so that such billing is no rebill.
    """
    for line in lines:
        if line.is_usage or line.is_piece:
            continue
        _match_line(
            [item for item in billing.lines if item.line_id == line.id], line.amount + raised
        )


def _match_line(items: list[BilledLine], price: Fraction) -> None:
    billed = ZERO
    given: list[BilledLine] = []
    for item in sorted(items, key=lambda found: (found.on, found.amount > 0)):
        if item.amount < 0:
            given.append(item)
            continue
        excess = max(ZERO, billed + item.amount - max(price, billed))
        billed += item.amount
        for credit in given:
            part = min(excess, -credit.amount - credit.rebilled)
            credit.rebilled += part
            excess -= part
