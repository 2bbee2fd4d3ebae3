"""Accuracy class by class, differences class by class, and balanced accuracy with its uncertainty.

The classes of a photograph collection are rarely of one size: accuracy speaks of the large ones, balanced accuracy (the
mean of the classes' accuracies) of all alike, but rests on few images where a class is small.

Notation: S seeds, N images, C classes, n_c images of class c.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from analysis.statistics.crossed import FEWEST_GROUPS, Matrix
from analysis.statistics.paired import Difference, Estimate, accuracy, difference, mean


@dataclass(frozen=True)
class ClassDifference:
    """The difference of two approaches on the images of one class.

    Attributes:
        p_fdr: p corrected over all classes and pairs by Benjamini & Hochberg 1995 (JRSS B 57:289): of the differences
            found with p_fdr < alpha, a share of at most alpha is expected to be false.
    """

    label: int
    difference: Difference
    p_fdr: float


def class_accuracies(
    correct: ArrayLike, labels: NDArray[np.int64], *, groups: ArrayLike | None = None, alpha: float = 0.05
) -> dict[int, Estimate | float]:
    """The accuracy of one approach on each class that occurs.

    Args:
        correct: (S, N) seeds x images, in [0, 1].
        labels: (N,) true class indices.
        groups: (N,) the group of each image, or None where images are independent.

    Returns:
        By class index; a bare number where one image, or fewer than three groups, leave no interval.
    """
    X = np.atleast_2d(np.asarray(correct, dtype=np.float64))
    found: dict[int, Estimate | float] = {}
    for c in np.unique(labels):
        part = X[:, labels == c]
        units = _of_class(groups, labels == c)
        testable = _enough(part, units)
        found[int(c)] = accuracy(part, groups=units, alpha=alpha) if testable else float(part.mean())
    return found


def class_differences(
    correct: Mapping[tuple[str, str], tuple[Matrix, Matrix]],
    labels: NDArray[np.int64],
    *,
    groups: ArrayLike | None = None,
    alpha: float = 0.05,
    matched: bool = False,
) -> tuple[ClassDifference, ...]:
    """The differences of all pairs on every class with at least two images (or three groups), corrected together.

    Args:
        correct: by pair of names, the matrices (S, N) of both.
        labels: (N,) true class indices.
    """
    found = []
    for (a, b), (A, B) in correct.items():
        for c in np.unique(labels):
            chosen = labels == c
            units = _of_class(groups, chosen)
            if _enough(A[:, chosen], units):
                pair = difference(a, b, A[:, chosen], B[:, chosen], groups=units, alpha=alpha, matched=matched)
                found.append((int(c), pair))
    if not found:
        return ()
    corrected = stats.false_discovery_control([pair.p for _, pair in found])
    return tuple(ClassDifference(label, pair, float(p)) for (label, pair), p in zip(found, corrected, strict=True))


def balanced_accuracy(
    correct: ArrayLike, labels: NDArray[np.int64], *, groups: ArrayLike | None = None, alpha: float = 0.05
) -> Estimate:
    """The mean of the accuracies of the classes that occur, with its interval over seeds and images.

    Class sizes are taken as given: the images of class c vary around that class's own accuracy, which makes the
    variance over images the sum over classes of var_c / (C^2 n_c) (the linearisation of a post-stratified mean). A
    class with one image shows no variance, so with such classes the interval is too narrow; the report says so.
    """
    X = np.atleast_2d(np.asarray(correct, dtype=np.float64))
    found = mean(balanced(X, labels), groups=groups, alpha=alpha)
    return _within_unit(found)


def balanced(X: Matrix, labels: NDArray[np.int64]) -> Matrix:
    """(S, N) scores whose mean over a row is the balanced accuracy of that seed.

    Each image's deviation from its class's mean over all seeds, times N / (C n_c), around the balanced accuracy. The
    paired difference of such scores is that of two balanced accuracies.
    """
    _, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    totals = np.zeros(len(counts))
    np.add.at(totals, codes, X.mean(axis=0))
    class_means = totals / counts  # (C,)
    weight = len(labels) / (len(counts) * counts)  # (C,)
    scores: Matrix = weight[codes] * (X - class_means[codes]) + class_means.mean()
    return scores


def _of_class(groups: ArrayLike | None, chosen: NDArray[np.bool_]) -> NDArray[np.generic] | None:
    return None if groups is None else np.asarray(groups)[chosen]


def _enough(part: Matrix, groups: NDArray[np.generic] | None) -> bool:
    return part.shape[1] >= 2 if groups is None else len(np.unique(groups)) >= FEWEST_GROUPS


def _within_unit(estimate: Estimate) -> Estimate:
    return replace(estimate, low=max(0.0, estimate.low), high=min(1.0, estimate.high))
