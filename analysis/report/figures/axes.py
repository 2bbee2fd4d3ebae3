"""Which hyperparameters get an axis, and of which scale: those to which the study's own search spaces give numbers.

No hyperparameter is known by name here, so that any approach has its axes, a stranger's too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

RANGES = {"loguniform": True, "uniform": False, "int": False, "logint": True}  # as the study file names them: log?
CHOICES = "categorical"
MAGNITUDE = 10  # positive choices that span more than this factor are a matter of magnitude


@dataclass(frozen=True)
class Axis:
    """The axis of one hyperparameter.

    Attributes:
        low: the least value that any approach draws, on an axis of magnitudes from what is one of magnitudes, so that
            it is positive there; other configurations may lie below it, also at 0.
        log: whether it is an axis of magnitudes: where any approach draws from magnitudes.
    """

    name: str
    low: float
    log: bool


def axes(approaches: Iterable[Mapping[str, Any]]) -> tuple[Axis, ...]:
    """The hyperparameters that any approach draws from numbers, in the order in which they appear.

    Args:
        approaches: each approach's part of the study file. Its `space` has, by hyperparameter, `{loguniform: [a, b]}`
            and the like, or `{categorical: [a, b, ...]}`; constants, and choices one of which is a word, have no axis.
    """
    found: dict[str, Axis] = {}
    for axis in (axis for approach in approaches for axis in _drawn(approach.get("space") or {})):
        found[axis.name] = _joined(found.get(axis.name, axis), axis)
    return tuple(found.values())


def numeric(value: object) -> float | None:
    """A hyperparameter's value on an axis; None for words, and for yes and no."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _joined(first: Axis, second: Axis) -> Axis:
    """The axis that two approaches share."""
    if first.log != second.log:
        return first if first.log else second
    return first if first.low <= second.low else second


def _drawn(space: Mapping[str, Any]) -> Iterator[Axis]:
    for name, written in space.items():
        ((kind, given),) = written.items() if isinstance(written, Mapping) and len(written) == 1 else [(None, ())]
        if kind not in (*RANGES, CHOICES):
            continue
        values = [value for value in map(numeric, given) if value is not None]
        if len(values) == len(given) and min(values) < max(values):
            magnitudes = 0 < MAGNITUDE * min(values) < max(values)
            yield Axis(name, min(values), magnitudes if kind == CHOICES else RANGES[kind])
