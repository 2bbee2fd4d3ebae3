"""Configurations that stand for a whole search space before anything was tried: the published one, and the median."""

from __future__ import annotations

import math
from typing import Literal

from analysis.records.schema import HyperparameterValue
from study.config.approaches import ApproachConfig
from study.config.space import Choice, Distribution, space_size

Which = Literal["published", "median"]
Params = dict[str, HyperparameterValue]


def configurations(approach: ApproachConfig) -> dict[Which, Params]:
    """The published configuration, where the study file names one, and the median one."""
    middle: Params = {name: median(given) for name, given in approach.varied.items()}
    found: dict[Which, Params] = {"median": approach.constants | middle}
    if approach.published is not None:
        found["published"] = approach.constants | approach.published
    return found


def median(given: Distribution) -> HyperparameterValue:
    """The value in the middle: of a range the median; of several numbers the (lower) middle one; else the first."""
    if isinstance(given, Choice):
        numbers = [value for value in given.choices if isinstance(value, int | float) and not isinstance(value, bool)]
        return sorted(numbers)[(len(numbers) - 1) // 2] if len(numbers) == len(given.choices) else given.choices[0]
    low, high = given.bounds
    middle = math.sqrt(low * high) if given.log else (low + high) / 2
    return round(middle) if given.whole else middle


def most_trials(approach: ApproachConfig) -> float:
    """How many configurations there are to try: of the space, and no more than `max_trials`."""
    return min(approach.max_trials, space_size(approach.varied))
