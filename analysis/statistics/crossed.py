"""The variance of a mean, or of a difference of means, when both the seeds and the images are random.

Notation: S seeds, N images, G groups of images (every image its own group unless groups are given), n_g images in
group g, h_g = n_g / N, D = mean(A) - mean(B), d_i the difference of the two image means. The variance of D is
estimated by

    Var(D) = q + max(0, v_A - e_A) + max(0, v_B - e_B)      unmatched seeds
    Var(D) = q + max(0, v_D - e_D)                          matched seeds

    q   = sum_g w_g (sum_{i in g} (d_i - D))^2 / N^2          images; without groups the variance of d_i over N
    v_X = variance over seeds of the seed means of X / S      seeds, still holding seed-by-image noise
    e_X = the part of v_X that is seed-by-image noise         already in q, so it must not count twice;
                                                              without groups the residual mean square over (S N)
    v_D, e_D = the same of the matrix A - B

and D / sqrt(Var(D)) is compared with the critical values of reference.py, in which the weight of the seeds is the sum
of all v, also of those below their e. The model is that of multi-reader multi-case studies, with seeds as readers,
images as cases, approaches as tests: readers crossed with tests where seeds are matched, nested within tests where not.

Groups of unequal size. A large group draws D to itself, so that its own residual is too small, by 1 - h_g in the
square where images are independent: w_g = 1 / (1 - h_g) (CR2 for a mean). Below five effective groups, sum(n)^2 /
sum(n^2), one or two groups decide nearly all, and w_g = (G - 1)/G / (1 - h_g)^2 (CR3, the jackknife over groups). q has
Bell and McCaffrey's degrees of freedom tr(W C)^2 / tr(W C W C), C the covariance of the residuals if images were
independent. For groups of one size all of it is G/(G-1) and G - 1. In simulation (3 to 100 groups, the largest with 10
to 98 % of the images; correlation within groups 0 to 1) a normal mean is falsely found in 0.1 to 6.9 % of studies, with
G/(G-1) and G - 1 in up to 98.9 %, with CR2 alone in up to 19.2 %.

References:
    Dorfman, Berbaum & Metz 1992, Investigative Radiology 27:723. Obuchowski & Rockette 1995, Communications in
    Statistics: Simulation 24:285. Hillis 2007, Statistics in Medicine 26:596 (readers crossed with tests). Hillis 2014,
    Statistics in Medicine 33:330 (also nested within them).
    Satterthwaite 1946, Biometrics Bulletin 2:110.
    Groups: Bell & McCaffrey 2002, Survey Methodology 28:169 (CR2, CR3 and the degrees of freedom). Kish 1965, Survey
    Sampling, section 8.2 (the effective number: what weights that vary are worth).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.statistics.reference import Reference

Matrix = NDArray[np.float64]
FEWEST_GROUPS = 3  # two leave one degree of freedom, and an interval 6.5 times as wide as that of many
FEW_GROUPS = 5.0  # effective groups; below, little can be concluded
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
    if len(starts) < FEWEST_GROUPS:
        found = "one group" if len(starts) == 1 else f"{len(starts)} groups"
        raise ValueError(f"all images belong to {found}; at least {FEWEST_GROUPS} are needed to estimate a variance")
    sizes = np.diff(starts, append=N).astype(np.float64)
    return sizes, [np.add.reduceat(X[:, order], starts, axis=1) for X in matrices]


def image_variance(totals: Matrix, sizes: Matrix) -> float:
    """q: variance of the mean over units, from the units' totals (G,)."""
    return float(image_covariance(totals[None], sizes)[0, 0])


def image_covariance(totals: Matrix, sizes: Matrix) -> Matrix:
    """Covariance (K, K) of K means over the same units, from the units' totals (K, G)."""
    N = sizes.sum()
    r = totals - np.outer(totals.sum(axis=1) / N, sizes)  # (K, G)
    covariance: Matrix = (r * _weights(sizes)) @ r.T / N**2
    return covariance


def image_df(sizes: Matrix) -> float:
    """Bell and McCaffrey's degrees of freedom of q; one less than the units where these are of one size."""
    n, h, w = sizes, sizes / sizes.sum(), _weights(sizes)
    trace = float(np.sum(w * n * (1 - h)))
    square = float(np.sum(np.square(w * n) * (1 - 2 * h)) + np.sum(w * n * h) ** 2)
    return max(1.0, trace**2 / square)


def effective_groups(sizes: ArrayLike) -> float:
    """(sum n)^2 / sum(n^2): how many groups of one size would say as much, if the images of a group are all alike."""
    n = np.asarray(sizes, dtype=np.float64)
    return float(n.sum() ** 2 / np.square(n).sum())


def seed_variance(T: Matrix, sizes: Matrix) -> SeedVariance:
    """v and e of one approach from its units' totals, (S, G)."""
    v, e = seed_covariance(T[None], sizes)
    return SeedVariance(float(v[0, 0]), float(e[0, 0]), len(T) - 1)


def seed_covariance(T: Matrix, sizes: Matrix) -> tuple[Matrix, Matrix]:
    """v and e as covariances (K, K) over seeds that K approaches share, from their units' totals (K, S, G).

    e is made of the seed-by-image residuals, whose weights 1 / (1 - h_g), whatever the groups, keep it unbiased for
    noise of single images.
    """
    (K, S, G), N = T.shape, sizes.sum()
    if S == 1:
        return np.zeros((K, K)), np.zeros((K, K))
    means = T.sum(axis=2) / N  # (K, S)
    deviations = means - means.mean(axis=1, keepdims=True)
    r = (T - T.mean(axis=1, keepdims=True) - deviations[:, :, None] * sizes).reshape(
        K, S * G
    )  # seed-by-image residuals
    e = (r * np.tile(1 / (1 - sizes / N), S)) @ r.T / ((S - 1) * N**2)
    return deviations @ deviations.T / (S - 1) / S, e / S


def standard_error(image: float, seeds: Sequence[SeedVariance], *, image_df: float) -> tuple[float, Reference]:
    """Standard error, and what a difference over it is compared with.

    A seed component at its floor of zero adds nothing to the variance, but its v stays in the reference: that it came
    out below its noise may be luck. The seeds together have Satterthwaite's f = (sum v)^2 / sum(v^2 / (S - 1)).

    Args:
        image: q of the module's notation.
        seeds: the sources of seed variance.
        image_df: degrees of freedom of q.
    """
    variance = image + sum(s.excess for s in seeds)
    v, squares = sum(s.v for s in seeds), sum(s.v**2 / s.df for s in seeds if s.df)
    reference = Reference(image, image_df, v, v**2 / squares if squares else image_df)
    return (sqrt(variance) if sqrt(variance) >= ROUNDING else 0.0), reference


def _weights(sizes: Matrix) -> Matrix:
    """w_g of the module's notation."""
    beside: Matrix = 1 - sizes / sizes.sum()
    if effective_groups(sizes) < FEW_GROUPS:
        return (1 - 1 / len(sizes)) / np.square(beside)
    return 1 / beside


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
