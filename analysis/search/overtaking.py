"""From which budget on one approach leads another, by their re-drawn searches (best_of_budget.py has the decisions)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from math import inf, isfinite
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analysis.search.redraws import Array, Redraws

Signs = NDArray[np.int8]
Truths = NDArray[np.bool_]
LEVEL = 1e-12  # expected accuracies closer than this differ by rounding only, where all orders were taken


@dataclass(frozen=True, kw_only=True)
class Overtaking:
    """Which of two approaches leads at the budget, and since when.

    At a budget, an approach leads another where it has the higher expected accuracy, no accuracy yet counting as 0.
    Differences below three standard errors of the re-draws (none where all orders were taken) lead nowhere.

    Attributes:
        outcome: `overtakes`: the leader was behind at some smaller budget, and passed; `ahead_throughout`: it was never
            behind, so the other never overtakes within the budget; `level`: equal at the budget, nobody leads; `none`:
            neither has an accuracy.
        a, b: the pair, the leader first.
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


def overtakings(
    drawn: Mapping[str, Redraws], grid: Array, alpha: float, rng: np.random.Generator
) -> tuple[Overtaking, ...]:
    """Say of each two approaches which leads at the end of the grid, and since when; intervals are at 1 - alpha."""
    expected = {name: _held(own) for name, own in drawn.items()}
    return tuple(
        _overtaking(a, b, drawn[a], drawn[b], _clearly_ahead(expected[a], expected[b]), grid, alpha, rng)
        for a, b in combinations(drawn, 2)
    )


def _overtaking(
    a: str, b: str, of_a: Redraws, of_b: Redraws, ahead: Signs, grid: Array, alpha: float, rng: np.random.Generator
) -> Overtaking:
    lead = ahead[ahead != 0]
    crossings = int(np.count_nonzero(np.diff(lead)))
    if not len(lead) or not ahead[-1]:
        neither = not np.isfinite([of_a.best.max(), of_b.best.max()]).any()
        outcome: Literal["none", "level"] = "none" if neither else "level"
        nobody = {"leader": None, "from_s": None, "low_s": None, "high_s": None}
        return Overtaking(a=a, b=b, outcome=outcome, **nobody, crossings=crossings)
    sign = ahead[-1]
    behind = bool((ahead == -sign).any())
    from_s = float(_leads_from(ahead[None, :] == sign, ahead[None, :] == -sign, grid)[0])
    # Pairing every order of a with one of b at random: orders of two approaches have nothing to do with each other.
    pairs = max(len(of_a.best), len(of_b.best))
    i, j = (rng.permutation(np.resize(np.arange(len(drawn.best)), pairs)) for drawn in (of_a, of_b))
    first, second = (of_a.best[i], of_b.best[j]) if sign > 0 else (of_b.best[j], of_a.best[i])  # the leader first
    times = _leads_from(first > second, second > first, grid)  # none yet (-inf) is behind whoever has one
    low, high = np.quantile(times, [alpha / 2, 1 - alpha / 2], method="inverted_cdf")  # some may be infinite
    leader, other = (a, b) if sign > 0 else (b, a)
    return Overtaking(
        a=leader,
        b=other,
        outcome="overtakes" if behind else "ahead_throughout",
        leader=leader,
        from_s=from_s,
        low_s=min(float(low), from_s),
        high_s=max(float(high), from_s) if isfinite(high) else None,
        crossings=crossings,
    )


def _held(drawn: Redraws) -> tuple[Array, Array]:
    """Expected accuracy with nothing as 0, and the squared standard error that drawing only some orders leaves."""
    held = np.maximum(drawn.best, 0.0)  # (D, T)
    within = held.reshape(drawn.sets, -1, held.shape[1]).var(axis=1).mean(axis=0)  # that between the sets is no noise
    return held.mean(axis=0), within / len(held) * (not drawn.exact)


def _clearly_ahead(a: tuple[Array, Array], b: tuple[Array, Array]) -> Signs:
    """1 where a leads by more than noise explains, -1 where b does, else 0; both as of `_held`."""
    (mean_a, noise_a), (mean_b, noise_b) = a, b
    tolerance = LEVEL + 3 * np.sqrt(noise_a + noise_b)
    return (mean_a > mean_b + tolerance).astype(np.int8) - (mean_b > mean_a + tolerance).astype(np.int8)


def _leads_from(leads: Truths, behind: Truths, grid: Array) -> Array:
    """(D,) from (D, T): when it comes ahead after having been behind for the last time; inf where it does not."""
    T = len(grid)
    after = np.where(behind.any(axis=1), T - np.argmax(behind[:, ::-1], axis=1), 0)  # (D,)
    leads = leads & (np.arange(T) >= after[:, None])
    return np.where(leads.any(axis=1), grid[np.argmax(leads, axis=1)], inf)
