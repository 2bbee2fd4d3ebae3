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
    curve of ledger.py rises at the validation itself.
    A trial without an accuracy (diverged or failed) costs all the same.
    Before its first validated trial a re-draw has no accuracy, and the mean of the others would be that of the lucky:
    the expected curve begins where every re-draw has one, and never falls. Only to say who leads before that, nothing
    counts as 0.
    Each replicate of the search is one more set of trials. A re-draw reorders one of the sets, each equally often, and
    never mixes them, since each had a sampler of its own. Each set pays for the frozen features, as one search would.

References:
    Dodge, Gururangan, Card, Schwartz & Smith 2019, Show Your Work, EMNLP. Tang, Lee, Xin, Liu, Yu & Lin 2020, Showing
    Your Work Doesn't Always Work, ACL. Dodge, Gururangan, Card, Schwartz & Smith 2021, Expected Validation Performance
    and Estimation of a Random Variable's Maximum, Findings of EMNLP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, permutations
from math import factorial, inf, isfinite
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from analysis.records.schema import ENDINGS

Array = NDArray[np.float64]
REDRAWS = 1000
STEPS = 1000  # curves are computed at every thousandth of the budget
ROUNDING = 1e-9  # of the budget: costs are summed in another order in every re-draw
LEVEL = 1e-12  # expected accuracies closer than this differ by rounding only, where all orders were taken


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


@dataclass(frozen=True)
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
class Overtaking:
    """Which of two approaches leads at the budget, and since when.

    At a budget, an approach leads another where it has the higher expected accuracy, no accuracy yet counting as 0.
    Differences below three standard errors of the re-draws (none where all orders were taken) lead nowhere.

    Attributes:
        outcome: `overtakes`: the leader was behind at some smaller budget, and passed; `ahead_throughout`: it was never
            behind, so the other never overtakes within the budget; `level`: equal at the budget, nobody leads; `none`:
            neither has an accuracy.
        leader: the one ahead at the budget; None for `level` and `none`.
        from_s: the smallest budget from which on the leader is never behind again; with several crossings, the last
            one. In steps of a thousandth of the budget, rounded up.
        low_s, high_s: where that falls in 1 - alpha of the re-draws, each pairing an order of a with one of b, widened
            to `from_s` where a skew puts it outside. None for a bound beyond the budget.
        crossings: how often the lead changes hands.
    """

    a: str
    b: str
    outcome: Literal["overtakes", "ahead_throughout", "level", "none"]
    leader: str | None
    from_s: float | None
    low_s: float | None
    high_s: float | None
    crossings: int


@dataclass(frozen=True)
class BestOfBudget:
    """The expected curves of all approaches, and who overtakes whom in every pair of them."""

    budget_s: float
    alpha: float
    curves: tuple[ExpectedCurve, ...]
    overtakings: tuple[Overtaking, ...]


def trial_sets(trials: pd.DataFrame, approach: str, *, start_s: float = 0.0) -> tuple[TrialSet, ...]:
    """One set per replicate from records.trial_table: the approach's search trials that have ended.

    What a failed trial had reached is left out, as it never becomes the incumbent; one that diverged or was cut counts
    with its best validated state. `start_s` is what records.feature_charges says of this approach.
    """
    ended = trials[(trials.phase == "search") & (trials.approach == approach) & trials.status.isin(ENDINGS)]
    return tuple(
        TrialSet(of.charged_s.astype(float), of.best_accuracy.astype(float).mask(of.status == "failed"), start_s)
        for _, of in ended.groupby("replicate")
    )


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
    drawn = {name: _redraw(of, grid, child, redraws) for (name, of), child in zip(sets.items(), children, strict=False)}
    return BestOfBudget(
        budget_s,
        alpha,
        tuple(_curve(name, sets[name], found, grid, alpha) for name, found in drawn.items()),
        tuple(_overtaking(a, b, drawn[a], drawn[b], grid, alpha, children[-1]) for a, b in combinations(drawn, 2)),
    )


@dataclass(frozen=True)
class _Redraws:
    """best: (D, T) re-draws x grid, -inf where there is none yet; first_s: (D,) end of the first validated trial.

    The re-draws of the `sets` stand one after another, equally many of each.
    """

    best: Array
    first_s: Array
    sets: int
    exact: bool


