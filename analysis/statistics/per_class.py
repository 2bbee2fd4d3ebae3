"""Accuracy class by class, differences class by class, and balanced accuracy with its uncertainty.

The classes of a photograph collection are rarely of one size: accuracy speaks of the large ones, balanced accuracy (the
mean of the classes' accuracies) of all alike, but rests on few images where a class is small.

Notation: S seeds, N images, C classes, n_c images of class c, x_i what is averaged over the seeds of image i.

Class sizes are taken as given, so the images of class c vary around that class's own mean alone, and the images' part q
of the variance of a balanced accuracy, or of a difference of two, is

    q = sum_c var_c / (C^2 n_c)      var_c = (SS_c + 2 s2) / (n_c + 1)      SS_c = sum_{i in c} (x_i - mean of c)^2
                                     s2    = mean of SS_c / (n_c - 1) over the classes with two images and more

with Satterthwaite's degrees of freedom over the classes, q^2 / sum_c (q_c^2 / max(1, n_c - 1)). A class of few images
leans on the others (two images' worth of s2, as of a prior); one of a single image, which shows no variance of its own,
has theirs. Dividing by n_c, as the linearisation of a post-stratified mean does, takes singletons for certain: on
classes of 1, 3, 3, 3, 7, 15 ... 420 images, intervals then cover 72 to 81 %. The s2 is a mean over classes, not over
images as in an analysis of variance: where small classes are recognised less often than large ones, that would be the
variance of the large ones, and true nulls are rejected in up to 13.9 % instead of 5.9 % (benchmarks/README.md).

What seeds add is as in crossed.py, and so is the reference. Where images come in groups, which may lie across classes,
the larger counts of this q and of the groups' own on the scores of `balanced`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from analysis.statistics.crossed import FEWEST_GROUPS, ROUNDING, Matrix
from analysis.statistics.paired import Alone, Difference, Estimate, accuracy, difference, mean, mean_difference
from analysis.statistics.wilson import wilson


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

    Each end of the interval is the farther of two: of Wilson's interval at the effective number of images, as that of
    an accuracy (where every image is classified correctly, at C^2 / sum(1 / n_c), which is that number when all
    classes have one accuracy), and of the t interval. Where luck brings the estimate near 1, its standard error is
    near 0, and Wilson's reaches farther down; where a singleton pulls it low, the t interval reaches farther up: with
    one run at an accuracy of 0.95 on the classes of the module, Wilson's alone covers 94.4 %, both 96.6 %.

    Args:
        correct: (S, N) seeds x images, in [0, 1].
        labels: (N,) true class indices.
        groups: (N,) the group of each image, or None where images are independent.
        alpha: 1 minus the level of the interval.
    """
    X = np.atleast_2d(np.asarray(correct, dtype=np.float64))
    found = mean(balanced(X, labels), groups=groups, alpha=alpha)
    q, q_df = _image_variance(X.mean(axis=0), labels)
    reference = found.reference
    if groups is None or q > reference.image:
        reference = replace(reference, image=q, image_df=q_df)
    se = sqrt(max(0.0, found.se**2 - found.reference.image) + reference.image)
    p, sizes = found.estimate, np.unique(labels, return_counts=True)[1]
    effective = p * (1 - p) / se**2 if se > ROUNDING else len(sizes) ** 2 / float((1 / sizes).sum())
    t = reference.quantile(alpha / 2)
    low, high = wilson(p, effective, t)
    low, high = max(0.0, min(low, p - t * se)), min(1.0, max(high, p + t * se))
    return replace(found, low=low, high=high, se=se, reference=reference, df=reference.df(alpha))


