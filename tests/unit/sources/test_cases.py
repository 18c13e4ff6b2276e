"""The adapter of acceptance cases: every event of the golden cases, and what it refuses."""

import json
from collections import defaultdict
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from revenue_pipeline.canonical.models import (
    BalanceEvent,
    CanonicalEvent,
    ContractEvent,
    CreditEvent,
    EntitlementEvent,
    EstimateEvent,
    FulfilmentEvent,
    FxRateEvent,
    InvoiceEvent,
    PaymentEvent,
    UsageEvent,
)
from revenue_pipeline.cases.files import read_cases
from revenue_pipeline.cases.loading import segments
from revenue_pipeline.landing.inbox import InboxRow
from revenue_pipeline.paths import PROJECT_ROOT
from revenue_pipeline.settings import load_settings
from revenue_pipeline.sources.cases import CasesAdapter
from revenue_pipeline.sources.cases.adapter import record_of
from revenue_pipeline.sources.registry import (
    FileRefusedError,
    TranslationContext,
    TranslationError,
    WaitingError,
    adapter_for,
    source_names,
)

CASES = {case.case_id: case for case in read_cases(PROJECT_ROOT / "tests" / "golden")}


class Landed(TranslationContext):
    """A context whose inbox is a list; no database."""

    def __init__(self) -> None:
        self.bodies: dict[tuple[str, str, str], list[bytes]] = defaultdict(list)
        self._latest = {}
        self._notes = {}

    def accepted_bodies(
        self, source: str, tenant: str, object_type: str, object_id: str
    ) -> list[bytes]:
        return self.bodies[tenant, object_type, object_id]

    def latest_contract(self, source_system: str, entity_id: str, contract_id: str) -> None:
        return None


def land(context: Landed, event: dict[str, Any], tenant: str = "one") -> InboxRow:
    record = record_of(event)
    row = InboxRow(
        inbox_id=1,
        log_seq=1,
        source="cases",
        tenant=tenant,
        delivery_key=record.delivery_key,
        object_type=record.object_type,
        object_id=record.object_id,
        api_version=None,
        occurred_at=record.occurred_at,
        received_at=datetime(2026, 1, 1, tzinfo=UTC),
        content_type=record.content_type,
        body=record.body,
        body_sha256="0" * 64,
        origin="test",
        origin_row=None,
        is_collision=False,
    )
    context.bodies[tenant, str(record.object_type), str(record.object_id)].append(record.body)
    return row


def translate(*events: dict[str, Any]) -> list[CanonicalEvent]:
    """What the last of the events says, the others landed before it."""
    context = Landed()
    rows = [land(context, event) for event in events]
    return list(CasesAdapter().translate(rows[-1], context))


def event(kind: str, data: dict[str, Any], day: str = "2025-01-10") -> dict[str, Any]:
    return {"id": f"E-{kind}", "type": kind, "occurred_on": day, "data": data}


LINE: dict[str, Any] = {
    "line_id": "L1",
    "product": "Subscription",
    "kind": "good_or_service",
    "performance_obligation": "PO-1",
    "amount": "1200.00 USD",
    "method": "ratable_monthly",
    "start_date": "2025-01-01",
    "end_date": "2025-12-31",
}
SIGNED = event(
    "contract_signed",
    {"contract_id": "C-1", "customer_id": "K", "currency": "USD", "lines": [LINE]},
    "2025-01-05",
)
INVOICE = event(
    "invoice_issued",
    {
        "invoice_id": "I-1",
        "contract_id": "C-1",
        "total": "119.00 USD",
        "lines": [{"line_id": "L1", "amount": "100.00 USD", "tax": "19.00 USD"}],
    },
)


def with_line(**changes: Any) -> dict[str, Any]:
    signed = deepcopy(SIGNED)
    signed["data"]["lines"] = [{**LINE, **changes}]
    return signed


def with_data(told: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**told, "data": {**told["data"], **changes}}


