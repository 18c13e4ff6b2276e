"""Names that every definition uses the same way."""

OWNERS = ["team:revenue-accounting"]

# Runs with this tag never overlap (dagster.yaml limits it to one): a derivation replaces the very
# tables a close reads.
LOCK_TAG = {"revenue/lock": "books"}

CANONICAL_TABLES = (
    "contract_event",
    "contract_line",
    "price_component",
    "invoice_event",
    "invoice_line",
    "usage_event",
    "entitlement_event",
    "credit_event",
    "credit_line",
    "credit_settlement",
    "payment_event",
    "fulfilment_event",
    "estimate_event",
    "fx_rate_event",
    "balance_event",
)
