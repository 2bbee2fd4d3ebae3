"""Accuracies and their paired differences when both the seeds and the images are random.

Every function takes a correctness matrix X of shape (S, N), seeds x images, with values in [0, 1]: 1 where the run with
that seed classified that image correctly (fractions where a row is itself a mean over runs). Rows of two approaches
need not correspond; columns must be the same images.

Notation: S seeds, N images, G groups of images (every image its own group unless groups are given), n_g images in
group g, D = mean(A) - mean(B), d_i the difference of the two image means. The variance of D is estimated by

    Var(D) = q + max(0, v_A - e_A) + max(0, v_B - e_B)

    q   = G/(G-1) sum_g (sum_{i in g} (d_i - D))^2 / N^2      images; without groups the variance of d_i over N
    v_X = variance over seeds of the seed means of X / S      seeds, still holding seed-by-image noise
    e_X = the part of v_X that is seed-by-image noise         already in q, so it must not count twice;
                                                              without groups the residual mean square over (S N)

and D / sqrt(Var(D)) is referred to t with Satterthwaite's degrees of freedom. It is the crossed-random-effects analysis
of multi-reader multi-case studies with seeds as readers and images as cases, each approach with seeds of its own.

References:
    Dorfman, Berbaum & Metz 1992, Investigative Radiology 27:723. Hillis 2007, Statistics in Medicine 26:596.
    Satterthwaite 1946, Biometrics Bulletin 2:110. Groups: Liang & Zeger 1986, Biometrika 73:13 (here with G/(G-1)).
    Wilson 1927, JASA 22:209.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Matrix = NDArray[np.float64]
ROUNDING = 1e-12  # standard errors below it are rounding, accuracies being counts over N


@dataclass(frozen=True)
class AccuracyEstimate:
    """Accuracy of one approach with its interval, all in [0, 1].

    Attributes:
        low, high: the 1 - alpha interval over seeds and images.
        se, df: standard error and degrees of freedom.
        per_seed: accuracy of each seed.
        note: what the interval leaves out, or None.
    """

    estimate: float
    low: float
    high: float
    se: float
    df: float
    per_seed: tuple[float, ...]
    note: str | None


@dataclass(frozen=True)
class Components:
    """What each source adds to the variance of a difference; they sum to `se` squared."""

    image: float
    seed_a: float
    seed_b: float


@dataclass(frozen=True)
class Difference:
    """Accuracy of `a` minus accuracy of `b`, in [-1, 1], with its 1 - alpha interval and two-sided test of zero.

    Attributes:
        df: Satterthwaite's degrees of freedom.
        note: what the test leaves out or falls back to, or None.
    """

    a: str
    b: str
    difference: float
    low: float
    high: float
    se: float
    df: float
    p: float
    components: Components
    note: str | None


def accuracy(correct: ArrayLike, *, groups: ArrayLike | None = None, alpha: float = 0.05) -> AccuracyEstimate:
    """Estimate the accuracy of one approach.

    The interval is Wilson's at the effective number of images p (1 - p) / se^2 with a t quantile, so that it
    stays in [0, 1] and keeps its width when every image is classified correctly.

    Args:
        correct: (S, N) seeds x images, in [0, 1].
        groups: (N,) the group of each image, or None where images are independent.
        alpha: 1 minus the level of the interval.

    Raises:
        ValueError: values outside [0, 1], fewer than two images, or fewer than two groups.
    """
    X = _checked(correct, "the matrix")
    per_seed = tuple(float(mean) for mean in X.mean(axis=1))
    sizes, (T,) = _unit_totals([_without_copies(X)], groups)
    seeds = _seed_variance(T, sizes)
    image, units = _image_variance(T.mean(axis=0), sizes), len(sizes)
    se, df = _standard_error(image, units, [seeds])
    estimate = float(X.mean())
    low, high = _wilson(estimate, estimate * (1 - estimate) / se**2 if se else units, df, alpha)
    return AccuracyEstimate(estimate, low, high, se, df, per_seed, _one_seed_note([("", X)]))


def difference(
    a: str, b: str, correct_a: ArrayLike, correct_b: ArrayLike, *, groups: ArrayLike | None = None, alpha: float = 0.05
) -> Difference:
    """Compare the accuracies of two approaches on the same images.

    With one seed of both it is the paired t test over images. Where every seed is there in the same number of exact
    copies, the copies count once. Where the difference is the same on every image there is no variance to estimate: a
    difference of zero has p = 1, any other the p of a sign test over the images (or groups).

    Args:
        a, b: names of the approaches.
        correct_a, correct_b: (S_A, N) and (S_B, N), in [0, 1], columns being the same images.
        groups: (N,) the group of each image, or None where images are independent.
        alpha: 1 minus the level of the interval.

    Raises:
        ValueError: values outside [0, 1], different images, fewer than two images, or fewer than two groups.
    """
    A, B = _checked(correct_a, a), _checked(correct_b, b)
    if A.shape[1] != B.shape[1]:
        raise ValueError(f"{a} has {A.shape[1]} images and {b} has {B.shape[1]}; give both the same images")
    sizes, (TA, TB) = _unit_totals([_without_copies(A), _without_copies(B)], groups)
    seeds_a, seeds_b = _seed_variance(TA, sizes), _seed_variance(TB, sizes)
    image = _image_variance(TA.mean(axis=0) - TB.mean(axis=0), sizes)
    se, df = _standard_error(image, len(sizes), [seeds_a, seeds_b])
    D = float(A.mean() - B.mean())
    note = _one_seed_note([(a, A), (b, B)])
    if se == 0:
        D, p, note = _without_variance(D, len(sizes), note)
    else:
        p = float(2 * stats.t.sf(abs(D) / se, df))
    half = float(stats.t.isf(alpha / 2, df)) * se
    components = Components(image, seeds_a.excess, seeds_b.excess)
    return Difference(a, b, D, max(-1.0, D - half), min(1.0, D + half), se, df, p, components, note)


@dataclass(frozen=True)
class _SeedVariance:
    """v, e and S - 1 of the module's notation; all zero for a single seed, whose variance cannot be seen."""

    v: float
    e: float
    df: int

    @property
    def excess(self) -> float:
        return max(0.0, self.v - self.e)


