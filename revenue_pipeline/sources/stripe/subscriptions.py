"""Subscriptions that no order stands behind: they are the contract themselves."""

from datetime import date, datetime, timedelta
from decimal import Decimal

from revenue_pipeline.canonical.models import CanonicalEvent, ContractEvent, ContractLine
from revenue_pipeline.domain.money import currency, exponent, provider_exponent
from revenue_pipeline.sources.context import TranslationError, local_date
from revenue_pipeline.sources.entities import Entity
from revenue_pipeline.sources.stripe.fields import Fields
from revenue_pipeline.sources.stripe.meaning import Meaning, contract_of_subscription, envelope

_RUNNING = {"active", "past_due", "unpaid", "paused", "canceled"}
_NOT_STARTED = {"incomplete", "incomplete_expired"}
_MONTHS = {"month": 1, "year": 12}
_LATEST_VERSION = 2**31 - 1


def subscription(fields: Fields, entity: Entity, *, changed_at: datetime | None = None) -> Meaning:
    """Terms as the object states them: from the start, or from `changed_at` on.

    The object itself does not say since when its terms hold; only the event of a change does.
    """
    if fields.metadata("contract_id") is not None:
        return Meaning(note="contract comes from crm_orders")
    status = fields.text("status")
    if status in _NOT_STARTED:
        return Meaning(note=f"{status} subscription: never started")
    if status == "trialing":
        return Meaning(note="subscription on trial: no contract yet")
    if status not in _RUNNING:
        raise TranslationError("UNKNOWN_ENUM", f"subscription status {status[:60]!r}")
    created = fields.instant("created")
    start = fields.maybe_instant("start_date") or fields.maybe_instant("start") or created
    start = max(start, fields.maybe_instant("trial_end") or start)
    ended = fields.maybe_instant("ended_at")
    if status == "canceled" and ended is None:
        raise TranslationError("SCHEMA", "canceled subscription without ended_at")
    if ended is not None and ended < start:
        return Meaning(note="subscription ended on trial: never a contract")
    amended = changed_at is not None and changed_at > start
    since = changed_at if changed_at is not None and amended else start
    terms = _terms(fields, entity, start, since, recorded=since if amended else created)
    events: list[CanonicalEvent] = [terms]
    if status == "canceled" and ended is not None:
        events.append(_termination(terms, ended, start, entity))
    return Meaning(tuple(events))


def _terms(
    fields: Fields, entity: Entity, start: datetime, since: datetime, *, recorded: datetime
) -> ContractEvent:
    items = fields.page("items")
    if not items:
        raise TranslationError("SCHEMA", "subscription has no items")
    prices = [_price(item) for item in items]
    code = currency(fields.maybe_text("currency") or prices[0].text("currency"))
    if any(currency(price.text("currency")) != code for price in prices):
        raise TranslationError("SCHEMA", "items of the subscription differ in currency")
    terms = {_term_months(price) for price in prices}
    if len(terms) > 1:
        raise TranslationError("MAPPING", "items of the subscription renew at different intervals")
    subscription_id = fields.text("id")
    event_type = "contract.amended" if since > start else "contract.signed"
    effective = local_date(since, entity)
    service_start = local_date(start, entity)
    lines = tuple(
        _line(item, price, code, service_start) for item, price in zip(items, prices, strict=True)
    )
    return ContractEvent(
        **envelope(event_type, subscription_id, since, recorded, entity),
        event_type="contract.amended" if since > start else "contract.signed",
        contract_id=contract_of_subscription(subscription_id),
        contract_version=_version(since, start),
        customer_id=fields.reference("customer"),
        currency_code=code,
        signed_date=local_date(fields.instant("created"), entity),
        effective_date=effective,
        term_months=terms.pop(),
        lines=lines,
    )


def _termination(
    terms: ContractEvent, ended: datetime, start: datetime, entity: Entity
) -> ContractEvent:
    changes = {
        "event_type": "contract.terminated",
        "source_object": "contract.terminated",
        "occurred_at": ended,
        "recorded_at": ended,
        "contract_version": _version(ended, start),
        "effective_date": local_date(ended, entity),
        "lines": (),
    }
    return terms.model_copy(update=changes)


def as_change(signed: ContractEvent, version: int, effective: date) -> ContractEvent:
    """The amendment that the terms of a signing would be if they held from that version on."""
    changes = {
        "event_type": "contract.amended",
        "source_object": "contract.amended",
        "occurred_at": signed.occurred_at + timedelta(seconds=version - 1),
        "contract_version": version,
        "effective_date": effective,
    }
    return signed.model_copy(update=changes)


def _version(moment: datetime, start: datetime) -> int:
    """Stripe counts no versions; seconds since the start keep order, whatever arrives first."""
    return min(1 + int((moment - start).total_seconds()), _LATEST_VERSION)


def _price(item: Fields) -> Fields:
    price = item.child("price") if item.has("price") else item.child("plan")
    if not price.has("id"):
        raise TranslationError("SCHEMA", f"{item.path} has no price")
    return price


def _term_months(price: Fields) -> int:
    cycle = price.child("recurring") if price.has("recurring") else price
    interval = cycle.text("interval")
    if interval not in _MONTHS:
        raise TranslationError("UNKNOWN_ENUM", f"billing interval {interval[:60]!r}")
    count = cycle.maybe_integer("interval_count")
    months = _MONTHS[interval] * (1 if count is None else count)
    if not 1 <= months <= 1200:
        raise TranslationError("SCHEMA", f"{price.path} renews every {months} months")
    return months


def _line(item: Fields, price: Fields, code: str, start: date) -> ContractLine:
    cycle = price.child("recurring") if price.has("recurring") else price
    quantity = item.maybe_integer("quantity")
    metered = cycle.maybe_text("usage_type") == "metered"
    if price.maybe_text("billing_scheme") == "tiered":
        raise TranslationError("MAPPING", f"{price.path} is priced in tiers")
    line_id = item.text("id")
    product = price.metadata("product_code") or price.maybe_reference("product") or price.text("id")
    unit = _unit_price(price, code)
    amount = Decimal(0) if metered else unit * (1 if quantity is None else quantity)
    if amount != amount.to_integral_value():
        raise TranslationError("ARITHMETIC", f"{item.path} costs a fraction of a minor unit")
    return ContractLine(
        line_id=line_id,
        obligation_key=line_id,
        product_code=product,
        quantity=Decimal(1 if quantity is None else quantity),
        amount_minor=int(amount),
        service_start_date=start,
        price_ref=price.text("id"),
        usage_meter=(cycle.maybe_text("meter") or price.text("id")) if metered else None,
        unit_price_minor=unit if metered else None,
    )


def _unit_price(price: Fields, code: str) -> Decimal:
    """ISO minor units per unit, exact: `_decimal` fields are finer than a minor unit."""
    for name in ("unit_amount_decimal", "unit_amount", "amount_decimal", "amount"):
        value = price.maybe_decimal(name)
        if value is not None:
            return value.scaleb(exponent(code) - provider_exponent("stripe", code))
    raise TranslationError("SCHEMA", f"{price.path}.unit_amount is missing")