def balanced_difference(
    a: str,
    b: str,
    correct_a: ArrayLike,
    correct_b: ArrayLike,
    labels: NDArray[np.int64],
    *,
    groups: ArrayLike | None = None,
    alpha: float = 0.05,
    matched: bool = False,
) -> Difference:
    """Compare the balanced accuracies of two approaches; arguments and rules as of paired.difference.

    Args:
        labels: (N,) true class indices.
    """
    A, B = (np.atleast_2d(np.asarray(X, dtype=np.float64)) for X in (correct_a, correct_b))
    found = mean_difference(a, b, balanced(A, labels), balanced(B, labels), groups=groups, alpha=alpha, matched=matched)
    q, q_df = _image_variance(A.mean(axis=0) - B.mean(axis=0), labels)
    if groups is not None and q <= found.reference.image:
        return _clipped(found)
    reference = replace(found.reference, image=q, image_df=q_df)
    se = sqrt(max(0.0, found.se**2 - found.reference.image) + q)
    if se < ROUNDING:  # both alike on every image
        return found
    D, half = found.difference, reference.quantile(alpha / 2) * se
    return _clipped(
        replace(
            found,
            low=D - half,
            high=D + half,
            se=se,
            reference=reference,
            df=reference.df(alpha),
            p=reference.p(D / se),
            components=replace(found.components, image=q),
            note=found.note if found.se else _ALIKE_WITHIN_CLASSES,
            alone=(
                _alone(found.alone[0], A, labels, found.components.seed_a),
                _alone(found.alone[1], B, labels, found.components.seed_b),
            ),
        )
    )


_ALIKE_WITHIN_CLASSES = "the difference is the same on all images of each class; its variance is that between classes"


def balanced(X: Matrix, labels: NDArray[np.int64]) -> Matrix:
    """(S, N) scores whose mean over a row is the balanced accuracy of that seed.

    Each image's deviation from its class's mean over all seeds, times N / (C n_c), around the balanced accuracy. The
    paired difference of such scores is that of two balanced accuracies.
    """
    codes, counts, class_means = _classes(X.mean(axis=0), labels)
    weight = len(labels) / (len(counts) * counts)  # (C,)
    scores: Matrix = weight[codes] * (X - class_means[codes]) + class_means.mean()
    return scores


def _classes(x: Matrix, labels: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp], Matrix]:
    """The class of each image as 0 ... C - 1 (N,), the sizes (C,) and the means (C,) of x (N,)."""
    _, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return codes, counts, np.bincount(codes, x) / counts


def _image_variance(x: Matrix, labels: NDArray[np.int64]) -> tuple[float, float]:
    """q of the module's notation and its degrees of freedom, from the images' x (N,).

    Where nothing varies within the classes with two images and more, or there are none, s2 is the mean over classes of
    the squared distance from the balanced mean, so that a difference in a singleton alone is not taken for certain.
    """
    codes, n, means = _classes(x, labels)
    squares = np.bincount(codes, np.square(x - means[codes]))  # (C,)
    own = squares[n > 1] / (n[n > 1] - 1)
    s2 = float(own.mean()) if len(own) else 0.0
    if s2 < ROUNDING:
        s2 = float(np.square(means - means.mean()).sum()) / max(1, len(n) - 1)
    parts = (squares + 2 * s2) / ((n + 1) * n * len(n) ** 2)
    q = float(parts.sum())
    return q, q**2 / float((parts**2 / np.maximum(1, n - 1)).sum()) if q else float(len(x) - 1)


def _alone(grouped: Alone, X: Matrix, labels: NDArray[np.int64], seeds: float) -> Alone:
    """One approach by itself, its variance at least what the classes show and its seeds add."""
    q, _ = _image_variance(X.mean(axis=0), labels)
    return replace(grouped, se=max(grouped.se, sqrt(q + seeds)))


def _clipped(pair: Difference) -> Difference:
    return replace(pair, low=max(-1.0, pair.low), high=min(1.0, pair.high))


def _of_class(groups: ArrayLike | None, chosen: NDArray[np.bool_]) -> NDArray[np.generic] | None:
    return None if groups is None else np.asarray(groups)[chosen]


def _enough(part: Matrix, groups: NDArray[np.generic] | None) -> bool:
    return part.shape[1] >= 2 if groups is None else len(np.unique(groups)) >= FEWEST_GROUPS
