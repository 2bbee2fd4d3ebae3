"""Which hyperparameters get an axis, and of which scale: those that the study's own search spaces draw from a range.

No hyperparameter is known by name here, so that any approach has its axes, a stranger's too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

RANGES = {"loguniform": True, "uniform": False, "int": False, "logint": True}  # as the study file names them: log?


@dataclass(frozen=True)
class Axis:
    """The axis of one hyperparameter.

    Attributes:
        low: the least value that any approach draws; published configurations may lie below it, also at 0.
        log: whether the range is one of magnitudes.
    """

    name: str
    low: float
    log: bool


def axes(approaches: Iterable[Mapping[str, Any]]) -> tuple[Axis, ...]:
    """The hyperparameters that are drawn from a range by any approach, in the order in which they appear.

    Args:
        approaches: each approach's part of the study file. Its `space` has, by hyperparameter, `{loguniform: [a, b]}`
            and the like; choices and constants have no axis.
    """
    found: dict[str, Axis] = {}
    for axis in (axis for approach in approaches for axis in _ranges(approach.get("space") or {})):
        first = found.get(axis.name, axis)
        found[axis.name] = Axis(axis.name, min(first.low, axis.low), first.log or axis.log)
    return tuple(found.values())


def numeric(value: object) -> float | None:
    """A hyperparameter's value on an axis; None for words, and for yes and no."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _ranges(space: Mapping[str, Any]) -> Iterator[Axis]:
    for name, written in space.items():
        if isinstance(written, Mapping) and len(written) == 1:
            ((kind, bounds),) = written.items()
            if kind in RANGES and bounds[0] < bounds[1]:
                yield Axis(name, float(bounds[0]), RANGES[kind])