@pytest.mark.parametrize("case_id", sorted(CASES))
def test_every_event_of_every_golden_case_has_a_meaning(case_id: str) -> None:
    context, case = Landed(), CASES[case_id]
    events = [told for part, _ in segments(case) for told in part]
    for row in [land(context, told, case_id) for told in events]:
        found = CasesAdapter().translate(row, context)
        assert found, row.delivery_key
        assert all(told.entity_id.partition("/")[0] == case_id for told in found)


def test_it_is_found_by_name_but_not_offered_for_files() -> None:
    assert adapter_for("cases", load_settings()).name == "cases"
    assert "cases" not in source_names(load_settings())


def test_a_contract_states_its_terms() -> None:
    signed, right = translate(
        with_data(
            SIGNED,
            start_date="2025-01-01",
            end_date="2025-12-31",
            cancellable=False,
            combined_with=["C-0"],
            right_of_return_until="2025-02-01",
            financing={"significant": True, "annual_rate": "0.06", "compounding": "annual"},
            discount_allocation={"to": ["PO-1"], "evidence": "list"},
            repurchase={"kind": "call_option", "price": "9.00 USD", "until": "2025-06-30"},
            consideration_payable={
                "amount": "5.00 USD",
                "paid_on": "2025-01-02",
                "distinct_good_received": False,
                "expected_total_sales": "50.00 USD",
            },
        )
    )
    assert isinstance(signed, ContractEvent)
    assert (signed.entity_id, signed.effective_date) == ("one", date(2025, 1, 5))
    assert (signed.is_cancellable, signed.combined_with) == (False, ("C-0",))
    assert (signed.financing_rate, signed.repurchase_price_minor) == (Decimal("0.06"), 900)
    assert (signed.payable_minor, signed.payable_expected_sales_minor) == (500, 5000)
    assert signed.discount_obligations == ("PO-1",)
    (line,) = signed.lines
    assert (line.line_action, line.obligation_key, line.amount_minor) == ("stated", "PO-1", 120_000)
    assert isinstance(right, EntitlementEvent)
    assert (right.meter, right.from_date, right.to_date) == ("L1", date(2025, 1, 1), None)


def test_a_financing_component_that_is_not_significant_is_none() -> None:
    signed = translate(with_data(SIGNED, financing={"significant": False, "annual_rate": "0.06"}))
    assert isinstance(signed[0], ContractEvent)
    assert signed[0].financing_rate is None


def test_entities_of_a_case_lie_below_it() -> None:
    told = with_data(with_line(entity_id="IE"), entity_id="US")
    signed = translate(told)[0]
    assert isinstance(signed, ContractEvent)
    assert (signed.entity_id, signed.lines[0].performing_entity_id) == ("one/US", "one/IE")
    (invoice,) = translate(told, INVOICE)
    assert invoice.entity_id == "one/US"


def test_a_line_keeps_every_term() -> None:
    (signed, *_) = translate(
        with_line(
            amount="0.00 EUR",
            ssp="10.00 EUR",
            ssp_range={"low": "8.00 EUR", "high": "12.00 EUR"},
            unit_cost="0.125 EUR",
            method="usage",
            role="agent",
            agent_commission_rate="0.1",
            distinct={
                "capable_of_being_distinct": True,
                "separately_identifiable": False,
                "combines_with": ["L2"],
            },
            usage_terms={
                "unit_price": "0.0345 EUR",
                "included_quantity": "10",
                "royalty_rate": "0.03",
                "minimum_per_quarter": "7.00 EUR",
            },
            drawdown_terms={
                "units_purchased": "10",
                "breakage": "at_expiry",
                "expires_on": "2025-06-30",
            },
            progress_terms={"measure": "cost_to_cost", "total_expected_costs": "3.00 EUR"},
            option_terms={"measurement": "ssp_of_option", "exercise_price": "2.00 EUR"},
            renewal_terms={
                "periods": [
                    {"period": "y2", "probability": "0.9", "consideration": "1.00 EUR"},
                    {
                        "period": "y3",
                        "probability": "0.8",
                        "consideration": "2.00 EUR",
                        "expected_cost": "0.50 EUR",
                    },
                ]
            },
            billing_excluded_from_rpo=True,
        )
    )
    assert isinstance(signed, ContractEvent)
    (line,) = signed.lines
    assert (line.line_currency_code, line.amount_minor, line.ssp_minor) == ("EUR", 0, 1000)
    assert (line.ssp_low_minor, line.ssp_high_minor) == (800, 1200)
    assert (line.unit_price_minor, line.unit_cost_minor) == (Decimal("3.45"), Decimal("12.5"))
    assert (line.usage_meter, line.included_quantity) == ("L1", 10)
    assert (line.is_agent, line.commission_rate) == (True, Decimal("0.1"))
    assert line.combines_with == ("L2",)
    assert (line.royalty_rate, line.minimum_per_quarter_minor) == (Decimal("0.03"), 700)
    assert (line.breakage, line.expires_date) == ("at_expiry", date(2025, 6, 30))
    assert (line.expected_costs_minor, line.option_exercise_price_minor) == (300, 200)
    assert line.renewal_considerations_minor == (100, 200)
    assert line.renewal_costs_minor == (None, 50)
    assert line.is_excluded_from_rpo


