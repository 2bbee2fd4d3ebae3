"""Seconds as a study file gives them: a number, or a duration such as `10min`, `90s`, `2h` or `1h30min`."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError, WithJsonSchema

from analysis.records.errors import shown

SHORTEST_S = 1e-3  # no clock here charges less; quotients of two durations stay finite
LONGEST_S = 1e9  # 31 years; sums over all trials of a study stay far below what a float holds
UNITS_S = {"d": 86400, "h": 3600, "min": 60, "s": 1}
_NUMBER = r"([0-9]{1,12}(?:\.[0-9]{1,12})?)"
DURATION = re.compile(r"\s*".join(["", *(rf"(?:{_NUMBER}\s*{unit})?" for unit in UNITS_S), ""]))
LONGEST_TEXT = 60  # characters


def in_seconds(written: object) -> object:
    """A duration in seconds; what is no text is left as it is.

    Raises:
        ValueError: a text that is no duration.
    """
    if not isinstance(written, str):
        return written
    found = DURATION.fullmatch(written) if len(written) <= LONGEST_TEXT else None
    if found is None or not any(found.groups()):
        raise ValueError(f"needs a number of seconds, or a duration such as 90s or 1h30min, but got {shown(written)}")
    return sum(
        float(number) * unit_s for number, unit_s in zip(found.groups(), UNITS_S.values(), strict=True) if number
    )


Seconds = Annotated[
    float,
    Field(ge=SHORTEST_S, le=LONGEST_S, allow_inf_nan=False),
    BeforeValidator(in_seconds),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": SHORTEST_S, "maximum": LONGEST_S},
                {"type": "string", "pattern": r"^\s*(?:[0-9.]+\s*(?:d|h|min|s)\s*)+$"},
            ]
        }
    ),
]
"""Seconds of a study file; it is written back as a number."""

_SECONDS = TypeAdapter[float](Seconds)


def read_seconds(written: object) -> float:
    """A number of seconds, or a duration, within the bounds of all seconds.

    Raises:
        ValueError: it is neither; the message is one line.
    """
    try:
        return _SECONDS.validate_python(written)
    except ValidationError as error:
        first = error.errors()[0]
        told = first["msg"].removeprefix("Value error, ")
        got = "" if first["type"] == "value_error" else f", but got {shown(written)}"
        raise ValueError(f"{told[0].lower()}{told[1:]}{got}") from None
