"""In which part of the learning rates that it tried an approach did best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analysis.records.schema import HyperparameterValue

Third = Literal["low", "middle", "high"]
Params = Mapping[str, HyperparameterValue]
Array = NDArray[np.float64]
LEARNING_RATE = "lr"  # its name among the hyperparameters


@dataclass(frozen=True, kw_only=True)
class LearningRateThird:
    """The trials in one third of the learning rates that an approach tried, in equal steps of log(lr).

    Attributes:
        low, high: bounds of the third. best, median: validation accuracy of its trials; None without one.
        trials: validated ones. unvalidated: those that reached no accuracy.
    """

    name: Third
    low: float
    high: float
    trials: int
    unvalidated: int
    best: float | None
    median: float | None


def learning_rate_thirds(
    validated: Sequence[Params], accuracy: Array, unvalidated: Sequence[Params]
) -> tuple[LearningRateThird, ...]:
    """The thirds, the lowest rates first; none where no learning rate varies.

    Args:
        validated: (n,) hyperparameters of the trials with an accuracy.
        accuracy: (n,) theirs.
        unvalidated: hyperparameters of the trials that ended without one.
    """
    rates, lost_rates = (np.array([_rate(given) for given in params]) for params in (validated, unvalidated))
    known = np.concatenate([rates, lost_rates])
    known = known[np.isfinite(known)]
    if not len(known) or known.min() == known.max():
        return ()
    edges = np.geomspace(known.min(), known.max(), 4)
    # 0, 1, 2; a trial without a rate would be in the highest third, and is moved to 3, which is none.
    at, lost = (np.digitize(found, edges[1:3]) + np.isnan(found) for found in (rates, lost_rates))
    names: tuple[Third, ...] = ("low", "middle", "high")
    return tuple(
        _third(name, edges[i : i + 2], accuracy[at == i], int(np.sum(lost == i))) for i, name in enumerate(names)
    )


def _third(name: Third, edges: Array, accuracy: Array, unvalidated: int) -> LearningRateThird:
    best, median = (float(accuracy.max()), float(np.median(accuracy))) if len(accuracy) else (None, None)
    return LearningRateThird(
        name=name,
        low=float(edges[0]),
        high=float(edges[1]),
        trials=len(accuracy),
        unvalidated=unvalidated,
        best=best,
        median=median,
    )


def _rate(params: Params) -> float:
    value = params.get(LEARNING_RATE)
    return float(value) if isinstance(value, int | float) and value > 0 else np.nan