def test_a_term_nobody_states_is_the_contracts() -> None:
    line = {name: value for name, value in LINE.items() if name not in {"start_date", "end_date"}}
    dates = {"start_date": "2025-02-01", "end_date": "2026-01-31"}
    (signed, *_) = translate(with_data(SIGNED, lines=[line], **dates))
    assert isinstance(signed, ContractEvent)
    assert signed.lines[0].service_start_date == date(2025, 2, 1)
    assert signed.lines[0].service_end_date == date(2026, 1, 31)


def test_variable_consideration_keeps_outcomes_and_tiers() -> None:
    variable = {
        "vc_id": "V",
        "kind": "rebate",
        "method": "expected_value",
        "outcomes": [{"amount": "-30.00 USD", "probability": "0.3"}],
        "tiers": [{"up_to": "10", "unit_price": "1.00 USD"}, {"unit_price": "0.905 USD"}],
        "allocate_to": "all",
    }
    (signed, *_) = translate(with_data(SIGNED, variable_consideration=[variable]))
    assert isinstance(signed, ContractEvent)
    (component,) = signed.price_components
    assert component.outcome_amounts_minor == (-3000,)
    assert component.tier_up_to == (Decimal(10), None)
    assert component.tier_unit_prices_minor == (Decimal(100), Decimal("90.5"))
    assert component.allocate_to is None
    one = [{**variable, "allocate_to": ["PO-1"]}]
    (signed, *_) = translate(with_data(SIGNED, variable_consideration=one))
    assert isinstance(signed, ContractEvent)
    assert signed.price_components[0].allocate_to == ("PO-1",)


def test_a_modification_is_passed_on_as_a_difference() -> None:
    modified = event(
        "contract_modified",
        {
            "contract_id": "C-1",
            "modification_id": "M-1",
            "effective_date": "2025-03-01",
            "facts": {"adds_distinct": True, "added_at_ssp": False},
            "add_lines": [{**LINE, "line_id": "L2"}],
            "change_lines": [
                {"line_id": "L1", "quantity": "2", "remaining_amount": "5.00 USD"},
            ],
            "consideration_change": "-7.00 USD",
            "price_credit": {"amount": "1.00 USD", "relates_to": "delivered"},
        },
    )
    amended, right = translate(SIGNED, modified)
    assert isinstance(amended, ContractEvent)
    assert isinstance(right, EntitlementEvent)
    assert (amended.event_type, amended.change_basis) == ("contract.amended", "delta")
    assert (amended.customer_id, amended.effective_date) == ("K", date(2025, 3, 1))
    assert (amended.consideration_change_minor, amended.price_credit_minor) == (-700, 100)
    assert (amended.adds_distinct, amended.remaining_distinct) == (True, None)
    assert [line.line_action for line in amended.lines] == ["added", "changed"]
    change = amended.lines[1]
    assert (change.obligation_key, change.quantity) == ("PO-1", Decimal(2))
    assert (change.amount_minor, change.remaining_amount_minor) == (None, 500)
    assert right.line_id == "L2"
    removed = with_data(modified, add_lines=[], change_lines=[], remove_lines=["L1"])
    (amended,) = translate(SIGNED, removed)
    assert isinstance(amended, ContractEvent)
    assert amended.lines[0].line_action == "removed"


