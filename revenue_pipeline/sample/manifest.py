"""What the sample holds and what must be found in it."""

from dataclasses import asdict, dataclass, field


@dataclass(slots=True)
class SampleManifest:
    """Counts of what was written, and the planted faults by reason code with their subject ids.

    `planted_minor` holds the amount at risk of each planted fault, in minor units of the currency
    of its entity, by reason code and subject id.
    """

    seed: int
    scale: int
    customers: int = 0
    contracts: int = 0
    orders: int = 0
    fulfilments: int = 0
    invoices: int = 0
    credit_notes: int = 0
    refunds: int = 0
    usage_events: int = 0
    planted: dict[str, list[str]] = field(default_factory=dict)
    planted_minor: dict[str, dict[str, int]] = field(default_factory=dict)

    def plant(self, reason_code: str, subject_id: str, amount_minor: int) -> None:
        """Note a fault that the derivation must report under this reason, subject and amount."""
        self.planted.setdefault(reason_code, []).append(subject_id)
        self.planted_minor.setdefault(reason_code, {})[subject_id] = amount_minor

    def as_json(self) -> dict[str, object]:
        """Plain values, planted ids in order."""
        values = asdict(self)
        values["planted"] = {
            reason: sorted(subjects) for reason, subjects in sorted(self.planted.items())
        }
        values["planted_minor"] = {
            reason: dict(sorted(amounts.items()))
            for reason, amounts in sorted(self.planted_minor.items())
        }
        return values
