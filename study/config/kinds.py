"""A value is read as what it is written as: text is no number, and true is not 1.

Pydantic turns "010" into 10 and true into 1 by itself. What a model of anybody's has read is therefore compared with
what was given.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from analysis.records.errors import shown

Place = tuple[str | int, ...]
TRUTH = {"0", "off", "f", "false", "n", "no", "1", "on", "t", "true", "y", "yes"}  # which pydantic takes for a bool


def turned(given: object, read: object) -> tuple[Place, str] | None:
    """The first value that was read as another kind than it was given in, by its place, and what is wrong with it."""
    for key, one, other in _pairs(given, read):
        if found := turned(one, other):
            return (key, *found[0]), found[1]
    if isinstance(read, bool):
        wrong = (isinstance(given, str) and given.lower() in TRUTH) or _is_number(given)
        return ((), f"true or false is wanted, but got {shown(given)}") if wrong else None
    if _is_number(read) and isinstance(given, bool):
        return (), f"a number is wanted, but got {str(given).lower()}"
    if _is_number(read) and isinstance(given, str) and _looks_like_one(given):
        return (), f"a number is wanted, but got the text {shown(given)}; write it without quotes"
    return None


def _pairs(given: object, read: object) -> list[tuple[str | int, object, object]]:
    """The parts of what was given, each with what was read of it."""
    if isinstance(given, Mapping) and isinstance(read, BaseModel):
        fields = {name: getattr(read, name) for name in type(read).model_fields}
        return [(key, one, fields[key]) for key, one in given.items() if key in fields]
    if isinstance(given, Mapping) and isinstance(read, Mapping):
        return [(key, one, read[key]) for key, one in given.items() if key in read]
    if isinstance(given, list | tuple) and isinstance(read, list | tuple):
        return [(at, one, other) for at, (one, other) in enumerate(zip(given, read, strict=False))]
    return []


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _looks_like_one(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