def _redraw(sets: Sequence[TrialSet], grid: Array, rng: np.random.Generator, redraws: int) -> _Redraws:
    each = -(-redraws // max(1, len(sets)))
    orders = [_orders(np.size(one.cost_s), each, rng, enumerate_all=len(sets) == 1) for one in sets]
    walked = [_walk(one, order, grid) for one, order in zip(sets, orders, strict=True)]
    if not walked:
        return _Redraws(np.full((1, len(grid)), -inf), np.full(1, inf), 1, exact=True)
    best, first_s = (np.concatenate(parts) for parts in zip(*walked, strict=True))
    return _Redraws(best, first_s, len(sets), exact=len(sets) == 1 and _few(np.size(sets[0].cost_s), each))


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


def _curve(name: str, sets: Sequence[TrialSet], drawn: _Redraws, grid: Array, alpha: float) -> ExpectedCurve:
    begun = np.isfinite(drawn.best).all(axis=0)
    best = drawn.best[:, begun]
    expected = best.mean(axis=0)
    low, high = np.quantile(best, [alpha / 2, 1 - alpha / 2], axis=0, method="inverted_cdf")
    return ExpectedCurve(
        name,
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


def _overtaking(
    a: str, b: str, of_a: _Redraws, of_b: _Redraws, grid: Array, alpha: float, rng: np.random.Generator
) -> Overtaking:
    (mean_a, noise_a), (mean_b, noise_b) = _held(of_a), _held(of_b)
    ahead = _ahead(mean_a, mean_b, LEVEL + 3 * np.sqrt(noise_a + noise_b))
    lead = ahead[ahead != 0]
    crossings = int(np.count_nonzero(np.diff(lead)))
    if not len(lead) or not ahead[-1]:
        neither = not np.isfinite([of_a.best.max(), of_b.best.max()]).any()
        return Overtaking(a, b, "none" if neither else "level", None, None, None, None, crossings)
    sign = ahead[-1]
    behind = bool((ahead == -sign).any())
    from_s = float(_leads_from(sign * ahead[None, :], grid)[0])
    # Pairing every order of a with one of b at random: orders of two approaches have nothing to do with each other.
    pairs = max(len(of_a.best), len(of_b.best))
    i, j = (rng.permutation(np.resize(np.arange(len(of.best)), pairs)) for of in (of_a, of_b))
    times = _leads_from(sign * _ahead(of_a.best[i], of_b.best[j], 0.0), grid)
    low, high = np.quantile(times, [alpha / 2, 1 - alpha / 2], method="inverted_cdf")  # some may be infinite
    return Overtaking(
        a,
        b,
        "overtakes" if behind else "ahead_throughout",
        a if sign > 0 else b,
        from_s,
        min(float(low), from_s),
        max(float(high), from_s) if isfinite(high) else None,
        crossings,
    )


def _held(drawn: _Redraws) -> tuple[Array, Array]:
    """Expected accuracy with nothing as 0, and the squared standard error that drawing only some orders leaves."""
    held = np.maximum(drawn.best, 0.0)  # (D, T)
    within = held.reshape(drawn.sets, -1, held.shape[1]).var(axis=1).mean(axis=0)  # that between the sets is no noise
    return held.mean(axis=0), within / len(held) * (not drawn.exact)


def _ahead(a: Array, b: Array, tolerance: Array | float) -> NDArray[np.int8]:
    """1 where a leads, -1 where b leads, else 0; whoever has no accuracy yet (-inf) is behind whoever has."""
    return (a > b + tolerance).astype(np.int8) - (b > a + tolerance).astype(np.int8)


def _leads_from(ahead: NDArray[np.int8], grid: Array) -> Array:
    """(D,) from (D, T): when it comes ahead after having been behind for the last time; inf where it does not."""
    T = len(grid)
    after = np.where((ahead < 0).any(axis=1), T - np.argmax(ahead[:, ::-1] < 0, axis=1), 0)  # (D,)
    leads = (ahead > 0) & (np.arange(T) >= after[:, None])
    return np.where(leads.any(axis=1), grid[np.argmax(leads, axis=1)], inf)


def _floats(values: ArrayLike) -> tuple[float, ...]:
    return tuple(float(value) for value in np.asarray(values))
