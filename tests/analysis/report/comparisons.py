"""Comparisons made from who was right on which image, for tests."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from analysis.predictions.outcomes import Outcomes, Runs
from analysis.report.comparison import Comparison, compare
from analysis.report.design import Design

CLASSES = ("ferry", "gondola", "barge", "tug")


def comparison(
    correct: Mapping[str, ArrayLike], design: Design | None = None, groups: np.ndarray | None = None
) -> Comparison:
    """Compare approaches of which (S, N) seeds x images says where each run was right; else it named the next class."""
    seen = {name: np.atleast_2d(np.asarray(rows, dtype=bool)) for name, rows in correct.items()}
    N = next(iter(seen.values())).shape[1]
    labels = np.arange(N) % len(CLASSES)
    runs = {
        name: Runs(tuple(range(len(X))), np.where(X, labels, (labels + 1) % len(CLASSES)).astype(np.int32), X, None)
        for name, X in seen.items()
    }
    made = Outcomes(labels, groups, runs)
    return compare(made, names=tuple(runs), classes=CLASSES, design=design or Design())


def right(count: int, images: int, *, runs: int = 3, flips: int = 0, seed: int = 0) -> np.ndarray:
    """(runs, images): the first `count` right, and in each run `flips` right ones and as many wrong ones exchanged."""
    rng = np.random.default_rng(seed)
    X = np.tile(np.arange(images) < count, (runs, 1))
    for row in X:
        for part in (np.arange(count), np.arange(count, images)):
            row[rng.choice(part, flips, replace=False)] ^= True
    return X
