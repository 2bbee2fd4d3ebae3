"""Trials of a budget for tests, and what becomes of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from analysis.search.best_of_budget import BestOfBudget, best_of_budget
from analysis.search.redraws import TrialSet

# Whole seconds, so that with a budget of 1000 s every trial ends on a point of the grid.
TRIALS = st.lists(
    st.tuples(st.integers(0, 300), st.one_of(st.none(), st.integers(0, 20).map(lambda n: n / 20))),
    min_size=1,
    max_size=5,
)


def compute(
    sets: Mapping[str, TrialSet | Sequence[TrialSet]], budget: float = 1000, *, seed: int = 0, **more: Any
) -> BestOfBudget:
    """`sets`: by approach one TrialSet or several."""
    several = {name: [one] if isinstance(one, TrialSet) else list(one) for name, one in sets.items()}
    return best_of_budget(several, budget, rng=np.random.default_rng(seed), **more)


def values(of_trials: ArrayLike) -> list[float]:
    return [float(value) for value in np.asarray(of_trials)]


def set_of(trials: list[tuple[float, float | None]], start: float = 0.0) -> TrialSet:
    return TrialSet([cost for cost, _ in trials], [accuracy for _, accuracy in trials], start)
