"""Where the search draws a hyperparameter from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from analysis.records.schema import HyperparameterValue

DISTRIBUTIONS = ("loguniform", "uniform", "int", "logint", "categorical")


class Section(BaseModel):
    """A part of the study file: frozen, and nothing in it that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Distribution(Section):
    """Where the search draws a hyperparameter from.

    Written in the study file as one of `{loguniform: [low, high]}`, `{uniform: [low, high]}`, `{int: [low, high]}`,
    `{logint: [low, high]}` (bounds included) and `{categorical: [a, b, ...]}`.
    """

    kind: Literal["loguniform", "uniform", "int", "logint", "categorical"]
    low: float = 0.0
    high: float = 0.0
    choices: tuple[HyperparameterValue, ...] = ()

    @property
    def size(self) -> float:
        """Number of values; infinite for a continuous range."""
        if self.kind == "categorical":
            return len(self.choices)
        if self.kind in ("int", "logint"):
            return len(self.whole_numbers)
        return math.inf

    @property
    def whole_numbers(self) -> range:
        """All values of a range of whole numbers."""
        return range(int(self.low), int(self.high) + 1)

    @property
    def bounds(self) -> tuple[HyperparameterValue, ...]:
        """The extreme values, or all choices."""
        if self.kind == "categorical":
            return self.choices
        whole = self.kind in ("int", "logint")
        return (int(self.low), int(self.high)) if whole else (self.low, self.high)

    @property
    def examples(self) -> tuple[HyperparameterValue, ...]:
        """Values of every kind it holds: if an approach accepts these, it accepts all.

        A continuous range adds one from inside it, which is no whole number even where the bounds are.
        """
        continuous = self.kind in ("uniform", "loguniform")
        return (*self.bounds, self.low + (self.high - self.low) / math.pi) if continuous else self.bounds

    def holds(self, value: HyperparameterValue) -> bool:
        """Whether the search could draw this value."""
        if self.kind == "categorical":
            return value in self.choices
        return isinstance(value, int | float) and self.low <= value <= self.high

    @classmethod
    def parse(cls, written: object) -> Distribution | HyperparameterValue:
        """A distribution from the way it is written, or the constant itself.

        Raises:
            ValueError: it is neither; the message says what would be accepted.
        """
        if isinstance(written, bool | int | float | str):
            return written
        if not isinstance(written, Mapping) or len(written) != 1 or next(iter(written)) not in DISTRIBUTIONS:
            raise ValueError(f"{written!r} is neither a constant nor one of {', '.join(DISTRIBUTIONS)}: [...]")
        kind, values = next(iter(written.items()))
        if not isinstance(values, list | tuple) or not values:
            raise ValueError(f"{kind} needs a list, but got {values!r}")
        if kind == "categorical":
            return cls._choice(values)
        return cls._range(kind, values)

    @classmethod
    def _choice(cls, values: Sequence[Any]) -> Distribution:
        for value in values:
            if not isinstance(value, bool | int | float | str):
                raise ValueError(f"categorical needs numbers, text, true or false, but got {value!r} in {values!r}")
        # Equal choices, such as True and 1, are one configuration: the search would wait for `size` of them in vain.
        for one, other in combinations(values, 2):
            if one == other:
                raise ValueError(
                    f"categorical needs choices that differ, but got {values!r}, of which {one!r} and {other!r} are"
                    " equal; take one of them out"
                )
        return cls(kind="categorical", choices=tuple(values))

    @classmethod
    def _range(cls, kind: Any, values: Sequence[Any]) -> Distribution:
        try:
            low, high = (float(value) for value in values)
        except (TypeError, ValueError):
            raise ValueError(f"{kind} needs [low, high], two numbers, but got {values!r}") from None
        if not low <= high or not math.isfinite(high):
            raise ValueError(f"`low <= high` must hold, but got {kind}: {values!r}")
        if kind.startswith("log") and low <= 0:
            raise ValueError(f"{kind} needs low > 0, but got {values!r}")
        if kind.endswith("int") and (low != int(low) or high != int(high)):
            raise ValueError(f"{kind} needs whole numbers, but got {values!r}")
        return cls(kind=kind, low=low, high=high)

    def written(self) -> dict[str, list[Any]]:
        """As it stands in a study file."""
        return {self.kind: list(self.bounds)}


Space = dict[str, Distribution | HyperparameterValue]


def parse_hyperparameter(name: str, written: object) -> Distribution | HyperparameterValue:
    """A distribution or constant, its name before whatever is wrong with it."""
    try:
        return Distribution.parse(written)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
