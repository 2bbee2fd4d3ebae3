"""The trials of one search in other orders: what its incumbent would have been after t charged seconds.

The decisions behind it are in best_of_budget.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import permutations
from math import factorial, inf

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from analysis.records.schema import ENDINGS

Array = NDArray[np.float64]
ROUNDING = 1e-9  # of the budget: costs are summed in another order in every re-draw


@dataclass(frozen=True, eq=False)
class TrialSet:
    """The ended trials of one search of one approach.

    Attributes:
        cost_s: (n,) charged seconds of each trial, 0 or more.
        accuracy: (n,) best validation accuracy of each trial in [0, 1]; NaN or None for one that reached none.
        start_s: charged before the first trial (frozen features paid once).

    Raises:
        ValueError: different lengths, or a value out of its range.
    """

    cost_s: ArrayLike = field(repr=False)
    accuracy: ArrayLike = field(repr=False)
    start_s: float = 0.0

    def __post_init__(self) -> None:
        cost, accuracy = (np.asarray(given, dtype=np.float64) for given in (self.cost_s, self.accuracy))
        if cost.ndim != 1 or cost.shape != accuracy.shape:
            raise ValueError(f"costs have shape {cost.shape}, accuracies {accuracy.shape}; give one of each per trial")
        for value in (*cost, self.start_s):
            if not 0 <= value < inf:
                raise ValueError(f"a cost of {value} s; costs must be finite and not negative")
        for value in accuracy[~np.isnan(accuracy)]:
            if not 0 <= value <= 1:
                raise ValueError(f"an accuracy of {value}; give values in [0, 1], or NaN for a trial without one")
        object.__setattr__(self, "cost_s", cost)
        object.__setattr__(self, "accuracy", accuracy)


def trial_sets(trials: pd.DataFrame, approach: str, *, start_s: float | Sequence[float] = 0.0) -> tuple[TrialSet, ...]:
    """One set per replicate from records.trials.trial_table: the approach's search trials that have ended.

    What a failed trial had reached is left out, as it never becomes the incumbent; one that diverged or was cut counts
    with its best validated state. `start_s` is what records.trials.feature_charges says of this approach, for all
    replicates or one after another.
    """
    ended = trials[(trials.phase == "search") & (trials.approach == approach) & trials.status.isin(ENDINGS)]
    return tuple(
        TrialSet(
            one.charged_s.astype(float),
            one.best_accuracy.astype(float).mask(one.status == "failed"),
            start_s[int(replicate)] if isinstance(start_s, Sequence) else start_s,
        )
        for replicate, one in ended.groupby("replicate")
    )


@dataclass(frozen=True)
class Redraws:
    """best: (D, T) re-draws x grid, -inf where there is none yet; first_s: (D,) end of the first validated trial.

    The re-draws of the `sets` stand one after another, equally many of each.
    """

    best: Array
    first_s: Array
    sets: int
    exact: bool


def redraw(sets: Sequence[TrialSet], grid: Array, rng: np.random.Generator, redraws: int) -> Redraws:
    """Draw orders of every set, as many of each; all there are where one search has so few trials."""
    each = -(-redraws // max(1, len(sets)))
    orders = [_orders(np.size(one.cost_s), each, rng, enumerate_all=len(sets) == 1) for one in sets]
    walked = [_walk(one, order, grid) for one, order in zip(sets, orders, strict=True)]
    if not walked:
        return Redraws(np.full((1, len(grid)), -inf), np.full(1, inf), 1, exact=True)
    best, first_s = (np.concatenate(parts) for parts in zip(*walked, strict=True))
    return Redraws(best, first_s, len(sets), exact=len(sets) == 1 and _few(np.size(sets[0].cost_s), each))


def _orders(n: int, redraws: int, rng: np.random.Generator, *, enumerate_all: bool) -> NDArray[np.intp]:
    """(D, n) orders of n trials: all there are where these are no more than the re-draws asked for."""
    if enumerate_all and _few(n, redraws):
        return np.array(list(permutations(range(n))), dtype=np.intp)
    return rng.permuted(np.tile(np.arange(n), (redraws, 1)), axis=1)


def _few(n: int, redraws: int) -> bool:
    return n <= 12 and factorial(n) <= redraws  # 13! has no business being computed


def _walk(trials: TrialSet, orders: NDArray[np.intp], grid: Array) -> tuple[Array, Array]:
    """Best accuracy so far on the grid, and the end of the first validated trial, of every order."""
    accuracy = np.where(np.isnan(trials.accuracy), -inf, trials.accuracy)[orders]  # (D, n)
    ends = trials.start_s + np.cumsum(np.asarray(trials.cost_s)[orders], axis=1)  # (D, n)
    steps = len(grid) - 1
    # The first point of the grid at which a trial has ended.
    point = np.ceil((ends / grid[-1] - ROUNDING) * steps).clip(0, steps + 1).astype(np.intp)  # (D, n)
    best = np.full((len(orders), steps + 2), -inf)  # the last column takes what is beyond the budget
    np.maximum.at(best, (np.arange(len(orders))[:, None], point), accuracy)
    first_s = np.where(accuracy > -inf, ends, inf).min(axis=1, initial=inf)
    return np.maximum.accumulate(best, axis=1)[:, :-1], first_s
