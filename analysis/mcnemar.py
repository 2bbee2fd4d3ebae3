"""McNemar's test of two single runs on the same images: the field's habit, kept as a secondary view.

It speaks of two trained networks, not of two approaches: another seed may turn its answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


@dataclass(frozen=True)
class McNemar:
    """Images that only one of two runs classified correctly, with the exact and the mid-p two-sided p-value."""

    only_a: int
    only_b: int
    p_exact: float
    p_mid: float


def mcnemar(correct_a: ArrayLike, correct_b: ArrayLike) -> McNemar:
    """Compare two runs from (N,) boolean correctness on the same images.

    p_mid is the exact p less half the probability of what was seen, counted on both sides (Fagerland, Lydersen &
    Laake 2013, BMC Medical Research Methodology 13:91).
    """
    a, b = np.asarray(correct_a, dtype=bool), np.asarray(correct_b, dtype=bool)
    return from_counts(int((a & ~b).sum()), int((b & ~a).sum()))


def from_counts(only_a: int, only_b: int) -> McNemar:
    """The same from the two discordant counts; without any discordant image both p-values are 1."""
    n, k = only_a + only_b, min(only_a, only_b)
    if n == 0:
        return McNemar(0, 0, 1.0, 1.0)
    exact = min(1.0, 2 * float(stats.binom.cdf(k, n, 0.5)))
    seen = float(stats.binom.pmf(k, n, 0.5))
    mid = exact - (seen if only_a != only_b else seen / 2)
    return McNemar(only_a, only_b, exact, mid)
