"""What something cost at several sizes, and how that grows: the slope in a plot of logarithms."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

LIKELY_SLOPE = 1.0  # where no steeper one was seen


@dataclass(frozen=True)
class Cost:
    """Wall seconds, and the most memory that the process held, in MB."""

    seconds: float
    peak_mb: float


@dataclass(frozen=True)
class Growth:
    """One quantity over the sizes at which it was measured, ascending."""

    name: str
    sizes: tuple[int, ...]
    costs: tuple[Cost, ...]

    @property
    def time_slope(self) -> float:
        """Between the last two sizes: 1 where twice as many take twice as long."""
        return _slope(self.sizes, [cost.seconds for cost in self.costs])

    @property
    def memory_slope(self) -> float:
        """The same of the memory."""
        return _slope(self.sizes, [cost.peak_mb for cost in self.costs])


@dataclass(frozen=True)
class Axis:
    """Something that grows.

    Attributes:
        name: what is counted.
        sizes: ascending.
        measure: what each quantity costs at a size, by its name.
    """

    name: str
    sizes: Sequence[int]
    measure: Callable[[int], dict[str, Cost]]


def measured(axis: Axis, allowance_s: float, told: Callable[[str], None] = print) -> tuple[list[Growth], list[int]]:
    """All quantities of an axis; and the sizes left out, as they would not have fitted into the allowance any more."""
    took_s: list[float] = []  # of each size, all told
    found: list[dict[str, Cost]] = []
    for size in axis.sizes:
        if found and sum(took_s) + _likely_s(axis.sizes[: len(found)], took_s, size) > allowance_s:
            break
        told(f"{axis.name}: {size:,}")
        began = time.monotonic()
        found.append(axis.measure(size))
        took_s.append(time.monotonic() - began)
    sizes, left_out = axis.sizes[: len(found)], axis.sizes[len(found) :]
    return [Growth(name, tuple(sizes), tuple(costs[name] for costs in found)) for name in found[0]], list(left_out)


def _likely_s(sizes: Sequence[int], took_s: Sequence[float], next_size: int) -> float:
    """What the next size will take, if it goes on as between the last two; at least in proportion."""
    slope = max(_slope(sizes, took_s), LIKELY_SLOPE) if len(sizes) > 1 else LIKELY_SLOPE
    return float(took_s[-1] * (next_size / sizes[-1]) ** slope)


def _slope(sizes: Sequence[int], values: Sequence[float]) -> float:
    if len(sizes) < 2 or min(values[-2:]) <= 0:
        return math.nan
    return math.log(values[-1] / values[-2]) / math.log(sizes[-1] / sizes[-2])
