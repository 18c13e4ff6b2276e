"""Options used: the price deferred for them goes to what was bought (IFRS 15.B39-B43)."""

from collections.abc import Sequence

from tests.oracle.allocation import standalone
from tests.oracle.events import Event
from tests.oracle.money import ZERO, shares
from tests.oracle.segments import restart, stop
from tests.oracle.signing import add_obligations, fixed_price, read_lines
from tests.oracle.state import State
from tests.oracle.terms import Line
from tests.oracle.units import Unit


def exercise(state: State, event: Event) -> None:
    """An option used: its deferred price is added to the goods bought (IFRS 15.B40, B41)."""
    data, on = event.data, event.occurred_on
    found = state.find_line(data["line_id"])
    if found is None:
        return
    unit, option, line = found
    lines = read_lines(state, state.contracts[data["contract_id"]], data["add_lines"], on)
    if line.is_practical_option:
        for item in lines:  # the price expects this renewal already; its lines carry the billing
            item.removed = True
        option.lines.extend(lines)
        return

    def change() -> None:
        line.removed = True
        if any(item.data.get("performance_obligation") == option.key for item in lines):
            restart(state, option, on)
            add_obligations(state, unit, lines, on)
            _add_own(unit, lines)
            return
        left = stop(state, unit, option, on) if not option.live_lines else ZERO
        add_obligations(state, unit, lines, on, join=False)
        _add_own(unit, lines)
        bought = [item for item in unit.obligations if item.lines[0] in lines]
        weights = [sum((standalone(part) for part in item.lines), ZERO) for item in bought]
        parts = shares(left, weights, state.convention.unit)
        for obligation, part in zip(bought, parts, strict=True):
            obligation.own += part

    state.catch_up(on, event.id, list(unit.obligations), change)


def _add_own(unit: Unit, lines: Sequence[Line]) -> None:
    """Give obligations the price of lines bought later; the pool stays as it is."""
    for obligation in unit.obligations:
        obligation.own += fixed_price([item for item in obligation.lines if item in lines])
