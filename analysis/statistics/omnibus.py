"""Are the approaches different at all? One test of all of them together, before the pairs.

Notation: K approaches, m (K,) their mean accuracies, V (K, K) the covariance of m: over the images, which all share,
and over the seeds, on the diagonal alone unless these are matched (crossed.py); T = I - J/K the matrix that centres.

The crossed test is the ANOVA-type statistic F = m'Tm / tr(TV), referred to F with tr(TV)^2 / tr(TVTV) numerator degrees
of freedom; the critical values of its root are weighed between images and seeds as a difference's are (reference.py).
It allows every approach a seed variance of its own. For two approaches it is the square of the paired t test.

References:
    Brunner, Dette & Munk 1997, JASA 92:1494. Cochran 1950, Biometrika 37:256.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from analysis.statistics.crossed import (
    ROUNDING,
    Matrix,
    image_covariance,
    image_df,
    seed_covariance,
    seed_variance,
    unit_totals,
    without_copies,
)
from analysis.statistics.reference import Reference


@dataclass(frozen=True, kw_only=True)
class Omnibus:
    """Two tests of "all approaches are equally accurate".

    Attributes:
        f, df1, df2, p: the crossed test over seeds and images.
        q, q_df, q_p: Cochran's Q on what the majority of each approach's seeds says of each image. It takes images as
            independent and leaves the seeds out.
        note: what a result means where there is no variance to test with, or None.
    """

    f: float
    df1: float
    df2: float
    p: float
    q: float
    q_df: int
    q_p: float
    note: str | None


def omnibus(correct: Mapping[str, ArrayLike], *, groups: ArrayLike | None = None, matched: bool = False) -> Omnibus:
    """Test K approaches at once.

    Args:
        correct: by approach (S, N) seeds x images, in [0, 1]; the columns are the same images.
        groups: (N,) the group of each image, or None where images are independent.
        matched: whether row s of all approaches belongs to the same seed.

    Raises:
        ValueError: fewer than two approaches, different images, fewer than three groups, or different numbers of
            matched seeds.
    """
    matrices = [np.atleast_2d(np.asarray(X, dtype=np.float64)) for X in correct.values()]
    shapes = ", ".join(f"{name} {X.shape}" for name, X in zip(correct, matrices, strict=True))
    if len(matrices) < 2:
        raise ValueError(f"{len(matrices)} approaches; at least two are needed to be compared")
    if len({X.shape if matched else X.shape[1] for X in matrices}) > 1:
        raise ValueError(f"(seeds, images) are {shapes}; images, and matched seeds, must be the same in all")
    f, df1, df2, p, note = _crossed(matrices, groups, matched=matched)
    q, q_p = cochran_q(np.stack([majority(X) for X in matrices]))
    return Omnibus(f=f, df1=df1, df2=df2, p=p, q=q, q_df=len(matrices) - 1, q_p=q_p, note=note)


def majority(X: Matrix) -> Matrix:
    """(N,) 1 where more than half of the seeds are right, else 0; a tie counts as wrong."""
    chosen: Matrix = (X.mean(axis=0) > 0.5).astype(np.float64)
    return chosen


def cochran_q(X: Matrix) -> tuple[float, float]:
    """Cochran's Q of (K, N) zeros and ones and its p-value; (0, 1) where all approaches agree on every image."""
    K = len(X)
    L, totals = X.sum(axis=0), X.sum(axis=1)  # right answers per image (N,), per approach (K,)
    spread = float((L * (K - L)).sum())
    if spread == 0:
        return 0.0, 1.0
    q = K * (K - 1) * float(np.square(totals - totals.mean()).sum()) / spread
    return q, float(stats.chi2.sf(q, K - 1))


@dataclass(frozen=True)
class _SeedTerm:
    """One source of seed variance: v and e of crossed.py as covariances (K, K), and S - 1."""

    v: Matrix
    e: Matrix
    df: int


def _crossed(
    matrices: list[Matrix], groups: ArrayLike | None, *, matched: bool
) -> tuple[float, float, float, float, str | None]:
    K = len(matrices)
    m = np.array([X.mean() for X in matrices])
    joint = without_copies(np.hstack(matrices)) if matched else None
    distinct = [without_copies(X) for X in matrices] if joint is None else np.split(joint, K, axis=1)
    sizes, totals = unit_totals(distinct, groups)
    of_images = np.stack([X.mean(axis=0) for X in totals])  # (K, G)
    images = image_covariance(of_images - of_images.mean(axis=0), sizes)  # centred, which T would do with rounding
    T = np.eye(K) - 1 / K
    seeds = _matched_term(totals, sizes) if matched else _own_terms(totals, sizes)
    seen = [s for s in seeds if np.trace(T @ (s.v - s.e)) > 0]
    TV = T @ (images + sum((s.v - s.e for s in seen), np.zeros((K, K))))
    trace, between, units = float(np.trace(TV)), float(np.square(m - m.mean()).sum()), len(sizes)
    if trace < ROUNDING**2:
        return _without_variance(between, K, units)
    df1, f = trace**2 / _square(TV), between / trace
    v, squares = sum(float(np.trace(T @ s.v)) for s in seeds), sum(_square(T @ s.v) / s.df for s in seeds)
    df = image_df(sizes)
    reference = Reference(float(np.trace(T @ images)), df, v, v**2 / squares if squares else df)
    return f, df1, reference.df(0.05), reference.f_tail(f, df1), None


def _square(M: Matrix) -> float:
    return float(np.trace(M @ M))


def _own_terms(totals: list[Matrix], sizes: Matrix) -> list[_SeedTerm]:
    own = [seed_variance(X, sizes) for X in totals]
    unit = np.eye(len(own))
    return [_SeedTerm(s.v * np.diag(unit[k]), s.e * np.diag(unit[k]), s.df) for k, s in enumerate(own) if s.df]


def _matched_term(totals: list[Matrix], sizes: Matrix) -> list[_SeedTerm]:
    T = np.stack(totals)  # (K, S, G)
    S = T.shape[1]
    if S == 1:
        return []
    return [_SeedTerm(*seed_covariance(T, sizes), S - 1)]


def _without_variance(between: float, K: int, units: int) -> tuple[float, float, float, float, str]:
    if between < ROUNDING**2:
        return 0.0, float(K - 1), float(units - 1), 1.0, "all approaches classify every image alike"
    p = min(1.0, K * (K - 1) / 2 * 2.0 ** (1 - units))
    why = "the differences are the same on every image, so p is that of sign tests of the pairs, Bonferroni-corrected"
    return 0.0, float(K - 1), float(units - 1), p, why
