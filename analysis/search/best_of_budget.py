"""How good a search is expected to be after t charged seconds, and from which budget on one approach leads another.

The search of an approach drew its trials in one order, by luck; in another order its incumbent would have risen
earlier or later. The order is therefore drawn anew many times: the mean of the best validation accuracy after t
seconds is the *expected best-of-budget curve*, its spread over the re-draws the band. Dodge et al. 2019 do this for
trials of equal cost; here each trial brings its own cost, so that after t seconds a re-draw has as many trials as it
could pay for.

Decisions:
    Orders are permutations: a re-draw is the same trials in another order, none twice. With equal costs the expected
    curve after k of n trials is sum_i a_(i) C(i-1, k-1) / C(n, k) over the sorted accuracies, which is unbiased for
    the best of k independent trials where drawing with replacement is biased downwards (Tang et al. 2020), at the price
    of more variance (Dodge et al. 2021). After the last trial all orders agree: the band tells how much the order
    matters, not how another set of trials would have done. Replicates of the search tell that.
    Trials that a sampler suggested were not exchangeable: later ones knew the results of earlier ones. The curve thus
    describes the set of trials that this search made; it rises earlier than the search itself did.
    A trial's accuracy counts from its end, when its cost has been paid in full. That is conservative: the incumbent
    curve of incumbents.py rises at the validation itself.
    A trial without an accuracy (diverged or failed) costs all the same.
    Before its first validated trial a re-draw has no accuracy, and the mean of the others would be that of the lucky:
    the expected curve begins where every re-draw has one, and never falls. Only to say who leads before that, nothing
    counts as 0.
    Each replicate of the search is one more set of trials. A re-draw reorders one of the sets, each equally often, and
    never mixes them, since each had a sampler of its own. Each set has paid for the frozen features, as in the search.

References:
    Dodge, Gururangan, Card, Schwartz & Smith 2019, Show Your Work, EMNLP. Tang, Lee, Xin, Liu, Yu & Lin 2020, Showing
    Your Work Doesn't Always Work, ACL. Dodge, Gururangan, Card, Schwartz & Smith 2021, Expected Validation Performance
    and Estimation of a Random Variable's Maximum, Findings of EMNLP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

import numpy as np
from numpy.typing import ArrayLike

from analysis.search.overtaking import Overtaking, overtakings
from analysis.search.redraws import Array, Redraws, TrialSet, redraw

REDRAWS = 1000
STEPS = 1000  # curves are computed at every thousandth of the budget


@dataclass(frozen=True, kw_only=True)
class ExpectedCurve:
    """Expected best validation accuracy of one approach against charged seconds.

    Attributes:
        seconds: the thousandths of the budget from `begins_s` on; empty where not every re-draw has an accuracy
            within the budget.
        expected: mean over the re-draws, never falling.
        low, high: pointwise 1 - alpha band of single re-draws, widened to the mean where a skew puts it outside.
        earliest_s, begins_s: when the first and the last re-draw gets an accuracy; None where not within the budget.
        trials: in all sets. validated: those with an accuracy.
        redraws: number of orders. exact: these are all orders there are, so that nothing is left to chance.
    """

    approach: str
    seconds: tuple[float, ...] = field(repr=False)
    expected: tuple[float, ...] = field(repr=False)
    low: tuple[float, ...] = field(repr=False)
    high: tuple[float, ...] = field(repr=False)
    earliest_s: float | None
    begins_s: float | None
    trials: int
    validated: int
    redraws: int
    exact: bool


@dataclass(frozen=True)
class BestOfBudget:
    """The expected curves of all approaches, and who overtakes whom in every pair of them."""

    budget_s: float
    alpha: float
    curves: tuple[ExpectedCurve, ...]
    overtakings: tuple[Overtaking, ...]


def best_of_budget(
    sets: Mapping[str, Sequence[TrialSet]],
    budget_s: float,
    *,
    rng: np.random.Generator,
    alpha: float = 0.05,
    redraws: int = REDRAWS,
) -> BestOfBudget:
    """Compute the expected curves, and for each pair the budget from which one leads the other.

    Args:
        sets: by approach, the trials of each of its searches.
        budget_s: charged seconds of one search, above 0; what a set has beyond it is ignored.
        rng: draws the orders, unless one search has so few trials that all its orders can be taken.
        alpha: 1 minus the level of bands and intervals.
        redraws: orders drawn for each approach.

    Raises:
        ValueError: a budget or a number of re-draws that is not positive.
    """
    if not (0 < budget_s < inf) or redraws < 1:
        raise ValueError(f"a budget of {budget_s} s and {redraws} re-draws; both must be positive and finite")
    grid = np.linspace(0.0, budget_s, STEPS + 1)
    children = rng.spawn(len(sets) + 1)  # so that one approach's trials do not move another's curve
    named = zip(sets.items(), children, strict=False)
    drawn = {name: redraw(searches, grid, child, redraws) for (name, searches), child in named}
    return BestOfBudget(
        budget_s,
        alpha,
        tuple(_curve(name, sets[name], found, grid, alpha) for name, found in drawn.items()),
        overtakings(drawn, grid, alpha, children[-1]),
    )


def _curve(name: str, sets: Sequence[TrialSet], drawn: Redraws, grid: Array, alpha: float) -> ExpectedCurve:
    begun = np.isfinite(drawn.best).all(axis=0)
    best = drawn.best[:, begun]
    expected = best.mean(axis=0)
    low, high = np.quantile(best, [alpha / 2, 1 - alpha / 2], axis=0, method="inverted_cdf")
    return ExpectedCurve(
        approach=name,
        seconds=_floats(grid[begun]),
        expected=_floats(expected),
        low=_floats(np.minimum(low, expected)),
        high=_floats(np.maximum(high, expected)),
        earliest_s=float(drawn.first_s.min()) if np.isfinite(drawn.best[:, -1]).any() else None,
        begins_s=float(drawn.first_s.max()) if begun.any() else None,
        trials=sum(np.size(one.cost_s) for one in sets),
        validated=sum(int(np.isfinite(one.accuracy).sum()) for one in sets),
        redraws=len(drawn.best),
        exact=drawn.exact,
    )


def _floats(values: ArrayLike) -> tuple[float, ...]:
    return tuple(float(value) for value in np.asarray(values))