def test_a_line_added_by_a_change_can_be_changed_in_turn() -> None:
    first = event(
        "contract_modified",
        {
            "contract_id": "C-1",
            "modification_id": "M-1",
            "effective_date": "2025-03-01",
            "add_lines": [{**LINE, "line_id": "L2", "performance_obligation": "PO-2"}],
        },
    )
    second = {
        **event(
            "contract_modified",
            {
                "contract_id": "C-1",
                "modification_id": "M-2",
                "effective_date": "2025-04-01",
                "change_lines": [{"line_id": "L2", "amount": "1.00 USD"}],
            },
        ),
        "id": "E-second",
    }
    (amended,) = translate(SIGNED, first, second)
    assert isinstance(amended, ContractEvent)
    assert amended.lines[0].obligation_key == "PO-2"
    with pytest.raises(WaitingError, match="line L2"):
        translate(SIGNED, second)


RENEWED = event(
    "contract_renewed",
    {
        "contract_id": "C-1",
        "new_contract_id": "C-2",
        "start_date": "2026-01-01",
        "end_date": "2026-12-31",
        "supersedes_prior_from": "2025-11-01",
        "facts": {"priced_at_ssp": True},
        "lines": [{**LINE, "line_id": "L9"}],
    },
)


def test_a_renewal_inherits_customer_and_currency() -> None:
    renewed, _ = translate(SIGNED, RENEWED)
    assert isinstance(renewed, ContractEvent)
    assert (renewed.contract_id, renewed.replaces_contract_id) == ("C-2", "C-1")
    assert (renewed.customer_id, renewed.added_at_ssp) == ("K", True)
    assert renewed.supersedes_from_date == date(2025, 11, 1)
    invoice = with_data(INVOICE, contract_id="C-2")
    (posted,) = translate(SIGNED, RENEWED, invoice)
    assert isinstance(posted, InvoiceEvent)
    assert posted.customer_id == "K"


def test_documents_find_their_contract_by_what_they_name() -> None:
    pay = event(
        "payment_received", {"payment_id": "P", "amount": "119.00 USD", "invoice_id": "I-1"}
    )
    dispute = event("dispute_opened", {"dispute_id": "D", "payment_id": "P", "amount": "9.00 USD"})
    note = event(
        "credit_note_issued",
        {
            "credit_note_id": "CN",
            "invoice_id": "I-1",
            "contract_id": "C-1",
            "total": "11.90 USD",
            "lines": [{"line_id": "L1", "amount": "10.00 USD", "tax": "1.90 USD"}],
            "settlements": [{"to": "refund", "amount": "11.90 USD"}],
        },
    )
    lost = {"write_off_id": "W", "invoice_id": "I-1", "amount": "9.00 USD"}
    ends: list[tuple[dict[str, Any], str, str, str | None]] = [
        (pay, "payment.settled", "P", None),
        (dispute, "dispute.opened", "D", "P"),
        (
            event("dispute_closed", {"dispute_id": "D", "outcome": "lost"}),
            "dispute.lost",
            "D:closed",
            "D",
        ),
        (
            event("refund_paid", {"refund_id": "R", "amount": "11.90 USD", "credit_note_id": "CN"}),
            "payment.refunded",
            "R",
            "CN",
        ),
        (
            event(
                "customer_credit_applied",
                {"application_id": "A", "invoice_id": "I-1", "amount": "1.00 USD"},
            ),
            "credit.applied",
            "A",
            None,
        ),
        (event("receivable_written_off", lost), "receivable.written_off", "W", None),
        (
            event(
                "recovery_received",
                {"recovery_id": "RC", "write_off_id": "W", "amount": "1.00 USD"},
            ),
            "receivable.recovered",
            "RC",
            "W",
        ),
    ]
    written_off = event("receivable_written_off", lost)
    for told, kind, identity, related in ends:
        (payment,) = translate(SIGNED, INVOICE, pay, dispute, note, written_off, told)
        assert isinstance(payment, PaymentEvent)
        assert (payment.event_type, payment.payment_id, payment.related_id) == (
            kind,
            identity,
            related,
        )
        assert (payment.invoice_id, payment.contract_id, payment.customer_id) == ("I-1", "C-1", "K")
    (credit,) = translate(SIGNED, INVOICE, note)
    assert isinstance(credit, CreditEvent)
    assert (credit.amount_minor, credit.tax_minor) == (1000, 190)
    assert credit.settlements[0].settle_to == "refund"
    assert credit.lines[0].contract_line_id == "L1"


