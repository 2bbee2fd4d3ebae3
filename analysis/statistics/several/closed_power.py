"""How often the closed test of several approaches finds one pair, as the level of a single test that finds it as often.

One approach is better by some difference than all others, which are equally accurate: that is the configuration. Its
pair with any other is found where the tests of all partitions with both in one block reject (closed_testing.py). By
Monte Carlo integration over the means and over the estimates of their variances (quasi-random points, always the same):

    of every point, the smallest difference from which on all partitions are rejected
    lambda = the quantile `power` of these, over sqrt(Var(D))
    level  = the alpha' at which t'(alpha'/2) + t'(1 - power) = lambda

For a single pair and no seed variance alpha' is alpha itself (Bloom 1995). With seeds it is lower also for a pair
alone: the fewer seeds, the more the critical value varies from study to study. The means are normal; the better
approach and one other vary as those of the pair do, the rest as the mean of these two.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import exp, inf, log, sqrt

import numpy as np
from scipy import ndimage, optimize, special
from scipy.stats import qmc

from analysis.statistics.crossed import Matrix, SeedVariance, standard_error
from analysis.statistics.reference import Reference
from analysis.statistics.several.closed_testing import MOST_APPROACHES, partitions

POINTS = 512
STEPS = 6
MOST_MATCHED = 32  # degrees of freedom of matched seeds; more make little difference
SMALLEST_LEVEL = 1e-9
DEGREES = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 64.0, 1e6)  # to which others are rounded


@dataclass(frozen=True)
class PairVariance:
    """What the variance of a difference is made of: q and its degrees of freedom, and its seed terms (crossed.py)."""

    image: float
    image_df: float
    seeds: tuple[SeedVariance, ...]

    @property
    def se(self) -> float:
        return standard_error(self.image, self.seeds, image_df=self.image_df)[0]

    @property
    def reference(self) -> Reference:
        return standard_error(self.image, self.seeds, image_df=self.image_df)[1]


def effective_level(pair: PairVariance, *, approaches: int, alpha: float, power: float) -> float:
    """alpha' of the module, at most alpha.

    Args:
        pair: rounded, so that alike pairs share one integration; a single seed term means that seeds are matched.
        approaches: that are compared, two or more.
        alpha: level of the closed test.
        power: chance to find the difference.
    """
    seeds = sorted((s for s in pair.seeds if s.v > 0), key=lambda s: -s.v)
    if not seeds and approaches == 2:
        return alpha
    if approaches > MOST_APPROACHES:  # Shaffer's second step, the first being passed by another pair
        alone = effective_level(pair, approaches=2, alpha=alpha, power=power)
        return alone / ((approaches - 1) * (approaches - 2) / 2)
    v = sum(s.v for s in seeds)
    shape = _Shape(
        share=round(v / (pair.image + v), 1) if v else 0.0,
        excess=round(4 * sum(s.excess for s in seeds) / v) / 4 if v else 0.0,
        larger=round(seeds[0].v / v, 1) if len(seeds) > 1 else 1.0,
        image_df=_rounded(pair.image_df),
        seeds_df=tuple(_rounded(s.df) for s in seeds),
        matched=len(pair.seeds) == 1,
    )
    return _level(approaches, shape, alpha, power)


@dataclass(frozen=True, kw_only=True)
class _Shape:
    """A pair's variances, q + v being 1: v; how much of it noise does not explain; its part of the larger term."""

    share: float
    excess: float
    larger: float
    image_df: float
    seeds_df: tuple[float, ...]
    matched: bool

    @property
    def v(self) -> tuple[float, float]:
        return self.share * self.larger, self.share * (1 - self.larger)


def _rounded(df: float) -> float:
    return min(DEGREES, key=lambda one: abs(log(one / df)))


@lru_cache(maxsize=1024)
def _level(K: int, shape: _Shape, alpha: float, power: float) -> float:
    draws, critical = _Draws(K, shape), _Critical(K, alpha)
    least = np.full(POINTS, -inf)
    for partition in partitions(K):
        if any({0, 1} <= set(block) for block in partition):
            least = np.maximum(least, draws.least_rejected(partition, critical))
    wanted = float(np.quantile(least, power)) / sqrt(1 - shape.share + shape.share * shape.excess)
    squares = sum(v**2 / df for v, df in zip(shape.v, shape.seeds_df, strict=False))
    f = shape.share**2 / squares if squares else shape.image_df
    reference = Reference(1 - shape.share, shape.image_df, shape.share, f)
    beyond = reference.quantile(1 - power)

    def apart(logarithm: float) -> float:
        return reference.quantile(exp(logarithm) / 2) + beyond - wanted

    low, high = log(SMALLEST_LEVEL), log(alpha)
    if apart(high) >= 0:
        return alpha
    return SMALLEST_LEVEL if apart(low) <= 0 else exp(optimize.brentq(apart, low, high))


class _Critical:
    """Roots of critical values of F(df1, df2) for many degrees of freedom at once, by interpolation."""

    def __init__(self, K: int, alpha: float) -> None:
        self._df1 = np.linspace(1.0, max(2.0, K - 1.0), 9)
        self._inverse = np.linspace(0.0, 2.0, 81)
        df2 = 1 / np.maximum(self._inverse, 1e-6)
        self._table = np.log(special.fdtri(self._df1[:, None], df2, 1 - alpha)) / 2

    def __call__(self, df1: Matrix, df2: Matrix) -> Matrix:
        row = (df1 - 1) / (self._df1[1] - 1)
        column = np.minimum(1 / df2, 2.0) / self._inverse[1]
        found: Matrix = np.exp(ndimage.map_coordinates(self._table, [row, column], order=1, mode="nearest"))
        return found


