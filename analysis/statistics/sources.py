"""Where the uncertainty of a difference comes from: the variance table of a comparison, source by source.

Notation: R replicates (whole searches), n_r final runs of replicate r, the unit being the mean of a replicate. What the
units of an approach add to Var(D), c = max(0, v - e) of crossed.py, is made of

    search       c - min(c, w)                                        another search would have found something else
    final runs   min(c, w), w = sum_r s2 / n_r / R^2                  another seed of the same configuration

    s2 = sum_r (n_r - 1)(s2_r - e_r) / sum_r (n_r - 1), at least 0    variance over the runs of one replicate, pooled,
                                                                      less its seed-by-image noise e_r, which q holds

the nested analysis of variance, runs within searches. With one run of each replicate the two cannot be told apart.

Reference: Searle, Casella & McCulloch 1992, Variance Components, section 3.3 (nested classification).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.statistics.crossed import Matrix, seed_variance, unit_totals
from analysis.statistics.paired import Difference

Kind = Literal["images", "groups", "search", "run", "search and run"]


@dataclass(frozen=True)
class Source:
    """One line of the table.

    Attributes:
        kind: `images` or `groups` of images; `search`; `run` (the seed of a final run, within its search where there
            are several); `search and run` where each search had one run, so that the two cannot be told apart.
        approach: whose; None for the images, and where the units of both approaches are matched.
        share: of Var(D), in [0, 1]; the shares of all lines sum to 1.
        measured: how many of the kind were seen: images, groups, searches or runs; with 1, the share is 0 because
            nothing can be seen of it.
    """

    kind: Kind
    approach: str | None
    share: float
    measured: int


@dataclass(frozen=True)
class Runs:
    """The final runs of one approach.

    Attributes:
        correct: (S, N) correctness, or another score, of its single runs.
        replicates: (S,) the replicate of each run; None where the search was not repeated.
    """

    correct: Matrix
    replicates: Sequence[int] | None = None


def sources(pair: Difference, a: Runs, b: Runs, *, groups: ArrayLike | None = None) -> tuple[Source, ...]:
    """The variance table of a difference; empty where no variance could be estimated.

    Args:
        pair: the difference, of the means of the replicates where the searches were repeated.
        a, b: the single runs that it rests on, (S_A, N) and (S_B, N).
        groups: (N,) the group of each image, or None where images are independent.
    """
    if pair.se == 0:
        return ()
    found = [Source("images" if groups is None else "groups", None, pair.components.image, pair.units)]
    if pair.matched:
        both = Runs(np.asarray(a.correct, dtype=np.float64) - b.correct, a.replicates)
        found += _of_units(None, both, pair.seeds[0].excess, groups)
    else:
        for name, runs, seeds in zip((pair.a, pair.b), (a, b), pair.seeds, strict=True):
            found += _of_units(name, runs, seeds.excess, groups)
    total = sum(source.share for source in found)
    return tuple(Source(one.kind, one.approach, one.share / total, one.measured) for one in found)


def _of_units(approach: str | None, runs: Runs, added: float, groups: ArrayLike | None) -> list[Source]:
    """What the units of one approach add to Var(D), in its parts, as variances."""
    S = len(runs.correct)
    if runs.replicates is None:
        return [Source("run", approach, added, S)]
    owner = np.asarray(runs.replicates)
    R = len(np.unique(owner))
    if R == S:
        return [Source("search and run", approach, added, S)]
    within = min(added, _within(np.asarray(runs.correct, dtype=np.float64), owner, groups))
    return [Source("search", approach, added - within, R), Source("run", approach, within, S)]


def _within(X: Matrix, owner: NDArray[np.int64], groups: ArrayLike | None) -> float:
    """w of the module's notation."""
    sizes, (T,) = unit_totals([X], groups)
    members, counts = np.unique(owner, return_counts=True)
    parts = [seed_variance(T[owner == r], sizes) for r in members]
    pooled = sum(s.df * (s.v - s.e) * n for s, n in zip(parts, counts, strict=True)) / sum(s.df for s in parts)
    return float(max(0.0, pooled) * np.sum(1 / counts) / len(members) ** 2)
