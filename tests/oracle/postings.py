"""Double entries of documents, cash and revenue (IFRS 15.105-108, B55-B59; handbook 3.2).

``position`` is the contract position (debit: asset, credit: liability), ``unapplied`` cash without
an invoice; both become accounts only at a balance sheet date.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

from tests.oracle.events import Event
from tests.oracle.money import ZERO, parse_money, rounded
from tests.oracle.recognition import home_of
from tests.oracle.state import REVENUE, Entry, Gate, State
from tests.oracle.terms import Contract, Data, day

WITHHELD = {
    "refund": "refund_liability",
    "incentive": "customer_incentive_asset",
    "agent": "supplier_payable",
}
COSTS = {
    "cost": ("cost_of_sales", "inventory"),
    "return_cost": ("return_asset", "inventory"),
    "restock": ("inventory", "return_asset"),
}


@dataclass(frozen=True)
class Posting:
    """One double entry; ``functional`` is None until it is translated."""

    on: date
    entity: str
    contract_id: str
    obligation: str
    debit: str
    credit: str
    amount: Fraction
    functional: Fraction | None = None


def post_entries(state: State) -> list[Posting]:
    """Turn revenue, withheld amounts and costs into postings."""
    found = []
    for entry in state.entries:
        found += _post_entry(state, entry)
    return found


def _post_entry(state: State, entry: Entry) -> list[Posting]:
    owner = entry.obligation
    contract = state.contracts[owner.contract_id]
    base = Posting(
        entry.on, owner.entity, owner.contract_id, owner.key, "position", "", entry.amount
    )
    if entry.component in COSTS:
        debit, credit = COSTS[entry.component]
        return [replace(base, debit=debit, credit=credit)]
    found = []
    if entry.component in REVENUE:
        found.append(replace(base, credit="revenue"))
    elif entry.component in WITHHELD:
        found.append(replace(base, credit=WITHHELD[entry.component]))
    own = owner.entity == contract.entity
    if state.convention.trigger == "performance" and own:
        found.append(replace(base, debit="receivable", credit="position"))
    if state.convention.trigger in ("performance", "payment") and not own:
        found += between_entities(base, contract.entity, owner.entity, entry.amount, "receivable")
    return found


def between_entities(
    base: Posting, billing: str, performing: str, amount: Fraction, against: str
) -> list[Posting]:
    """One entity bills what another performs: it owes the other its part (no margin is kept)."""
    return [
        replace(base, entity=billing, debit=against, credit="due_to_entity", amount=amount),
        replace(base, entity=performing, debit="due_from_entity", credit="position", amount=amount),
    ]


@dataclass
class Documents:
    """Postings of documents and cash of one view of the case."""

    state: State
    events: Sequence[Event]

    def __post_init__(self) -> None:
        self.postings: list[Posting] = []
        self.home = home_of(self.events)
        self.invoices = {
            item.data["invoice_id"]: item for item in self.events if item.type == "invoice_issued"
        }
        self.voided = {
            item.data["invoice_id"]: item.occurred_on
            for item in self.events
            if item.type == "invoice_voided"
        }
        self.payments = self._by_id("payment_received", "payment_id")
        self.disputes = self._by_id("dispute_opened", "dispute_id")
        self.write_offs = self._by_id("receivable_written_off", "write_off_id")
        self.held: dict[int, Fraction] = {}
        self.billed_for: dict[tuple[str, str], tuple[Fraction, Fraction]] = {}

    def _by_id(self, kind: str, key: str) -> dict[str, Event]:
        return {item.data[key]: item for item in self.events if item.type == kind}

    @property
    def trigger(self) -> str:
        return self.state.convention.trigger

    @property
    def bills(self) -> bool:
        """Tell whether an invoice makes a receivable."""
        return self.trigger in ("invoice_issued", "due_date")

    def post(
        self,
        on: date,
        contract_id: str,
        debit: str,
        credit: str,
        amount: Fraction,
        entity: str | None = None,
    ) -> None:
        if not amount:
            return
        contract = self.state.contracts.get(contract_id)
        owner = contract.entity if contract and entity is None else entity or ""
        self.postings.append(Posting(on, owner, contract_id, "", debit, credit, amount))

    def gate(self, contract_id: str, on: date) -> Gate | None:
        return self.state.gate(contract_id, on)

    def recorded_on(self, contract_id: str, on: date) -> date | None:
        """Return when a document counts: while a gate is closed, not before it opens."""
        gate = self.gate(contract_id, on)
        return on if gate is None else gate.opened_on

    def build(self) -> list[Posting]:
        """Post everything in the order of its days."""
        handlers = {
            "contract_signed": self.pay_customer,
            "invoice_issued": self.issue,
            "invoice_voided": self.void,
            "credit_note_issued": self.credit,
            "payment_received": self.receive,
            "customer_credit_applied": self.apply_credit,
            "refund_paid": self.refund,
            "dispute_opened": self.open_dispute,
            "dispute_closed": self.close_dispute,
            "receivable_written_off": self.write_off,
            "recovery_received": self.recover,
        }
        for event in sorted(self.events, key=lambda item: (item.occurred_on, item.id)):
            if event.type in handlers and self.is_known(event):
                handlers[event.type](event)
        for gate in self.state.gates:
            self.release(gate)
        return self.postings

    def is_known(self, event: Event) -> bool:
        """Tell whether all the event refers to is known; what is not waits for it."""
        data = event.data
        known = "invoice_id" not in data or data["invoice_id"] in self.invoices
        known &= "payment_id" not in data or data["payment_id"] in self.payments
        known &= "write_off_id" not in data or data["write_off_id"] in self.write_offs
        contract = data.get("contract_id")
        return known and (contract is None or contract in self.state.contracts)

    def pay_customer(self, event: Event) -> None:
        data = event.data.get("consideration_payable")
        if data:
            distinct = data["distinct_good_received"]
            account = "inventory" if distinct else "customer_incentive_asset"
            paid = date.fromisoformat(data["paid_on"])
            amount = parse_money(data["amount"])[0]
            self.post(paid, event.data["contract_id"], account, "cash", amount)

    def issue(self, event: Event) -> None:
        data = event.data
        contract_id = data["contract_id"]
        entity = data.get("entity_id")
        on = self.recorded_on(contract_id, event.occurred_on)
        if on is None:
            return
        net, tax = totals(data)
        self.post(on, contract_id, "receivable", "tax_payable", tax, entity)
        if self.trigger == "invoice_issued":
            self.post(on, contract_id, "receivable", "position", net, entity)
            self.share_billing(event, on, 1)
        elif self.trigger == "due_date":
            for when, part in self.falling_due(event, on, net, tax):
                self.post(when, contract_id, "receivable", "position", part, entity)
            self.share_billing(event, on, 1)

    def falling_due(
        self, event: Event, on: date, net: Fraction, tax: Fraction
    ) -> list[tuple[date, Fraction]]:
        """Return when parts of an invoice become receivable: due, or settled earlier."""
        due = max(on, day(event.data, "due_date") or on)
        gone = self.voided.get(event.data["invoice_id"])
        found, settled, done = [], ZERO, ZERO
        for when, amount in self.settlements(event.data["invoice_id"]):
            if when >= due:
                break
            settled += amount
            part = min(net, max(ZERO, settled - tax)) - done
            done += part
            found.append((when, part))
        if gone is None or gone >= due:
            found.append((due, net - done))
        return found

    def settlements(self, invoice_id: str) -> list[tuple[date, Fraction]]:
        """Return what reduces the receivable of an invoice, by day."""
        found = []
        for event in self.events:
            if event.data.get("invoice_id") != invoice_id:
                continue
            if event.type in ("payment_received", "customer_credit_applied"):
                found.append((event.occurred_on, parse_money(event.data["amount"])[0]))
            if event.type == "credit_note_issued":
                part = settled_to(event.data, "reduce_receivable")
                found.append((event.occurred_on, part))
        return sorted(found)

    def void(self, event: Event) -> None:
        """Reverse an invoice on the day of the void, as far as it was recorded."""
        invoice = self.invoices[event.data["invoice_id"]]
        contract_id, entity = invoice.data["contract_id"], invoice.data.get("entity_id")
        on = self.recorded_on(contract_id, event.occurred_on)
        recorded = self.recorded_on(contract_id, invoice.occurred_on)
        if on is None or recorded is None:
            return
        net, tax = totals(invoice.data)
        self.post(on, contract_id, "receivable", "tax_payable", -tax, entity)
        if self.trigger == "due_date":
            parts = self.falling_due(invoice, recorded, net, tax)
            net = sum((part for when, part in parts if when <= on), ZERO)
        if self.bills:
            self.post(on, contract_id, "receivable", "position", -net, entity)
            self.share_billing(invoice, on, -1)

    def credit(self, event: Event) -> None:
        data = event.data
        contract_id = data["contract_id"]
        on = self.recorded_on(contract_id, event.occurred_on)
        if on is None:
            return
        net, tax = totals(data)
        refund = sum(
            (amount for (note, _), amount in self.state.settled.items() if note == event.id), ZERO
        )
        accounts = {
            "reduce_receivable": "receivable",
            "customer_credit": "customer_credit",
            "refund": "customer_credit",
            "external": "external_settlement",
        }
        # Through the receivable: first all of it off, then back on what is settled elsewhere.
        self.post(on, contract_id, "tax_payable", "receivable", tax)
        self.post(on, contract_id, "refund_liability", "receivable", refund)
        if self.bills:
            self.post(on, contract_id, "position", "receivable", net - refund)
            self.share_billing(event, on, -1)
        for item in data["settlements"]:
            amount = parse_money(item["amount"])[0]
            if item["to"] != "reduce_receivable":
                self.post(on, contract_id, "receivable", accounts[item["to"]], amount)

    def receive(self, event: Event) -> None:
        data, on = event.data, event.occurred_on
        amount = parse_money(data["amount"])[0]
        contract_id = self.home[event.id]
        invoice = self.invoices.get(data.get("invoice_id", ""))
        entity = invoice.data.get("entity_id") if invoice else None
        if contract_id not in self.state.contracts:
            self.post(on, contract_id, "cash", "unapplied", amount)
            return
        gate = self.gate(contract_id, on)
        known = invoice is not None and self.gate(contract_id, invoice.occurred_on) is None
        if gate is not None and not known:
            owed = min(amount, max(ZERO, self.open_receivable(contract_id, on)))
            self.post(on, contract_id, "cash", "receivable", owed)
            self.hold(gate, on, amount - owed)
            return
        account = "receivable" if invoice is not None else "unapplied"
        self.post(on, contract_id, "cash", account, amount, entity)

    def open_receivable(self, contract_id: str, on: date) -> Fraction:
        """Return what the customer owes so far, from invoices or (by the trigger) transfers."""
        total = self.balance(contract_id, "receivable", on)
        if self.trigger != "performance":
            return total
        for entry in self.state.entries:
            mine = entry.obligation.contract_id == contract_id and entry.on <= on
            if mine and entry.component in (*REVENUE, *WITHHELD):
                total += entry.amount
        return total

    def hold(self, gate: Gate, on: date, amount: Fraction) -> None:
        """Keep cash apart while the gate is closed."""
        self.held[id(gate)] = self.held.get(id(gate), ZERO) + amount
        self.post(on, gate.contract_id, "cash", gate.account, amount)

    def release(self, gate: Gate) -> None:
        """When a gate opens its cash pays what is then recorded."""
        held = self.held.get(id(gate), ZERO)
        if gate.opened_on is not None:
            self.post(gate.opened_on, gate.contract_id, gate.account, "unapplied", held)
        if gate.earned_on is not None:
            self.post(gate.earned_on, gate.contract_id, gate.account, "position", gate.earned)

    def apply_credit(self, event: Event) -> None:
        invoice = self.invoices[event.data["invoice_id"]]
        amount = parse_money(event.data["amount"])[0]
        self.post(
            event.occurred_on, invoice.data["contract_id"], "customer_credit", "receivable", amount
        )

    def refund(self, event: Event) -> None:
        """Pay back: money owed to the customer, else waiting cash, else an advance."""
        on = event.occurred_on
        contract_id = self.home[event.id]
        amount = parse_money(event.data["amount"])[0]
        gate = self.gate(contract_id, on)
        if gate is not None:
            self.hold(gate, on, -amount)
            return
        owed = self.balance(contract_id, "customer_credit", on)
        told = "credit_note_id" in event.data or contract_id not in self.state.contracts
        part = amount if told else min(amount, max(ZERO, -owed))
        self.post(on, contract_id, "customer_credit", "cash", part)
        self.post(on, contract_id, "unapplied", "cash", amount - part)

    def balance(self, contract_id: str, account: str, on: date) -> Fraction:
        """Return the debit balance of an account so far."""
        total = ZERO
        for item in self.postings:
            if item.contract_id == contract_id and item.on <= on:
                total += item.amount * ((item.debit == account) - (item.credit == account))
        return total

    def open_dispute(self, event: Event) -> None:
        contract_id = self.home[self.payments[event.data["payment_id"]].id]
        amount = parse_money(event.data["amount"])[0]
        gate = self.gate(contract_id, event.occurred_on)
        account = gate.account if gate else "receivable"
        self.post(event.occurred_on, contract_id, account, "cash", amount)

    def close_dispute(self, event: Event) -> None:
        """Won: the cash is back. Lost: the claim is gone, its tax with it."""
        opened = self.disputes[event.data["dispute_id"]]
        payment = self.payments[opened.data["payment_id"]]
        contract_id, on = self.home[payment.id], event.occurred_on
        amount = parse_money(opened.data["amount"])[0]
        if event.data["outcome"] == "won":
            self.post(on, contract_id, "cash", "receivable", amount)
            return
        invoice = self.invoices.get(payment.data.get("invoice_id", ""))
        tax = ZERO
        if invoice is not None:
            net, whole = totals(invoice.data)
            tax = rounded(amount * whole / (net + whole), self.state.convention.unit)
        self.post(on, contract_id, "tax_payable", "receivable", tax)
        if self.bills:
            self.post(on, contract_id, "position", "receivable", amount - tax)

    def write_off(self, event: Event) -> None:
        contract_id = self.invoices[event.data["invoice_id"]].data["contract_id"]
        amount = parse_money(event.data["amount"])[0]
        self.post(event.occurred_on, contract_id, "bad_debt_expense", "receivable", amount)

    def recover(self, event: Event) -> None:
        lost = self.write_offs[event.data["write_off_id"]]
        contract_id = self.invoices[lost.data["invoice_id"]].data["contract_id"]
        amount = parse_money(event.data["amount"])[0]
        self.post(event.occurred_on, contract_id, "cash", "bad_debt_expense", amount)

    def share_billing(self, event: Event, on: date, sign: int) -> None:
        """Owe other performing entities their part of what is billed."""
        contract = self.state.contracts[event.data["contract_id"]]
        billing = event.data.get("entity_id", contract.entity)
        pooled = ZERO
        for line in event.data["lines"]:
            amount = sign * parse_money(line["amount"])[0]
            found = self.state.find_line(line["line_id"])
            if found and found[1].is_variable_only:
                self.owe(contract, on, billing, found[1].entity, amount)
            else:
                pooled += amount
        for entity, share in entity_shares(self.state, contract, on).items():
            before, owed = self.billed_for.get((contract.package, entity), (ZERO, ZERO))
            now = rounded((before + pooled) * share, self.state.convention.unit)
            self.billed_for[contract.package, entity] = (before + pooled, now)
            self.owe(contract, on, billing, entity, now - owed)

    def owe(
        self, contract: Contract, on: date, billing: str, performing: str, amount: Fraction
    ) -> None:
        if billing != performing and amount:
            base = Posting(on, billing, contract.contract_id, "", "", "", amount)
            self.postings += between_entities(base, billing, performing, amount, "position")


def totals(data: Data) -> tuple[Fraction, Fraction]:
    """Return net and tax of a document."""
    net = sum((parse_money(line["amount"])[0] for line in data["lines"]), ZERO)
    tax = sum((parse_money(line.get("tax", "0 X"))[0] for line in data["lines"]), ZERO)
    return net, tax


def settled_to(data: Data, target: str) -> Fraction:
    """Return what of a credit note goes to ``target``."""
    return sum(
        (parse_money(item["amount"])[0] for item in data["settlements"] if item["to"] == target),
        ZERO,
    )


def entity_shares(state: State, contract: Contract, on: date) -> dict[str, Fraction]:
    """Return each entity's part of the price allocated on a day."""
    past: Iterable[tuple[date, str, dict[str, Fraction], dict[str, Fraction]]] = (
        item for item in state.history if item[1] == contract.package and item[0] <= on
    )
    parts: dict[str, Fraction] = {}
    for _, _, amounts, _ in past:
        parts = amounts
    keys = {item.key: item.entity for _, item in state.obligations() if not item.is_variable_only}
    known = {key: value for key, value in parts.items() if key in keys}
    whole = sum(known.values(), ZERO)
    found: dict[str, Fraction] = {}
    for key, value in known.items():
        if whole:
            found[keys[key]] = found.get(keys[key], ZERO) + value / whole
    return found
