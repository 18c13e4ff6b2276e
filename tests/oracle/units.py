"""One accounting contract: obligations that share one price (IFRS 15.17, 20, 73)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from tests.oracle.money import ZERO
from tests.oracle.obligations import Obligation
from tests.oracle.terms import Line, Variable


@dataclass
class Unit:
    """A package, or a modification that is a separate contract.

    Attributes:
        pool: Fixed price shared by the obligations of the current segment.
        reference: Value of each variable amount that the pool already held when the segment began.
        promised: Obligations as they weighed when a variable amount was promised, by its id, once
            a later segment has begun (IFRS 15.90(a)).
        first_segment: No prospective change yet: the rules of inception apply to the shares.
        discount_to: Obligations the bundle discount belongs to (IFRS 15.82).
        payable: Consideration payable to the customer; ``payable_rate`` its part of the sales.
    """

    contract_ids: list[str]
    obligations: list[Obligation] = field(default_factory=list)
    pool: Fraction = ZERO
    variables: dict[str, Variable] = field(default_factory=dict)
    reference: dict[str, Fraction] = field(default_factory=dict)
    promised: dict[str, list[tuple[Obligation, Fraction]]] = field(default_factory=dict)
    first_segment: bool = True
    discount_to: list[str] = field(default_factory=list)
    payable: Fraction = ZERO
    payable_rate: Fraction = ZERO

    @property
    def open_obligations(self) -> list[Obligation]:
        return [item for item in self.obligations if not item.stopped]

    def lines(self) -> Iterator[Line]:
        """List all lines that belong to an obligation and are not removed."""
        for obligation in self.obligations:
            yield from obligation.live_lines

    def royalties_for_all(self) -> bool:
        """Tell whether a royalty belongs to all obligations instead of its own (15.85 not met)."""
        return any(
            item.kind in ("royalty", "usage") and item.obligations is None
            for item in self.variables.values()
        )
