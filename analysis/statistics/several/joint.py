"""Are some of K approaches equally accurate? The joint test of any such hypothesis, over seeds and images.

Notation: m (K,) mean accuracies, V = C + sum of max(0, v - e) their covariance (K, K): C over the images, which all
share, v over the seeds and e the noise in it, on the diagonal alone unless seeds are matched (crossed.py). A hypothesis
is a list of disjoint blocks of approaches, each block equally accurate in itself; T, block by block I - J/n, centres a
block of n. All blocks together are tested with one ANOVA-type statistic,

    F = m'Tm / tr(TV)       on tr(TV)^2 / tr(TVTV) numerator degrees of freedom

tr(TV) being what m'Tm is on average where the hypothesis is true. F needs no inverse of V, so that it bears few seeds,
and lets every approach have a seed variance of its own. The critical value of its root weighs those of images and seeds
by Cochran and Cox's rule (reference.py). The weights are the largest eigenvalues of TCT and TvT: the tail of m'Tm, a
sum of chi-squares, is that of its largest. The seeds' degrees of freedom, likewise, are Satterthwaite's,

    f = (tr Tv)^2 / sum(tr(TvTv) / (S - 1)),      which count (sum l)^2 / sum(l^2) alike eigenvalues l of TvT,

with (sum l^2)^2 / sum(l^4) of them instead, where the smaller ones count for less. Where one approach alone varies with
its seed, at most 5.2 % of true hypotheses are rejected (3 to 6 approaches, 3 and 5 seeds, a spread of up to ten times
the images' error, normal means; as many of the benchmark's runs), with Satterthwaite's f up to 6.4 %; where all vary,
at most 4 %. With two seeds it is up to 5.9 %, but 7.1 % for several blocks of two, whose own test errs in up to 7.5 %.
Matched seeds have one v with few degrees of freedom, whose largest eigenvalue comes out too large, and need no such
care: there the weights are traces, and f is Satterthwaite's. For two approaches all of this is the square of the
paired test, whose q, v and f are then those.

References:
    Brunner, Dette & Munk 1997, JASA 92:1494. Cochran & Cox: reference.py. Box 1954, Annals of Math. Statistics 25:290.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

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

Blocks = Sequence[Sequence[int]]


@dataclass(frozen=True)
class SeedTerm:
    """One source of seed variance: v and e of crossed.py as covariances (K, K), and S - 1."""

    v: Matrix
    e: Matrix
    df: int


@dataclass(frozen=True, kw_only=True)
class Means:
    """The means of K approaches and the parts of their covariance.

    Attributes:
        m: (K,).
        images: C of the module's notation, but for a part that all approaches share.
        image_df: its degrees of freedom.
        units: images, or groups of images.
        seeds: one source for each approach of several seeds, or a single one where the seeds are matched.
    """

    m: Matrix
    images: Matrix
    image_df: float
    units: int
    seeds: tuple[SeedTerm, ...]
    matched: bool


@dataclass(frozen=True)
class Homogeneity:
    """The test of one hypothesis; `note` says what a result means where there is no variance to test with, or None."""

    f: float
    df1: float
    df2: float
    p: float
    note: str | None = None


def means(matrices: Sequence[Matrix], *, groups: ArrayLike | None, matched: bool) -> Means:
    """From correctness (S, N) of each approach, on the same images."""
    K = len(matrices)
    joint = without_copies(np.hstack(matrices)) if matched else None
    distinct = [without_copies(X) for X in matrices] if joint is None else np.split(joint, K, axis=1)
    sizes, totals = unit_totals(distinct, groups)
    per_unit = np.stack([X.mean(axis=0) for X in totals])  # (K, G)
    return Means(
        m=np.array([X.mean() for X in matrices]),
        images=image_covariance(per_unit - per_unit.mean(axis=0), sizes),
        image_df=image_df(sizes),
        units=len(sizes),
        seeds=tuple(_matched_term(totals, sizes) if matched else _own_terms(totals, sizes)),
        matched=matched,
    )


def homogeneity(means: Means, blocks: Blocks) -> Homogeneity:
    """Test that within each of the blocks, two or more indices of approaches each, all are equally accurate."""
    T = _centring(len(means.m), blocks)
    excess = sum((s.v - s.e for s in means.seeds if np.trace(T @ (s.v - s.e)) > 0), np.zeros_like(T))
    TV = T @ (means.images + excess)
    trace, between = float(np.trace(TV)), float(np.square(T @ means.m).sum())  # m'Tm, T being a projection
    rounding = 1e-14 * float(np.trace(means.images))
    if trace < max(ROUNDING**2, rounding):
        return _without_variance(between, blocks, means)
    df1, f = trace**2 / _square(TV), between / trace
    reference = _reference(means, T)
    return Homogeneity(f, df1, reference.df(0.05), reference.f_tail(f, df1))


def _centring(K: int, blocks: Blocks) -> Matrix:
    T = np.zeros((K, K))
    for block in blocks:
        T[np.ix_(block, block)] = np.eye(len(block)) - 1 / len(block)
    return T


def _reference(means: Means, T: Matrix) -> Reference:
    v = sum((s.v for s in means.seeds), np.zeros_like(T))
    squares = sum(_square(T @ s.v) / s.df for s in means.seeds)
    images, seeds = (np.linalg.eigvalsh(T @ part @ T).clip(0) for part in (means.images, v))
    largest = float(seeds[-1])
    if not squares or largest <= max(ROUNDING**2, ROUNDING * float(np.trace(v))):  # they do not differ but by rounding
        return Reference(float(images.sum() if means.matched else images[-1]), means.image_df, 0.0, means.image_df)
    f = float(np.trace(T @ v)) ** 2 / squares
    if means.matched:
        return Reference(float(images.sum()), means.image_df, float(seeds.sum()), f)
    alike = seeds / largest
    return Reference(float(images[-1]), means.image_df, largest, f * _alike(alike**2) / _alike(alike))


def _alike(parts: Matrix) -> float:
    """How many alike parts are worth as much as these: (sum)^2 / sum of squares."""
    return float(parts.sum() ** 2 / np.square(parts).sum())


def _square(M: Matrix) -> float:
    return float(np.trace(M @ M))


def _own_terms(totals: list[Matrix], sizes: Matrix) -> list[SeedTerm]:
    own = [seed_variance(X, sizes) for X in totals]
    unit = np.eye(len(own))
    return [SeedTerm(s.v * np.diag(unit[k]), s.e * np.diag(unit[k]), s.df) for k, s in enumerate(own) if s.df]


def _matched_term(totals: list[Matrix], sizes: Matrix) -> list[SeedTerm]:
    T = np.stack(totals)  # (K, S, G)
    S = T.shape[1]
    return [SeedTerm(*seed_covariance(T, sizes), S - 1)] if S > 1 else []


def _without_variance(between: float, blocks: Blocks, means: Means) -> Homogeneity:
    df1, df2 = float(sum(len(block) - 1 for block in blocks)), float(means.image_df)
    if between < ROUNDING**2:
        return Homogeneity(0.0, df1, df2, 1.0, "all approaches classify every image alike")
    pairs = sum(len(block) * (len(block) - 1) / 2 for block in blocks)
    why = "the differences are the same on every image, so p is that of sign tests of the pairs, Bonferroni-corrected"
    return Homogeneity(0.0, df1, df2, min(1.0, pairs * 2.0 ** (1 - means.units)), why)
