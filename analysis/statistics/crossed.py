"""The variance of a mean, or of a difference of means, when both the seeds and the images are random.

Notation: S seeds, N images, G groups of images (every image its own group unless groups are given), n_g images in
group g, D = mean(A) - mean(B), d_i the difference of the two image means. The variance of D is estimated by

    Var(D) = q + max(0, v_A - e_A) + max(0, v_B - e_B)      unmatched seeds
    Var(D) = q + max(0, v_D - e_D)                          matched seeds

    q   = G/(G-1) sum_g (sum_{i in g} (d_i - D))^2 / N^2      images; without groups the variance of d_i over N
    v_X = variance over seeds of the seed means of X / S      seeds, still holding seed-by-image noise
    e_X = the part of v_X that is seed-by-image noise         already in q, so it must not count twice;
                                                              without groups the residual mean square over (S N)
    v_D, e_D = the same of the matrix A - B

and D / sqrt(Var(D)) is compared with the critical values of reference.py, in which the weight of the seeds is the sum
of all v, also of those below their e. It is the crossed-random-effects analysis of multi-reader multi-case studies with
seeds as readers and images as cases.

References:
    Dorfman, Berbaum & Metz 1992, Investigative Radiology 27:723. Hillis 2007, Statistics in Medicine 26:596.
    Satterthwaite 1946, Biometrics Bulletin 2:110.
    Groups: Liang & Zeger 1986, Biometrika 73:13 (here with G/(G-1)).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.statistics.reference import Reference

Matrix = NDArray[np.float64]
ROUNDING = 1e-12  # standard errors below it are rounding, accuracies being counts over N


@dataclass(frozen=True)
class SeedVariance:
    """v and e of the module's notation, and S - 1; all zero for a single seed, whose variance cannot be seen."""

    v: float
    e: float
    df: int

    @property
    def excess(self) -> float:
        """What the seeds add to the variance of the mean."""
        return max(0.0, self.v - self.e)


def unit_totals(matrices: Sequence[Matrix], groups: ArrayLike | None) -> tuple[Matrix, list[Matrix]]:
    """Sizes (G,) of the units and, per matrix, their totals (S, G)."""
    N = matrices[0].shape[1]
    if groups is None:
        return np.ones(N), list(matrices)
    _, codes = np.unique(np.asarray(groups), return_inverse=True)
    if len(codes) != N:
        raise ValueError(f"{len(codes)} groups are given for {N} images; give one group per image")
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    if len(starts) < 2:
        raise ValueError("all images belong to one group; at least two groups are needed to estimate a variance")
    sizes = np.diff(starts, append=N).astype(np.float64)
    return sizes, [np.add.reduceat(X[:, order], starts, axis=1) for X in matrices]


def image_variance(totals: Matrix, sizes: Matrix) -> float:
    """q: variance of the mean over units, from the units' totals (G,)."""
    return float(image_covariance(totals[None], sizes)[0, 0])


def image_covariance(totals: Matrix, sizes: Matrix) -> Matrix:
    """Covariance (K, K) of K means over the same units, from the units' totals (K, G)."""
    G, N = len(sizes), sizes.sum()
    r = totals - np.outer(totals.sum(axis=1) / N, sizes)  # (K, G)
    covariance: Matrix = G / (G - 1) * (r @ r.T) / N**2
    return covariance


def seed_variance(T: Matrix, sizes: Matrix) -> SeedVariance:
    """v and e of one approach from its units' totals, (S, G)."""
    (S, G), N = T.shape, sizes.sum()
    if S == 1:
        return SeedVariance(0.0, 0.0, 0)
    means = T.sum(axis=1) / N  # (S,)
    r = T - T.mean(axis=0) - np.outer(means - means.mean(), sizes)  # (S, G) seed-by-image residuals
    e = float(G / (G - 1) * np.square(r).sum() / ((S - 1) * N**2))
    return SeedVariance(float(means.var(ddof=1)) / S, e / S, S - 1)


def standard_error(image: float, units: int, seeds: Sequence[SeedVariance]) -> tuple[float, Reference]:
    """Standard error, and what a difference over it is compared with.

    A seed component at its floor of zero adds nothing to the variance, but its v stays in the reference: that it came
    out below its noise may be luck. The seeds together have Satterthwaite's f = (sum v)^2 / sum(v^2 / (S - 1)).

    Args:
        image: q of the module's notation.
        units: images, or groups of images.
        seeds: the sources of seed variance.
    """
    variance = image + sum(s.excess for s in seeds)
    v, squares = sum(s.v for s in seeds), sum(s.v**2 / s.df for s in seeds if s.df)
    reference = Reference(image, units - 1, v, v**2 / squares if squares else units - 1)
    return (sqrt(variance) if sqrt(variance) >= ROUNDING else 0.0), reference


def without_copies(X: Matrix) -> Matrix:
    """Divide the number of copies of every distinct row by their common divisor, so that the mean stays the same.

    Seeds listed twice are no new evidence, nor are five seeds of an approach that does not depend on them.
    """
    counts: dict[bytes, int] = {}
    for row in X:
        counts[row.tobytes()] = counts.get(row.tobytes(), 0) + 1
    divisor = gcd(*counts.values())
    kept = [np.frombuffer(row) for row, count in counts.items() for _ in range(count // divisor)]
    return X if divisor == 1 else np.array(kept)