def _checked(correct: ArrayLike, name: str) -> Matrix:
    X = np.atleast_2d(np.asarray(correct, dtype=np.float64))
    if X.ndim != 2 or X.shape[0] < 1 or X.shape[1] < 2:
        raise ValueError(f"{name} has shape {X.shape}; give (seeds, images) with at least two images")
    if not (X.min() >= 0 and X.max() <= 1):  # false for NaN as well
        raise ValueError(f"{name} has values from {X.min()} to {X.max()}; correctness must lie in [0, 1]")
    return X


def _without_copies(X: Matrix) -> Matrix:
    """Divide the number of copies of every distinct row by their common divisor, so that the mean stays the same.

    Seeds listed twice are no new evidence, nor are five seeds of an approach that does not depend on them.
    """
    counts: dict[bytes, int] = {}
    for row in X:
        counts[row.tobytes()] = counts.get(row.tobytes(), 0) + 1
    divisor = gcd(*counts.values())
    kept = [np.frombuffer(row) for row, count in counts.items() for _ in range(count // divisor)]
    return X if divisor == 1 else np.array(kept)


def _unit_totals(matrices: Sequence[Matrix], groups: ArrayLike | None) -> tuple[Matrix, list[Matrix]]:
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


def _image_variance(totals: Matrix, sizes: Matrix) -> float:
    """q: variance of the mean over units, from the units' totals (G,)."""
    G, N = len(sizes), sizes.sum()
    r = totals - sizes * totals.sum() / N
    return float(G / (G - 1) * (r @ r) / N**2)


def _seed_variance(T: Matrix, sizes: Matrix) -> _SeedVariance:
    """v and e of one approach from its units' totals, (S, G)."""
    (S, G), N = T.shape, sizes.sum()
    if S == 1:
        return _SeedVariance(0.0, 0.0, 0)
    means = T.sum(axis=1) / N  # (S,)
    r = T - T.mean(axis=0) - np.outer(means - means.mean(), sizes)  # (S, G) seed-by-image residuals
    e = G / (G - 1) * float(np.square(r).sum()) / ((S - 1) * N**2)
    return _SeedVariance(float(means.var(ddof=1)) / S, e / S, S - 1)


def _standard_error(image: float, units: int, seeds: Sequence[_SeedVariance]) -> tuple[float, float]:
    """Standard error and Satterthwaite's degrees of freedom; a component at its floor of zero has no part in either.

    The denominator takes v and e rather than their difference: in simulation that keeps a nominal 5 % near 5 % when
    three seeds vary on one side only, where the difference lets 9 % through.
    """
    seen = [s for s in seeds if s.excess > 0]
    variance = image + sum(s.excess for s in seen)
    if sqrt(variance) < ROUNDING:
        return 0.0, float(units - 1)
    spread = image**2 / (units - 1)
    spread += sum(s.v**2 / s.df + s.e**2 / (s.df * (units - 1)) for s in seen)
    return sqrt(variance), max(1.0, variance**2 / spread)


def _wilson(p: float, n: float, df: float, alpha: float) -> tuple[float, float]:
    t2 = float(stats.t.isf(alpha / 2, df)) ** 2
    centre = (p + t2 / (2 * n)) / (1 + t2 / n)
    half = sqrt(t2 * (p * (1 - p) / n + t2 / (4 * n**2))) / (1 + t2 / n)
    return max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half))


def _without_variance(D: float, units: int, note: str | None) -> tuple[float, float, str]:
    if abs(D) < ROUNDING:
        same = "both classify every image alike"
        return 0.0, 1.0, f"{same}; {note}" if note else same
    constant = f"the difference is the same on all {units} units, so p is that of a sign test and there is no interval"
    return D, min(1.0, 2.0 ** (1 - units)), f"{constant}; {note}" if note else constant


def _one_seed_note(named: Sequence[tuple[str, Matrix]]) -> str | None:
    single = [name for name, X in named if len(X) == 1]
    if not single:
        return None
    whose = f" of {' and '.join(single)}" if any(single) else ""
    return f"one seed{whose}: how much another seed would change the result is left out"
