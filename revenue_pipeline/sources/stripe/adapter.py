"""The adapter: which object means what."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from revenue_pipeline.canonical.models import CanonicalEvent, ContractEvent, content_version
from revenue_pipeline.landing.inbox import InboxRow, Record
from revenue_pipeline.sources.context import TranslationContext, TranslationError
from revenue_pipeline.sources.entities import Entity
from revenue_pipeline.sources.stripe import givebacks, invoices, meaning, subscriptions
from revenue_pipeline.sources.stripe.fields import Fields
from revenue_pipeline.sources.stripe.jsontext import JsonTextError, parse
from revenue_pipeline.sources.stripe.meaning import Meaning
from revenue_pipeline.sources.stripe.payers import with_payer
from revenue_pipeline.sources.stripe.split import split

_TERMS = {"items", "plan", "quantity"}


class StripeAdapter:
    """Stripe accounts. The tenant is the account; files do not name it."""

    name: str = meaning.SOURCE
    version: str = meaning.VERSION
    tenant: str | None = None
    default_tenant: str = "default"

    def split(self, content: bytes, filename: str) -> Iterator[Record]:
        """Records of a file, in file order. Raises FileRefusedError."""
        return split(content, filename)

    def translate(self, row: InboxRow, context: TranslationContext) -> Sequence[CanonicalEvent]:
        """Events of one object or event. Raises TranslationError, WaitingError or a MoneyError."""
        if row.is_collision:
            raise TranslationError("COLLISION", "an event id came again with other content")
        entity = context.entity_for(row.source, row.tenant)
        found = translate_body(row.body, entity)
        if found.note is not None:
            context.note(row, found.note)
        events = [event for event in found.events if not _is_known_change(event, context)]
        if len(events) < len(found.events):
            context.note(row, "terms are those of a change that is known with its date")
        return [with_payer(event, row, context) for event in events]


def translate_body(body: bytes, entity: Entity) -> Meaning:
    """What the bytes of one object or event mean, with nothing else known."""
    try:
        value = parse(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise TranslationError("SCHEMA", f"is not UTF-8 at byte {error.start}") from None
    except JsonTextError as error:
        raise TranslationError("SCHEMA", error.reason) from None
    outer = Fields.of(value, "object")
    if outer.maybe_text("object") != "event":
        return _object(value, entity, None)
    data = outer.child("data")
    if not data.has("object"):
        raise TranslationError("SCHEMA", "event.data.object is missing")
    changed = outer.text("type") == "customer.subscription.updated" and any(
        data.child("previous_attributes").has(name) for name in _TERMS
    )
    return _object(data.raw("object"), entity, outer.instant("created") if changed else None)


def _object(value: object, entity: Entity, changed_at: datetime | None) -> Meaning:
    kind = Fields.of(value, "object").maybe_text("object")
    fields = Fields.of(value, kind or "object")
    if kind in {"invoice", "credit_note", "refund", "subscription"} and fields.flag("deleted"):
        return Meaning(note=f"{kind}: deleted before it counted")
    if kind == "invoice":
        return invoices.invoice(fields, entity)
    if kind == "credit_note":
        return givebacks.credit_note(fields, entity)
    if kind == "refund":
        return givebacks.refund(fields, entity)
    if kind == "subscription":
        return subscriptions.subscription(fields, entity, changed_at=changed_at)
    return Meaning(note=f"{(kind or 'object without a type')[:80]}: not an accounting object")


def _is_known_change(event: CanonicalEvent, context: TranslationContext) -> bool:
    """Whether a signing restates, from the start on, terms that are known to hold since later.

    An object shows its present terms but not since when they hold; only the event of a change does.
    Raises IDENTITY_CONFLICT when nothing known explains that the terms differ: booking them from
    the start on would restate the past unasked.
    """
    if not isinstance(event, ContractEvent) or event.event_type != "contract.signed":
        return False
    key = (event.source_system, event.entity_id, event.contract_id)
    signed, latest = context.signed_versions(*key), context.latest_contract(*key)
    if content_version(event) in signed:
        return False
    if latest is not None and latest.event_type == "contract.amended":
        change = subscriptions.as_change(event, latest.contract_version, latest.effective_date)
        if content_version(change) == latest.source_version:
            return True
    if signed:
        raise TranslationError(
            "IDENTITY_CONFLICT",
            f"terms of {event.contract_id} differ from those seen first, and the object does not"
            " say since when; the event customer.subscription.updated does",
        )
    return False
