"""The tests that are usual in the field, to stand beside: how often they call two equal approaches different."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analysis.statistics.secondary.mcnemar import from_counts
from analysis.statistics.secondary.outperformance import outperformance
from analysis.statistics.several.omnibus import cochran_q, majority
from benchmarks.error_rates.cell import ALPHA

Correct = NDArray[np.bool_]


def habits(A: Correct, B: Correct, rng: np.random.Generator) -> dict[str, int]:
    """How many of the studies, A and B (studies, S, N), the usual tests would call significant."""
    only_a, only_b = (A & ~B).sum(axis=2), (B & ~A).sum(axis=2)  # (studies, S)
    return {
        "McNemar, one seed": mcnemar_rejections(only_a[:, 0], only_b[:, 0]),
        "McNemar, pooled seeds": mcnemar_rejections(only_a.sum(axis=1), only_b.sum(axis=1)),
        "paired t over seeds": paired_t_rejections(only_a - only_b),
        "P(A>B) bootstrap": outperformance_rejections(A, B, rng),
        "Cochran's Q": cochran_rejections(A, B),
    }


def mcnemar_rejections(only_a: NDArray[np.intp], only_b: NDArray[np.intp]) -> int:
    """By mid-p, from the discordant counts (studies,)."""
    return sum(from_counts(int(a), int(b)).p_mid < ALPHA for a, b in zip(only_a, only_b, strict=True))


def paired_t_rejections(apart: NDArray[np.intp]) -> int:
    """From how many images more A classified correctly, (studies, S). The same number for every seed is significant."""
    S = apart.shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        t = apart.mean(axis=1) / (apart.std(axis=1, ddof=1) / sqrt(S))
    return int((np.abs(t) > stats.t.isf(ALPHA / 2, S - 1)).sum())


def outperformance_rejections(A: Correct, B: Correct, rng: np.random.Generator) -> int:
    """By whether the interval of P(A > B), bootstrapped over seeds, leaves out 1/2."""
    runs = zip(A.mean(axis=2), B.mean(axis=2), strict=True)
    found = [outperformance(list(a), list(b), rng=rng, alpha=ALPHA) for a, b in runs]
    return sum(s.low is not None and s.high is not None and not s.low <= 0.5 <= s.high for s in found)


def cochran_rejections(A: Correct, B: Correct) -> int:
    """By Cochran's Q on what the majority of each approach's seeds says."""
    votes = (np.stack([majority(a.astype(float)), majority(b.astype(float))]) for a, b in zip(A, B, strict=True))
    return sum(cochran_q(vote)[1] < ALPHA for vote in votes)