def test_a_void_tells_the_whole_invoice_again_on_its_own_day() -> None:
    void = event("invoice_voided", {"invoice_id": "I-1"}, "2025-01-20")
    (voided,) = translate(SIGNED, INVOICE, void)
    assert isinstance(voided, InvoiceEvent)
    assert voided.event_type == "invoice.voided"
    assert (voided.issued_date, voided.occurred_at.date()) == (date(2025, 1, 10), date(2025, 1, 20))
    assert [line.tax_minor for line in voided.lines] == [1900]


@pytest.mark.parametrize(
    "told",
    [INVOICE, event("invoice_voided", {"invoice_id": "I-1"}), RENEWED],
)
def test_what_refers_to_something_unknown_waits(told: dict[str, Any]) -> None:
    with pytest.raises(WaitingError):
        translate(told)


def test_what_happens_is_passed_on() -> None:
    where = {"contract_id": "C-1", "line_id": "L1"}
    period = {"period_start": "2025-01-01", "period_end": "2025-01-31"}
    (usage,) = translate(
        SIGNED, event("usage_reported", {**where, **period, "usage_id": "U", "quantity": "2.5"})
    )
    assert isinstance(usage, UsageEvent)
    assert (usage.meter, usage.quantity, usage.usage_date) == (
        "L1",
        Decimal("2.5"),
        date(2025, 1, 10),
    )
    (sales,) = translate(
        SIGNED,
        event("usage_reported", {**where, **period, "usage_id": "U", "customer_sales": "5.00 USD"}),
    )
    assert isinstance(sales, UsageEvent)
    assert (sales.quantity, sales.customer_sales_minor) == (0, 500)
    (all_of_it,) = translate(SIGNED, event("fulfilment_recorded", {**where, "fulfilment_id": "F"}))
    assert isinstance(all_of_it, FulfilmentEvent)
    assert (all_of_it.quantity, all_of_it.amount_minor) == (None, None)
    told: list[tuple[str, dict[str, Any], str, object]] = [
        (
            "progress_reported",
            {**where, "costs_to_date": "3.00 USD"},
            "costs_to_date_minor",
            300,
        ),
        (
            "variable_consideration_estimated",
            {"contract_id": "C-1", "vc_id": "V", "estimate": "-1.00 USD"},
            "estimate_minor",
            -100,
        ),
        (
            "breakage_estimated",
            {**where, "expected_units_used": "9"},
            "expected_units",
            Decimal(9),
        ),
        ("right_lapsed", {"contract_id": "C-1", "right": "return"}, "lapsed_right", "return"),
        (
            "collectability_reassessed",
            {"contract_id": "C-1", "probable": True},
            "is_collection_probable",
            True,
        ),
    ]
    for kind, data, field, value in told:
        (estimate,) = translate(SIGNED, event(kind, data))
        assert isinstance(estimate, EstimateEvent)
        assert getattr(estimate, field) == value
        assert estimate.effective_date == date(2025, 1, 10)


