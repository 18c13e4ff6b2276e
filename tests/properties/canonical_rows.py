"""Contracts made up from a seed, and their rows as the adapters would have written them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import psycopg

from revenue_pipeline.warehouse.copy import copy_rows
from tests.oracle.revenue import (
    Contract,
    Line,
    Method,
    Termination,
    Version,
    add_months,
    earned_until_terminated,
    price,
    standalone_for_days,
)

ENTITY = "TEST"
CURRENCY = "USD"
FIRST_MONTH = date(2025, 1, 1)
LAST_DAY = date(2026, 12, 31)

# As dbt_project/seeds says for entity TEST: method and list price per unit (year, or once).
PRODUCTS: dict[str, tuple[Method, int]] = {
    "PLATFORM": ("ratable_daily", 120_000),
    "PLATFORM_MONTHLY": ("ratable_monthly", 144_000),
    "SUPPORT": ("ratable_daily", 30_000),
    "ONBOARDING": ("point_in_time", 500_000),
}


@dataclass(frozen=True)
class Promise:
    """A line of a contract; ``stated_ssp`` None leaves the standalone price to the price list."""

    line_id: str
    product: str
    quantity: int
    amount: int
    start: date
    end: date | None
    stated_ssp: int | None


@dataclass(frozen=True)
class Event:
    """A contract event before it is written; ``kind`` is its event_type without ``contract.``."""

    kind: str
    version: int
    effective: date
    promises: tuple[Promise, ...] = ()
    end: date | None = None
    term_months: int | None = None
    refund: int = 0
    replaces: str | None = None
    supersedes_from: date | None = None


@dataclass(frozen=True)
class Story:
    """One contract: what the source says happened, and the same as the oracle understands it.

    ``billed``: days of its invoices, each of one line L0, with their amounts; negative gives back.
    """

    contract_id: str
    events: tuple[Event, ...]
    fulfilled: tuple[tuple[str, date], ...]
    told: Contract
    billed: tuple[tuple[date, int], ...] = ()


def stories(seed: int, count: int) -> list[Story]:
    """``count`` contracts; every third kind of change occurs, and odd dates are common."""
    chance = random.Random(seed)
    result: list[Story] = _halves()
    for number in range(count):
        contract_id = f"P{number:04d}"
        if number % 5 == 4:
            result.append(_renewing(chance, contract_id))
        elif number % 7 == 6:
            result.extend(_renewed_early(chance, contract_id))
        else:
            result.append(_fixed_term(chance, contract_id))
    return result


def _halves() -> list[Story]:
    """Charges and credits whose share, or whose month, is exactly half a minor unit over."""
    start, end = date(2025, 1, 31), date(2025, 2, 1)
    result: list[Story] = []
    for amount in (5, -5, 1, -1):
        for lines in (1, 2):
            contract_id = f"H{len(result):04d}"
            promises = tuple(
                Promise(f"L{place}", product, 1, amount * (1 - place), start, end, 1_000)
                for place, product in enumerate(("SUPPORT", "PLATFORM")[:lines])
            )
            event = Event("signed", 1, start, promises, end)
            told = Contract(contract_id, (_version(event),))
            result.append(Story(contract_id, (event,), (), told))
    return result


def _promises(chance: random.Random, effective: date, end: date) -> list[Promise]:
    products = chance.sample(list(PRODUCTS), chance.randint(1, len(PRODUCTS)))
    return [
        Promise(
            line_id=f"L{place}",
            product=product,
            quantity=chance.choice([1, 1, 3, 7, 50]),
            # Free lines, single cents and equal shares are where allocation goes wrong.
            amount=chance.choice([0, 1, 5, 100, chance.randint(1, 5_000_000), 1_200_000]),
            start=effective,
            end=None if PRODUCTS[product][0] == "point_in_time" else end,
            stated_ssp=chance.choice([None, None, 1_000, 1_000, chance.randint(1, 3_000_000)]),
        )
        for place, product in enumerate(products)
    ]


def _start(chance: random.Random) -> date:
    return chance.choice(
        [
            FIRST_MONTH + timedelta(days=chance.randint(0, 300)),
            date(2025, chance.randint(1, 9), 1),
            date(2025, chance.choice([1, 3, 5, 7, 8]), 31),
        ]
    )


def _fixed_term(chance: random.Random, contract_id: str) -> Story:
    start = _start(chance)
    end = min(
        chance.choice(
            [
                add_months(start, 12) - timedelta(days=1),
                start + timedelta(days=chance.randint(40, 400)),
            ]
        ),
        LAST_DAY,
    )
    promises = _promises(chance, start, end)
    events = [Event("signed", 1, start, tuple(promises), end)]
    effective = start
    for version in range(2, 2 + chance.choice([0, 0, 1, 2, 3])):
        effective += timedelta(days=chance.randint(1, 90))
        if effective > end:
            break
        if chance.random() < 0.3:
            end = min(add_months(end, chance.randint(1, 6)), LAST_DAY)
        promises = _changed(chance, promises, effective, end)
        events.append(Event("amended", version, effective, tuple(promises), end))
    fulfilled = tuple(
        (promise.line_id, promise.start + timedelta(days=chance.randint(0, 200)))
        for promise in promises
        if PRODUCTS[promise.product][0] == "point_in_time" and chance.random() < 0.8
    )
    return _with_termination(chance, contract_id, events, fulfilled, end)


def _changed(
    chance: random.Random, promises: Sequence[Promise], effective: date, end: date
) -> list[Promise]:
    """The same lines at another price, sometimes one more, restated as an amendment does."""
    result = [
        Promise(
            promise.line_id,
            promise.product,
            # More of what may have been accepted already would be another delivery.
            promise.quantity + (0 if promise.end is None else chance.choice([0, 0, 1, 10])),
            promise.amount + _change_in_price(chance, promise.amount),
            promise.start,
            None if promise.end is None else end,
            chance.choice([None, 1_000, 1_000, chance.randint(1, 3_000_000)]),
        )
        for promise in promises
    ]
    # Something must be left to promise, or a change in price has nowhere to go.
    lasting = all(promise.end is None for promise in result)
    if lasting or chance.random() < 0.4:
        result.append(
            Promise(
                f"L{len(result)}",
                "SUPPORT",
                chance.choice([1, 9]),
                chance.randint(0, 400_000),
                effective,
                end,
                None,
            )
        )
    return result


def _change_in_price(chance: random.Random, amount: int) -> int:
    """Sometimes more than what is left to earn, so that the rest of the contract is negative."""
    return chance.choice([0, chance.randint(0, 900_000), -(amount // 4), -amount])


def _with_termination(
    chance: random.Random,
    contract_id: str,
    events: list[Event],
    fulfilled: tuple[tuple[str, date], ...],
    end: date,
) -> Story:
    termination = None
    billed: tuple[tuple[date, int], ...] = ()
    newest = events[-1]
    left = (end - newest.effective).days
    if left > 1 and chance.random() < 0.3:
        cut = newest.effective + timedelta(days=chance.randint(1, left))
        refund = chance.choice([0, 1, 12_345])
        whole = sum(promise.amount for promise in newest.promises)
        # Billed up front, in part, or not at all: only what was billed may be kept.
        invoiced = chance.choice([None, whole // 2, 0])
        termination = Termination(cut, refund, invoiced)
        amount = whole if invoiced is None else invoiced
        billed = ((events[0].effective, amount),) if amount else ()
        events.append(Event("terminated", len(events) + 1, cut, refund=refund))
    told = Contract(
        contract_id,
        tuple(_version(event) for event in events if event.kind != "terminated"),
        termination,
        dict(fulfilled),
    )
    return Story(contract_id, tuple(events), fulfilled, told, billed)


def _renewing(chance: random.Random, contract_id: str) -> Story:
    start = _start(chance)
    last_day = chance.choice([None, start + timedelta(days=chance.randint(0, 300))])
    term_months = chance.choice([1, 1, 3, 12])
    product = chance.choice(["PLATFORM", "PLATFORM_MONTHLY"])
    promises = [
        Promise("L0", product, 1, chance.randint(1, 900_000), start, None, 120_000),
        Promise("L1", "SUPPORT", 1, chance.randint(0, 90_000), start, None, 30_001),
    ][: chance.randint(1, 2)]
    event = Event("signed", 1, start, tuple(promises), last_day, term_months)
    return Story(contract_id, (event,), (), Contract(contract_id, (_version(event),)))


def _renewed_early(chance: random.Random, contract_id: str) -> list[Story]:
    """A contract whose renewal was decided to start before it is over, and that renewal."""
    start = date(2025, chance.randint(1, 6), chance.randint(1, 28))
    end = add_months(start, 12) - timedelta(days=1)
    cut = start + timedelta(days=chance.randint(1, 360))
    old = Event("signed", 1, start, tuple(_ratable(chance, start, end)), end)
    new_end = min(add_months(cut, 12) - timedelta(days=1), LAST_DAY)
    renewal_id = f"{contract_id}-R"
    new = Event(
        "renewed",
        1,
        cut,
        tuple(_ratable(chance, cut, new_end)),
        new_end,
        replaces=contract_id,
        supersedes_from=cut,
    )
    told = Contract(contract_id, (_version(old),), Termination(cut, refund=None))
    # The rest of the old price goes over to the new term, unless it is given back.
    whole = price(told.versions[0])
    rest = whole - earned_until_terminated(told)
    given_back = chance.choice([0, rest // 2, rest])
    notes = ((cut, -given_back),) if given_back else ()
    renewed = Contract(renewal_id, (_version(new),), carried=rest - given_back)
    return [
        Story(contract_id, (old,), (), told, ((start, whole), *notes)),
        Story(renewal_id, (new,), (), renewed),
    ]


def _ratable(chance: random.Random, start: date, end: date) -> list[Promise]:
    amount, support = chance.randint(1, 2_000_000), chance.randint(0, 300_000)
    return [
        Promise("L0", "PLATFORM_MONTHLY", 1, amount, start, end, None),
        Promise("L1", "SUPPORT", 2, support, start, end, None),
    ]


def _version(event: Event) -> Version:
    return Version(
        event.effective,
        tuple(_line(promise, event.effective) for promise in event.promises),
        event.term_months,
        event.end if event.term_months else None,
    )


def _line(promise: Promise, effective: date) -> Line:
    method, listed = PRODUCTS[promise.product]
    if promise.stated_ssp is not None:
        ssp = promise.stated_ssp
    elif promise.end is None:
        ssp = listed * promise.quantity
    else:
        days = (promise.end - max(promise.start, effective)).days + 1
        ssp = standalone_for_days(listed, promise.quantity, days)
    return Line(promise.line_id, method, promise.amount, ssp, promise.start, promise.end)


def write(connection: psycopg.Connection[Any], told: Sequence[Story], arrival: int) -> None:
    """Write every event of the stories, in an order of arrival that ``arrival`` seeds."""
    deliveries = [(story, event) for story in told for event in story.events]
    random.Random(arrival).shuffle(deliveries)
    contract_rows, line_rows = [], []
    for seq, (story, event) in enumerate(deliveries, start=1):
        event_id = f"{story.contract_id}:{event.kind}:{event.version}"
        contract_rows.append(
            (
                *_envelope(event_id, f"contract.{event.kind}", "order", seq, event.effective),
                story.contract_id,
                event.version,
                f"customer-{story.contract_id[:5]}",
                CURRENCY,
                event.effective,
                event.effective,
                event.end,
                event.term_months,
                event.replaces,
                event.supersedes_from,
                event.refund,
            )
        )
        line_rows += [
            (
                event_id,
                line_no,
                promise.line_id,
                promise.line_id,
                promise.product,
                promise.quantity,
                promise.amount,
                promise.stated_ssp,
                promise.start,
                promise.end,
            )
            for line_no, promise in enumerate(event.promises, start=1)
        ]
    fulfilments = [(story, *item) for story in told for item in story.fulfilled]
    random.Random(arrival).shuffle(fulfilments)
    fulfilment_rows = [
        (
            *_envelope(
                f"{story.contract_id}:{line_id}:done",
                "fulfilment.accepted",
                "acceptance",
                len(deliveries) + place,
                day,
            ),
            f"{story.contract_id}:{line_id}",
            story.contract_id,
            line_id,
            day,
        )
        for place, (story, line_id, day) in enumerate(fulfilments, start=1)
    ]
    invoices = [
        (story, place, day, amount)
        for story in told
        for place, (day, amount) in enumerate(story.billed)
    ]
    random.Random(arrival).shuffle(invoices)
    invoice_rows, invoice_line_rows = [], []
    for seq, (story, place, day, amount) in enumerate(
        invoices, start=len(deliveries) + len(fulfilments) + 1
    ):
        event_id = f"{story.contract_id}:invoice:{place}"
        invoice_rows.append(
            (
                *_envelope(event_id, "invoice.posted", "invoice", seq, day),
                event_id,
                story.contract_id,
                f"customer-{story.contract_id[:5]}",
                CURRENCY,
                day,
            )
        )
        invoice_line_rows.append((event_id, 1, f"{event_id}:1", "L0", amount, 0))
    copy_rows(connection, "canonical.contract_event", _CONTRACT_COLUMNS, contract_rows)
    copy_rows(connection, "canonical.contract_line", _LINE_COLUMNS, line_rows)
    copy_rows(connection, "canonical.fulfilment_event", _FULFILMENT_COLUMNS, fulfilment_rows)
    copy_rows(connection, "canonical.invoice_event", _INVOICE_COLUMNS, invoice_rows)
    copy_rows(connection, "canonical.invoice_line", _INVOICE_LINE_COLUMNS, invoice_line_rows)


_ENVELOPE_COLUMNS = (
    "event_id",
    "event_type",
    "source_system",
    "source_object",
    "source_id",
    "source_version",
    "occurred_at",
    "recorded_at",
    "known_seq",
    "inbox_id",
    "entity_id",
    "payload_hash",
    "raw_uri",
    "schema_version",
    "adapter_version",
)
_CONTRACT_COLUMNS = (
    *_ENVELOPE_COLUMNS,
    "contract_id",
    "contract_version",
    "customer_id",
    "currency_code",
    "signed_date",
    "effective_date",
    "end_date",
    "term_months",
    "replaces_contract_id",
    "supersedes_from_date",
    "refund_minor",
)
_LINE_COLUMNS = (
    "event_id",
    "line_no",
    "line_id",
    "obligation_key",
    "product_code",
    "quantity",
    "amount_minor",
    "ssp_minor",
    "service_start_date",
    "service_end_date",
)
_FULFILMENT_COLUMNS = (
    *_ENVELOPE_COLUMNS,
    "fulfilment_id",
    "contract_id",
    "line_id",
    "fulfilled_date",
)
_INVOICE_COLUMNS = (
    *_ENVELOPE_COLUMNS,
    "invoice_id",
    "contract_id",
    "customer_id",
    "currency_code",
    "issued_date",
)
_INVOICE_LINE_COLUMNS = (
    "event_id",
    "line_no",
    "invoice_line_id",
    "contract_line_id",
    "amount_minor",
    "tax_minor",
)


def _envelope(
    event_id: str, event_type: str, source_object: str, seq: int, day: date
) -> tuple[object, ...]:
    instant = f"{day}T00:00:00+00:00"
    return (
        event_id,
        event_type,
        "made_up",
        source_object,
        event_id,
        "1",
        instant,
        instant,
        seq,
        seq,
        ENTITY,
        "0" * 64,
        f"inbox:{seq}",
        "1.0.0",
        "1.0.0",
    )
