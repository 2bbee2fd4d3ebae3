"""Are the approaches different at all? One test of all of them together, before the pairs.

The crossed test is that of joint.py for the hypothesis that all K approaches are equally accurate. Cochran's Q, beside
it, is what the field would use on single predictions.

Reference: Cochran 1950, Biometrika 37:256.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from analysis.statistics.crossed import Matrix
from analysis.statistics.several.joint import Means, homogeneity, means


@dataclass(frozen=True, kw_only=True)
class Omnibus:
    """Two tests of "all approaches are equally accurate".

    Attributes:
        f, df1, df2, p: the crossed test over seeds and images; df2 as of one F with the same critical value at 5 %.
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
    """Test K approaches at once; arguments and errors as of `checked_means`."""
    matrices = [np.atleast_2d(np.asarray(X, dtype=np.float64)) for X in correct.values()]
    found = checked_means(correct, groups=groups, matched=matched)
    crossed = homogeneity(found, [range(len(matrices))])
    q, q_p = cochran_q(np.stack([majority(X) for X in matrices]))
    return Omnibus(
        f=crossed.f,
        df1=crossed.df1,
        df2=crossed.df2,
        p=crossed.p,
        q=q,
        q_df=len(matrices) - 1,
        q_p=q_p,
        note=crossed.note,
    )


def checked_means(correct: Mapping[str, ArrayLike], *, groups: ArrayLike | None = None, matched: bool = False) -> Means:
    """The means of named approaches.

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
    return means(matrices, groups=groups, matched=matched)


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
