"""JSON Schemas of the canonical events, written from the models into `schemas/`.

They are for readers outside Python. `python -m revenue_pipeline.canonical.schema` writes them anew;
a test compares them with the models.
"""

import json
from pathlib import Path

from revenue_pipeline.canonical.models import (
    SCHEMA_VERSION,
    BalanceEvent,
    ContractEvent,
    CreditEvent,
    EntitlementEvent,
    Envelope,
    EstimateEvent,
    FulfilmentEvent,
    FxRateEvent,
    InvoiceEvent,
    PaymentEvent,
    UsageEvent,
)

SCHEMAS_DIR = Path(__file__).with_name("schemas")
_MODELS: dict[str, type[Envelope]] = {
    "balance_event": BalanceEvent,
    "contract_event": ContractEvent,
    "credit_event": CreditEvent,
    "entitlement_event": EntitlementEvent,
    "estimate_event": EstimateEvent,
    "fulfilment_event": FulfilmentEvent,
    "fx_rate_event": FxRateEvent,
    "invoice_event": InvoiceEvent,
    "payment_event": PaymentEvent,
    "usage_event": UsageEvent,
}


def schemas() -> dict[str, str]:
    """Text of every schema by file name. Decimals are strings in JSON, money is an integer."""
    texts: dict[str, str] = {}
    for name, model in _MODELS.items():
        schema = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"revenue-pipeline/canonical/{SCHEMA_VERSION}/{name}.json",
            **model.model_json_schema(mode="serialization"),
        }
        texts[f"{name}.json"] = json.dumps(schema, indent=2, sort_keys=True) + "\n"
    return texts


def write_schemas(folder: Path = SCHEMAS_DIR) -> list[Path]:
    """Write all schemas, leave everything else alone; returns the files."""
    folder.mkdir(exist_ok=True)
    written: list[Path] = []
    for name, text in schemas().items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


if __name__ == "__main__":
    write_schemas()