class _Draws:
    """Means (P, K) and estimated variances of P studies in which all K approaches are equally accurate, q + v = 1."""

    def __init__(self, K: int, shape: _Shape) -> None:
        df = max(shape.seeds_df, default=1.0)
        runs = int(min(MOST_MATCHED, df)) if shape.matched else 1
        points = qmc.Sobol(K + K * runs + 1, rng=0).random(POINTS)  # (P, dimensions)
        q, v = (1 - shape.share) / 2, self._of_each(K, shape)
        self._e = v * (1 - shape.excess)
        self._df = np.full(K, df)
        self._df[1] = shape.seeds_df[1] if len(shape.seeds_df) > 1 else df
        self._q = q * _chi_square(points[:, -1:], shape.image_df)  # (P, 1)
        self._image_df, self._matched, self._runs = shape.image_df, shape.matched, runs
        self.m = special.ndtri(points[:, :K]) * np.sqrt(q + v - self._e)
        if shape.matched:
            deviations = special.ndtri(points[:, K:-1]).reshape(POINTS, runs, K) * np.sqrt(v)
            self._v = np.einsum("psk,psl->pkl", deviations, deviations) / runs  # (P, K, K)
        else:
            self._v = v * _chi_square(points[:, K:-1], self._df)  # (P, K)

    @staticmethod
    def _of_each(K: int, shape: _Shape) -> Matrix:
        """v of each approach: the pair's own, and their mean for all others."""
        own = (shape.share / 2,) * 2 if shape.matched else shape.v
        return np.array([*own, *[shape.share / 2] * (K - 2)])

    def least_rejected(self, partition: tuple[tuple[int, ...], ...], critical: _Critical) -> Matrix:
        """(P,) by how much approach 0 must be better so that the hypothesis is rejected."""
        K = self.m.shape[1]
        T = np.zeros((K, K))
        for block in partition:
            T[np.ix_(block, block)] = np.eye(len(block)) - 1 / len(block)
        trace, bound = self._trace_and_bound(T, critical)
        a, b, c = np.square(self.m @ T).sum(axis=1) - bound**2 * trace, (self.m @ T)[:, 0], T[0, 0]
        inside = b**2 - a * c  # of the root; negative where any difference is rejected
        found: Matrix = np.where(inside < 0, -inf, (np.sqrt(np.maximum(inside, 0)) - b) / c)
        return found

    def _trace_and_bound(self, T: Matrix, critical: _Critical) -> tuple[Matrix, Matrix]:
        """tr(TV), and the critical value of the root of F."""
        rank = float(np.trace(T))
        q = self._q[:, 0]
        if self._matched:
            Tv = T @ self._v
            v, square = np.einsum("pkk->p", Tv), np.einsum("pkl,plk->p", Tv, Tv)
            excess = np.maximum(0.0, v - self._e[0] * rank)
            TV = q[:, None, None] * T + (Tv - self._e[0] * T) * (excess > 0)[:, None, None]
            trace, squares = q * rank + excess, np.einsum("pkl,plk->p", TV, TV)
            weights, f = (q * rank, v), self._runs * v**2 / np.maximum(square, 1e-300)
        else:
            own, d = self._q + np.maximum(0.0, self._v - self._e), np.diag(T)
            trace, squares = own @ d, np.einsum("pk,kl,pl->p", own, T**2, own)
            v = self._v @ d
            weights = (q, self._largest(T))
            f = self._alike(T) * v**2 / np.maximum((np.square(self._v) / self._df) @ d**2, 1e-300)
        df1 = np.clip(trace**2 / np.maximum(squares, 1e-300), 1.0, None)
        seeds = critical(df1, np.maximum(f, 0.5))
        images = critical(df1, np.full(POINTS, self._image_df))
        return trace, (weights[0] * images + weights[1] * seeds) / np.maximum(weights[0] + weights[1], 1e-300)

    def _alike(self, T: Matrix) -> Matrix:
        """By what Satterthwaite's f is multiplied in joint.py; sums of powers of eigenvalues are traces."""
        Tv = T * (self._v / np.maximum(self._v.max(axis=1, keepdims=True), 1e-300))[:, None, :]
        twice = Tv @ Tv
        first, second = np.einsum("pkk->p", Tv), np.einsum("pkk->p", twice)
        fourth = np.einsum("pkl,plk->p", twice, twice)
        found: Matrix = second**3 / np.maximum(fourth * first**2, 1e-300)
        return found

    def _largest(self, T: Matrix) -> Matrix:
        """The largest eigenvalue of T v T, by the power method; starting near, it needs few steps."""
        x = (np.square(self._v) + 1e-9 * np.arange(len(T))) @ T
        for _ in range(STEPS):
            x = (self._v * x) @ T
            x /= np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-300)
        found: Matrix = np.einsum("pk,pk->p", self._v * x, x)
        return found


def _chi_square(points: Matrix, df: float | Matrix) -> Matrix:
    """Chi-squares over their degrees of freedom."""
    found: Matrix = 2 * special.gammaincinv(df / 2, points) / df
    return found