def test_rates_and_opening_balances_need_no_contract() -> None:
    rate = {"date": "2025-01-31", "base": "EUR", "quote": "USD", "rate": "1.12", "kind": "closing"}
    (published,) = translate(event("fx_rate_published", rate))
    assert isinstance(published, FxRateEvent)
    assert (published.rate, published.rate_kind) == (Decimal("1.12"), "closing")
    both = translate({**event("fx_rate_published", rate), "entities": ["IE"]})
    assert [told.entity_id for told in both] == ["one", "one/IE"]
    balances = {"cash": "5.00 USD", "receivable": "-1.00 USD", "tax_payable": "4.00 USD"}
    opened = translate(event("opening_balances", {"balances": balances}))
    amounts = {e.account_role: e.amount_minor for e in opened if isinstance(e, BalanceEvent)}
    assert amounts == {"cash": 500, "receivable": -100, "tax_payable": -400}


@pytest.mark.parametrize(
    ("told", "code", "detail"),
    [
        (with_line(amount="12.345 USD"), "ARITHMETIC", "12.345"),
        (with_line(amount="12.34 XXZ"), "UNKNOWN_CURRENCY", "XXZ"),
        (with_line(ssp="12.34 EUR"), "SCHEMA", "line L1: ssp: is in EUR, not in USD"),
        (with_line(end_date="2024-12-31"), "SCHEMA", "service_end_date"),
        (with_line(amount=12.34), "SCHEMA", "lines.0.amount"),
        (with_line(colour="red"), "SCHEMA", "lines.0.colour"),
        (with_data(SIGNED, lines=[LINE, LINE]), "SCHEMA", "share a line_id"),
        (with_data(SIGNED, lines=[]), "SCHEMA", "contract event has some"),
        (with_data(SIGNED, currency="XXZ"), "UNKNOWN_CURRENCY", "XXZ"),
        ({**SIGNED, "occurred_on": "2025-02-30"}, "SCHEMA", "occurred_on"),
        ({**SIGNED, "type": "contract_dreamt"}, "UNKNOWN_ENUM", "contract_dreamt"),
        ({**SIGNED, "data": None}, "SCHEMA", "the record"),
    ],
)
def test_a_faulty_event_is_refused_by_name_and_reason(
    told: dict[str, Any], code: str, detail: str
) -> None:
    with pytest.raises(TranslationError) as caught:
        translate(told)
    assert caught.value.reason_code == code
    assert caught.value.detail.startswith(f"one {told['id']}: ")
    assert detail in caught.value.detail


def test_documents_must_add_up() -> None:
    with pytest.raises(TranslationError, match="do not add up"):
        translate(SIGNED, with_data(INVOICE, total="100.00 USD"))
    with pytest.raises(TranslationError, match="is in EUR, not in USD"):
        translate(SIGNED, with_data(INVOICE, lines=[{"line_id": "L1", "amount": "119.00 EUR"}]))


def test_a_colliding_delivery_is_refused() -> None:
    context = Landed()
    row = replace(land(context, SIGNED), is_collision=True)
    with pytest.raises(TranslationError, match="came before with other content"):
        CasesAdapter().translate(row, context)


def test_when_it_was_received_is_no_content() -> None:
    early, late = record_of(SIGNED), record_of({**SIGNED, "received_on": "2025-02-01"})
    assert early.body == late.body
    assert early.delivery_key == SIGNED["id"]
    assert (late.occurred_at, early.occurred_at) == (
        datetime(2025, 2, 1, tzinfo=UTC),
        datetime(2025, 1, 5, tzinfo=UTC),
    )


def test_a_file_holds_the_events_of_one_case() -> None:
    content = "\n".join(json.dumps(told) for told in (SIGNED, INVOICE))
    records = list(CasesAdapter().split(content.encode(), "one.jsonl"))
    assert [record.delivery_key for record in records] == [SIGNED["id"], INVOICE["id"]]
    assert records[0].object_id == "C-1"
    with pytest.raises(FileRefusedError):
        list(CasesAdapter().split(b"nonsense", "one.jsonl"))


def test_a_close_is_no_event() -> None:
    assert translate(event("period_closed", {"period": "2025-01"})) == []
