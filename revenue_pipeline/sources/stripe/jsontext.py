"""JSON without floats: numbers with a point become Decimal, NaN and Infinity are refused."""

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import NoReturn

# Deeper than any object of the API; keeps the recursion below Python's limit.
_DEEPEST = 100


class JsonTextError(ValueError):
    """Text that is no JSON value we accept. `line` counts from 1; None: unknown."""

    def __init__(self, reason: str, line: int | None = None, *, extra: bool = False) -> None:
        self.reason = reason
        self.line = line
        self.extra = extra  # a complete value is followed by more text
        super().__init__(reason)


def parse(text: str) -> object:
    """The value of a JSON text. Raises JsonTextError."""
    try:
        value = json.loads(
            text,
            parse_float=_decimal,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        extra = error.msg == "Extra data"
        raise JsonTextError(f"is not JSON: {error.msg}", error.lineno, extra=extra) from None
    except RecursionError:
        raise JsonTextError("is nested too deeply") from None
    except ValueError as error:  # an integer of thousands of digits
        reason = error.reason if isinstance(error, JsonTextError) else "holds a number too large"
        raise JsonTextError(reason) from None
    _check_depth(value)
    return value


def canonical(value: object) -> str:
    """One text per value: keys sorted, no blanks, ASCII only, decimals as they were written."""
    if isinstance(value, Mapping):
        parts = (f"{json.dumps(key)}:{canonical(value[key])}" for key in sorted(value))
        return "{" + ",".join(parts) + "}"
    if isinstance(value, list):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    if isinstance(value, Decimal):
        return str(value)
    return json.dumps(value)


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise JsonTextError("holds a number too large") from None


def _refuse_constant(text: str) -> NoReturn:
    raise JsonTextError(f"holds {text}, which is no JSON number")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise JsonTextError(f"names {twice[:60]!r} twice in one object")
    return found


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(_DEEPEST):
        deeper: list[object] = []
        for item in level:
            if isinstance(item, dict):
                deeper.extend(item.values())
            elif isinstance(item, list):
                deeper.extend(item)
        if not deeper:
            return
        level = deeper
    raise JsonTextError("is nested too deeply")
