"""P(A > B): the probability that a run of one approach beats a run of another, with the interval of the field.

Bouthillier et al. 2021, Accounting for Variance in Machine Learning Benchmarks, MLSys 3:747: runs with new seeds are
compared, and the percentile bootstrap over the runs gives the interval. The test images are held fixed in it, so it
speaks of these images only; with few seeds it is far too narrow (benchmarks/error_rates/habits.py). A secondary view.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

REDRAWS = 2000


@dataclass(frozen=True)
class Outperformance:
    """P(A > B), ties counted half, with its 1 - alpha interval; None in `low` and `high` with one run of each."""

    probability: float
    low: float | None
    high: float | None


def outperformance(
    accuracy_a: Sequence[float],
    accuracy_b: Sequence[float],
    *,
    rng: np.random.Generator,
    alpha: float = 0.05,
    matched: bool = False,
) -> Outperformance:
    """Estimate P(A > B) from the accuracies of single runs.

    Args:
        accuracy_a, accuracy_b: (S_A,) and (S_B,) the accuracy of each run.
        rng: draws the runs anew.
        alpha: 1 minus the level of the interval.
        matched: compare run s with run s only; otherwise every run of one with every run of the other.

    Raises:
        ValueError: no run, or different numbers of matched runs.
    """
    a, b = np.asarray(accuracy_a, dtype=np.float64), np.asarray(accuracy_b, dtype=np.float64)
    if not len(a) or not len(b) or (matched and len(a) != len(b)):
        raise ValueError(f"{len(a)} and {len(b)} runs; at least one of each is needed, and the same number if matched")
    wins = (np.sign(np.subtract.outer(a, b)) + 1) / 2  # (S_A, S_B), a tie is half a win
    if matched:
        wins = wins.diagonal()[:, None]  # (S, 1)
    estimate = float(wins.mean())
    if max(wins.shape) == 1:
        return Outperformance(estimate, None, None)
    low, high = np.quantile(_redrawn(wins, rng), [alpha / 2, 1 - alpha / 2])
    return Outperformance(estimate, min(estimate, float(low)), max(estimate, float(high)))


def _redrawn(wins: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """(REDRAWS,) the estimate with both sides' runs drawn again with replacement."""
    rows, columns = (rng.multinomial(n, np.full(n, 1 / n), size=REDRAWS) / n for n in wins.shape)
    redrawn: NDArray[np.float64] = np.einsum("ra,ab,rb->r", rows, wins, columns)
    return redrawn
