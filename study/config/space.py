"""Where the search draws a hyperparameter from: a range of numbers, or a choice.

A study file says `{loguniform: [low, high]}`, `{uniform: [low, high]}`, `{int: [low, high]}` or `{logint: [low, high]}`
for the one, bounds included, and `{categorical: [a, b, ...]}` for the other. Knows no sampler.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from analysis.records.errors import cut, shown
from analysis.records.schema import HyperparameterValue

RANGES = {"loguniform": (True, False), "uniform": (False, False), "int": (False, True), "logint": (True, True)}
"""The ranges by their names in a study file: whether they are logarithmic, and of whole numbers."""
CATEGORICAL = "categorical"
LARGEST = 1e100  # of any number, and its reciprocal the smallest of a logarithm: products of two stay finite
LARGEST_WHOLE = 2**53  # beyond it the sampler's floating-point numbers leave out whole ones
MOST_CHOICES = 1000  # a choice is drawn for itself, without its neighbours: so many are never tried
LONGEST_CHOICE = 200  # characters


@dataclass(frozen=True)
class Range:
    """All numbers from low to high, both included.

    Attributes:
        low, high: the bounds.
        log: equal ratios are equally likely, not equal differences.
        whole: whole numbers only.

    Raises:
        ValueError: the bounds are in the wrong order, not finite, too large, not above 0 (`log`) or not whole
            (`whole`).
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def __post_init__(self) -> None:
        kind, given = self._kind, [self.low, self.high]
        if not (self.low <= self.high and all(map(math.isfinite, given))):
            raise ValueError(f"`low <= high` must hold for two finite numbers, but got {kind}: {given}")
        if self.log and self.low <= 0:
            raise ValueError(f"{kind} needs low > 0, but got {given}")
        if self.whole and not all(float(bound).is_integer() for bound in given):
            raise ValueError(f"{kind} needs whole numbers, but got {given}")
        largest = LARGEST_WHOLE if self.whole else LARGEST
        if max(map(abs, given)) > largest or (self.log and self.low < 1 / LARGEST):
            raise ValueError(f"{kind} needs numbers up to {largest:g}, but got {given}")

    @classmethod
    def parse(cls, kind: str, values: Sequence[Any]) -> Range:
        """A range as it is written: its name, and its bounds."""
        try:
            low, high = map(_number, values)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"{kind} needs [low, high], two numbers, but got {shown(values)}") from None
        log, whole = RANGES[kind]
        return cls(low, high, log, whole)

    def written(self) -> dict[str, list[HyperparameterValue]]:
        """As it stands in a study file."""
        return {self._kind: list(self.bounds)}

    @property
    def bounds(self) -> tuple[float, float]:
        """The extreme values; integers where only whole numbers are drawn."""
        return (int(self.low), int(self.high)) if self.whole else (self.low, self.high)

    @property
    def values(self) -> Sequence[int]:
        """All values of a range of whole numbers, in order."""
        assert self.whole, "a continuous range has too many values to list"
        return range(int(self.low), int(self.high) + 1)

    @property
    def size(self) -> float:
        """Number of values; infinite for a continuous range."""
        return len(self.values) if self.whole else math.inf

    @property
    def examples(self) -> tuple[float, ...]:
        """Values of every kind it holds: if an approach accepts these, it accepts all.

        A continuous range adds one from inside it, which is no whole number even where the bounds are.
        """
        return self.bounds if self.whole else (*self.bounds, self.low + (self.high - self.low) / math.pi)

    def holds(self, value: HyperparameterValue) -> bool:
        """Whether the search could draw this value."""
        if not isinstance(value, int | float) or not self.low <= value <= self.high:
            return False
        return not self.whole or float(value).is_integer()

    @property
    def _kind(self) -> str:
        return next(name for name, shape in RANGES.items() if shape == (self.log, self.whole))


@dataclass(frozen=True)
class Choice:
    """One of several values.

    Attributes:
        choices: finite numbers, text, true or false, no two of them equal.

    Raises:
        ValueError: a choice is none of these, or equals another, or there are too many.
    """

    choices: tuple[HyperparameterValue, ...]

    def __post_init__(self) -> None:
        given = list(self.choices)
        if len(given) > MOST_CHOICES:
            raise ValueError(f"{CATEGORICAL} takes {MOST_CHOICES:,} choices, but got {len(given):,}; take a range")
        for value in given:
            if not isinstance(value, bool | int | float | str):
                raise ValueError(
                    f"{CATEGORICAL} needs numbers, text, true or false, but got {shown(value)} in {shown(given)}"
                )
            if problem := out_of_bounds(value):
                raise ValueError(f"{CATEGORICAL} {problem}")
        # Equal choices, such as True and 1, are one configuration: the search would wait for `size` of them in vain.
        for one, other in combinations(given, 2):
            if one == other:
                raise ValueError(
                    f"{CATEGORICAL} needs choices that differ, but got {shown(given)}, of which {shown(one)} and "
                    f"{shown(other)} are equal; take one of them out"
                )

    def written(self) -> dict[str, list[HyperparameterValue]]:
        """As it stands in a study file."""
        return {CATEGORICAL: list(self.choices)}

    @property
    def bounds(self) -> tuple[HyperparameterValue, ...]:
        """All choices, since they have no order."""
        return self.choices

    @property
    def values(self) -> Sequence[HyperparameterValue]:
        """All values, in the order of the study file."""
        return self.choices

    @property
    def size(self) -> float:
        """Number of values."""
        return len(self.choices)

    @property
    def examples(self) -> tuple[HyperparameterValue, ...]:
        """Values of every kind it holds: if an approach accepts these, it accepts all."""
        return self.choices

    def holds(self, value: HyperparameterValue) -> bool:
        """Whether the search could draw this value."""
        return value in self.choices


Distribution = Range | Choice
Space = dict[str, Distribution | HyperparameterValue]
DISTRIBUTIONS = (*RANGES, CATEGORICAL)


def out_of_bounds(value: HyperparameterValue) -> str | None:
    """What is wrong with a value that no hyperparameter has; None where nothing is."""
    if isinstance(value, str):
        return f"needs texts of at most {LONGEST_CHOICE} characters" if len(value) > LONGEST_CHOICE else None
    finite = abs(value) <= LARGEST  # false of nan, too
    return None if finite else f"needs numbers up to {LARGEST:g}, but got {shown(value)}"


def space_size(varied: Mapping[str, Distribution]) -> float:
    """Number of configurations of a space; infinite where a range is continuous."""
    return math.prod(given.size for given in varied.values())


def parse_hyperparameter(name: str, written: object) -> Distribution | HyperparameterValue:
    """A distribution from the way it is written, or the constant itself.

    Raises:
        ValueError: it is neither; the message names the hyperparameter and says what would be accepted.
    """
    try:
        if not isinstance(written, bool | int | float | str):
            return _parsed(written)
        if problem := out_of_bounds(written):
            raise ValueError(problem)
    except ValueError as error:
        raise ValueError(f"{cut(name, 60)}: {error}") from error
    return written


def _parsed(written: object) -> Distribution:
    if not isinstance(written, Mapping) or len(written) != 1 or next(iter(written)) not in DISTRIBUTIONS:
        raise ValueError(f"{shown(written)} is neither a constant nor one of {', '.join(DISTRIBUTIONS)}: [...]")
    ((kind, values),) = written.items()
    if not isinstance(values, list | tuple) or not values:
        raise ValueError(f"{kind} needs a list, but got {shown(values)}")
    return Choice(tuple(values)) if kind == CATEGORICAL else Range.parse(kind, values)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(value)
    return float(value)
