"""McNemar's test of two single runs on the same images: the field's habit, kept as a secondary view.

It speaks of two trained networks, not of two approaches: another seed may turn its answer. Where there are no more than
these two, and they disagree on few images, it is also what the verdict rests on (paired.py).

Notation: N images, n of them discordant (one run alone is right), k of these right by the first run, pi the chance that
a discordant image is one of the k, psi = n / N. The difference of the accuracies is D = psi (2 pi - 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, hypot, log, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats

from analysis.statistics.wilson import wilson

# Given n discordant images, t over images errs in up to 12.5 % of samples (n = 4; mid-p: 7.7), from 25 on in up to 7.6.
FEW_DISCORDANT = 25


@dataclass(frozen=True)
class McNemar:
    """Images that only one of two runs classified correctly, with the exact and the mid-p two-sided p-value."""

    only_a: int
    only_b: int
    p_exact: float
    p_mid: float


@dataclass(frozen=True)
class PairedProportions:
    """The difference of two runs' accuracies (a minus b) with Newcombe's 1 - alpha interval."""

    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class RunPair:
    """Two single runs, one of each approach: McNemar's test, and Newcombe's interval of the difference."""

    seed_a: int | str
    seed_b: int | str
    test: McNemar
    interval: PairedProportions


def run_by_run(
    seeds_a: Sequence[int | str],
    correct_a: NDArray[np.bool_],
    seeds_b: Sequence[int | str],
    correct_b: NDArray[np.bool_],
    *,
    alpha: float = 0.05,
) -> tuple[RunPair, ...]:
    """Compare run s of one approach with run s of the other, in the order given; the rest of the longer has no partner.

    Args:
        seeds_a, seeds_b: (S_A,) and (S_B,) what the runs are called.
        correct_a, correct_b: (S_A, N) and (S_B, N) correctness on the same images.
        alpha: 1 minus the level of the intervals.
    """
    runs = zip(seeds_a, correct_a, seeds_b, correct_b, strict=False)
    return tuple(RunPair(a, b, mcnemar(x, y), newcombe_of_runs(x, y, alpha=alpha)) for a, x, b, y in runs)


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
    exact = float(stats.binomtest(k, n, 0.5).pvalue)
    seen = float(stats.binom.pmf(k, n, 0.5))
    mid = exact - (seen if only_a != only_b else seen / 2)
    return McNemar(only_a, only_b, exact, mid)


def mid_p_interval(only_a: int, only_b: int, images: int, *, alpha: float = 0.05) -> PairedProportions:
    """The interval of a difference that leaves out zero exactly where the mid-p is below alpha.

    The mid-p limits of pi, given n, and Wilson's limits of psi are joined as the limits of independent factors: on the
    scale of their logarithms where a limit of 2 pi - 1 has the sign of D, else on their own, where the product is as
    uncertain as its factors, each times the other (Zou & Donner 2008, Statistics in Medicine 27:1693). By enumeration
    (20 to 300 images, 1 to 24 of them discordant) it covers 95 to 100 %.

    Args:
        only_a, only_b: the discordant images, at least one.
        images: N.
    """
    n = only_a + only_b
    psi, z = n / images, float(stats.norm.isf(alpha / 2))
    limits = wilson(psi, images, z)
    above = 2 * _mid_p_limit(only_a, n, alpha) - 1
    below = 2 * _mid_p_limit(only_b, n, alpha) - 1
    D = (only_a - only_b) / images
    return PairedProportions(D, _product_limit(D, above, psi, limits), -_product_limit(-D, below, psi, limits))


def _mid_p_limit(k: int, n: int, alpha: float) -> float:
    """The pi at which more than k of n, and half of k, have probability alpha / 2."""

    def apart(pi: float) -> float:
        more, not_fewer = (special.betainc(j, n - j + 1, pi) if j <= n else 0.0 for j in (k + 1, k))
        return float(more + (not_fewer if k else 1.0)) / 2 - alpha / 2

    return float(optimize.brentq(apart, 0.0, 1.0, xtol=1e-13)) if k else 0.0


def _product_limit(D: float, low: float, psi: float, limits: tuple[float, float]) -> float:
    """The lower limit of D = psi delta from that of delta and both of psi."""
    delta = D / psi
    if low > 0:
        return exp(log(D) - hypot(log(delta / low), log(psi / limits[0])))
    return D - hypot(psi * (delta - low), low * (limits[1] - psi))


def newcombe(both: int, only_a: int, only_b: int, neither: int, *, alpha: float = 0.05) -> PairedProportions:
    """Newcombe's hybrid score interval for the difference of paired proportions.

    Method 10 of Newcombe 1998, Statistics in Medicine 17:2635: Wilson's limits of the two accuracies, joined with the
    continuity-corrected correlation phi of the two runs.

    Args:
        both, only_a, only_b, neither: images that both runs, one of them alone, or none classified correctly.

    Raises:
        ValueError: no images.
    """
    N = both + only_a + only_b + neither
    if N < 1:
        raise ValueError("no images; at least one is needed")
    a, b = (both + only_a) / N, (both + only_b) / N
    z = float(stats.norm.isf(alpha / 2))
    (low_a, high_a), (low_b, high_b) = (wilson(p, N, z) for p in (a, b))
    phi = _phi(both, only_a, only_b, neither)
    below = (a - low_a) ** 2 - 2 * phi * (a - low_a) * (high_b - b) + (high_b - b) ** 2
    above = (high_a - a) ** 2 - 2 * phi * (high_a - a) * (b - low_b) + (b - low_b) ** 2
    return PairedProportions(a - b, a - b - sqrt(max(0.0, below)), a - b + sqrt(max(0.0, above)))


def newcombe_of_runs(correct_a: ArrayLike, correct_b: ArrayLike, *, alpha: float = 0.05) -> PairedProportions:
    """The same from (N,) boolean correctness on the same images."""
    a, b = np.asarray(correct_a, dtype=bool), np.asarray(correct_b, dtype=bool)
    table = (int((x & y).sum()) for x, y in ((a, b), (a, ~b), (~a, b), (~a, ~b)))
    return newcombe(*table, alpha=alpha)


def _phi(both: int, only_a: int, only_b: int, neither: int) -> float:
    product = (both + only_a) * (only_b + neither) * (both + only_b) * (only_a + neither)
    if product == 0:
        return 0.0
    covariance = both * neither - only_a * only_b
    N = both + only_a + only_b + neither
    corrected = max(0.0, covariance - N / 2) if covariance > 0 else float(covariance)
    return corrected / sqrt(product)
