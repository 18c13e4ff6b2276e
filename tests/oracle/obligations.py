"""Step 2: which lines form one obligation (IFRS 15.22-30, B39-B43), and how it is measured."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from tests.oracle.money import ZERO
from tests.oracle.terms import RATABLE, REPORTED, Line

SERVICE_WORDS = (
    "service", "support", "update", "maintenance", "subscription", "access", "hosting",
    "cleaning", "consulting", "training", "installation", "implementation", "development",
    "management", "processing", "monitoring",
)  # fmt: skip


@dataclass
class Obligation:
    """One obligation and where it stands.

    ``allocated`` = own + share + targeted includes what is recognised. The current segment runs
    from ``since`` and recognises ``allocated`` - ``base`` by its progress.

    Attributes:
        own: Amount no later change of the pool touches (recognised before the segment, credits).
        share: Part of the pool of the accounting contract.
        targeted: Variable amounts that belong to some obligations only, by component.
        weight: Standalone price of what the segment promises.
        pending: Credit for service that has not begun: out of the price, not yet out of revenue.
        extra: Termination revenue. variable: usage, royalties and pieces earned.
        royalty_share: Part of each royalty of the accounting contract, by line.
    """

    key: str
    contract_id: str
    entity: str
    lines: list[Line]
    since: date
    own: Fraction = ZERO
    share: Fraction = ZERO
    targeted: dict[str, Fraction] = field(default_factory=dict)
    weight: Fraction = ZERO
    base: Fraction = ZERO
    pending: Fraction = ZERO
    extra: Fraction = ZERO
    variable: Fraction = ZERO
    stopped: bool = False
    lapsed: bool = False
    reported: Fraction = ZERO
    reported_before: Fraction = ZERO
    costs: Fraction = ZERO
    total_costs: Fraction | None = None
    uninstalled: Fraction = ZERO
    uninstalled_before: Fraction = ZERO
    used: Fraction = ZERO
    used_before: Fraction = ZERO
    expected_units: Fraction | None = None
    unit_rounding: bool = False

    @property
    def allocated(self) -> Fraction:
        return self.own + self.share + sum(self.targeted.values(), ZERO)

    @property
    def live_lines(self) -> list[Line]:
        return [line for line in self.lines if not line.removed]

    @property
    def main_lines(self) -> list[Line]:
        """Lines that transfer something: no fees, discounts or options beside goods."""
        goods = [line for line in self.live_lines if line.kind == "good_or_service"]
        return goods or [line for line in self.live_lines if line.kind != "discount"]

    @property
    def method(self) -> str:
        """Time before reports before units: one obligation has one measure (IFRS 15.40)."""
        methods = [line.method for line in self.main_lines]
        for group in (RATABLE, REPORTED, ("prepaid_drawdown",), ("usage",)):
            for method in methods:
                if method in group:
                    return method
        return "point_in_time"

    @property
    def is_ratable(self) -> bool:
        return self.method in RATABLE

    @property
    def is_variable_only(self) -> bool:
        """All of its price depends on usage or pieces (IFRS 15.85)."""
        lines = [line for line in self.live_lines if line.kind != "discount"]
        return bool(lines) and all(
            (line.is_usage or line.is_piece) and line.amount == 0 for line in lines
        )

    @property
    def is_open_option(self) -> bool:
        """An option neither used nor lapsed; points drawn down are measured by use."""
        return self.method == "point_in_time" and all(
            line.kind == "option" for line in self.main_lines
        )

    @property
    def timing(self) -> str:
        """Over time or at a point; without a method the product text says it."""
        methods = [line.method for line in self.main_lines if line.method]
        if methods:
            return "point_in_time" if self.method == "point_in_time" else "over_time"
        text = " ".join(str(line.data["product"]).lower() for line in self.main_lines)
        return "over_time" if any(word in text for word in SERVICE_WORDS) else "point_in_time"


def group_lines(lines: Sequence[Line]) -> list[tuple[str, list[Line]]]:
    """Group lines by the obligation they name, else by what they combine with.

    Discounts and fees that name no obligation and combine with none belong to none.
    """
    groups: dict[str, list[Line]] = {}
    home: dict[str, str] = {}
    for line in lines:
        distinct = line.terms("distinct")
        key = line.data.get("performance_obligation")
        if key is None and line.kind in ("discount", "fee") and not distinct.get("combines_with"):
            continue
        others = [home[other] for other in distinct.get("combines_with", []) if other in home]
        key = key or (others[0] if others else line.id)
        for other in others:
            if other != key and other in groups:
                groups.setdefault(key, []).extend(groups.pop(other))
        groups.setdefault(key, []).append(line)
        for member in groups[key]:
            home[member.id] = key
    for line in lines:
        _join_later(line, groups, home)
    return sorted(
        ((key, members) for key, members in groups.items()),
        key=lambda group: min(line.order for line in group[1]),
    )


def _join_later(line: Line, groups: dict[str, list[Line]], home: dict[str, str]) -> None:
    """Merge with lines named by ``combines_with`` that stand further down."""
    if line.id not in home or line.data.get("performance_obligation"):
        return
    for other in line.terms("distinct").get("combines_with", []):
        mine, theirs = home[line.id], home.get(other, home[line.id])
        if mine != theirs:
            groups[mine].extend(groups.pop(theirs))
            for member in groups[mine]:
                home[member.id] = mine
