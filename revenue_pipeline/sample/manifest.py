"""What the sample holds and what must be found in it."""

from dataclasses import asdict, dataclass, field


@dataclass(slots=True)
class SampleManifest:
    """Counts of what was written, and the planted faults by reason code with their subject ids."""

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

    def plant(self, reason_code: str, subject_id: str) -> None:
        """Note a fault that the derivation must report under this reason and subject."""
        self.planted.setdefault(reason_code, []).append(subject_id)

    def as_json(self) -> dict[str, object]:
        """Plain values, planted ids in order."""
        values = asdict(self)
        values["planted"] = {
            reason: sorted(subjects) for reason, subjects in sorted(self.planted.items())
        }
        return values
