import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score
from statsmodels.stats.multitest import multipletests

from analysis.statistics.paired import Estimate, accuracy, difference, mean_difference
from analysis.statistics.per_class import (
    balanced,
    balanced_accuracy,
    balanced_difference,
    class_accuracies,
    class_differences,
)

LABELS = np.repeat([0, 1, 2], [60, 25, 15])


def runs(seed: int, level: tuple[float, ...] = (0.9, 0.7, 0.5), seeds: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.random((seeds, len(LABELS))) < np.take(level, LABELS)).astype(float)


def test_balanced_accuracy_agrees_with_scikit_learn():
    X = runs(0)
    predicted = [np.where(row == 1, LABELS, (LABELS + 1) % 3) for row in X]
    found = balanced_accuracy(X, LABELS)
    assert found.per_seed == pytest.approx([balanced_accuracy_score(LABELS, p) for p in predicted])
    assert found.estimate == pytest.approx(np.mean(found.per_seed))


def image_variance(x: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """q and its degrees of freedom, class by class: each as if two more images had the classes' mean variance."""
    classes = [x[labels == c] for c in np.unique(labels)]
    s2 = np.mean([part.var(ddof=1) for part in classes if len(part) > 1])
    q = [(len(x) * x.var() + 2 * s2) / (len(x) + 1) / (len(x) * len(classes) ** 2) for x in classes]
    return sum(q), sum(q) ** 2 / sum(part**2 / max(1, len(x) - 1) for part, x in zip(q, classes, strict=True))


def test_the_variance_of_balanced_accuracy_is_that_of_the_class_means():
    """One seed, so images alone; it divided by n_c, and so took the image of the last class for certain."""
    labels = np.r_[LABELS[:-1], 3]
    X = runs(1, seeds=1)
    found = balanced_accuracy(X, labels)
    q, df = image_variance(X[0], labels)
    assert (found.se**2, found.df) == pytest.approx((q, df), rel=1e-9)


@pytest.mark.parametrize("matched", [False, True])
def test_a_balanced_difference_has_the_variance_of_the_classes_and_what_its_seeds_add(matched):
    A, B = runs(1), runs(2, level=(0.8, 0.7, 0.3))
    found = balanced_difference("a", "b", A, B, LABELS, matched=matched)
    crossed = mean_difference("a", "b", balanced(A, LABELS), balanced(B, LABELS), matched=matched)
    q, df = image_variance(A.mean(axis=0) - B.mean(axis=0), LABELS)
    assert (found.reference.image, found.reference.image_df) == pytest.approx((q, df))
    assert found.se**2 - q == pytest.approx(crossed.se**2 - crossed.components.image)
    assert found.p == pytest.approx(found.reference.p(found.difference / found.se))
    assert (found.difference, found.seeds) == (crossed.difference, crossed.seeds)
    assert sum(vars(found.components).values()) == pytest.approx(found.se**2)


def test_a_difference_on_the_one_image_of_a_class_is_not_taken_for_certain():
    """It had p = 2^-99, of a sign test over all images: the difference is none on 99 of them, and has no variance."""
    X = runs(3, seeds=1)
    other, labels = X.copy(), np.r_[LABELS[:-1], 3]
    other[0, -1] = 1 - X[0, -1]
    found = balanced_difference("a", "b", other, X, labels)
    assert abs(found.difference) == pytest.approx(0.25)
    assert found.p > 0.1
    assert found.low < 0 < found.high


def test_approaches_alike_on_every_image_have_no_balanced_difference():
    found = balanced_difference("a", "b", runs(3), runs(3), LABELS)
    assert (found.difference, found.p) == (0, 1)


def test_a_balanced_accuracy_of_one_keeps_the_interval_of_its_smallest_classes():
    labels = np.repeat([0, 1], [98, 2])
    found = balanced_accuracy(np.ones((1, 100)), labels)
    assert (found.estimate, found.high) == (1, 1)
    assert found.low < accuracy(np.ones((1, 2))).high
    assert found.low < accuracy(np.ones((1, 100))).low


def test_classes_of_single_images_vary_as_their_mean_does():
    X = runs(5, seeds=1)
    found = balanced_accuracy(X, np.arange(100))
    assert found.se == pytest.approx(accuracy(X).se)


def test_groups_of_copied_images_create_no_evidence_about_balanced_accuracies():
    A, B = runs(1), runs(2)
    alone = balanced_difference("a", "b", A, B, LABELS)
    ten_a, ten_b, labels = (np.repeat(X, 10, axis=-1) for X in (A, B, LABELS))
    found = balanced_difference("a", "b", ten_a, ten_b, labels, groups=np.repeat(np.arange(100), 10))
    assert found.difference == pytest.approx(alone.difference)
    assert found.se > 0.95 * alone.se


def test_with_classes_of_one_size_balanced_accuracy_is_accuracy():
    X, labels = runs(2), np.arange(len(LABELS)) % 4
    assert balanced_accuracy(X, labels).estimate == pytest.approx(accuracy(X).estimate)
    pair = mean_difference("a", "b", balanced(X, labels), balanced(runs(3), labels))
    assert pair.difference == pytest.approx(difference("a", "b", X, runs(3)).difference)


@given(st.permutations([0, 1, 2]), st.randoms())
def test_relabelling_classes_and_reordering_images_change_nothing(names, random):
    X, order = runs(4), list(range(len(LABELS)))
    random.shuffle(order)
    other = balanced_accuracy(X[:, order], np.take(names, LABELS)[order])
    found = balanced_accuracy(X, LABELS)
    assert (found.estimate, found.se) == pytest.approx((other.estimate, other.se))


def test_each_class_has_the_accuracy_of_its_images():
    found = class_accuracies(runs(5), LABELS)
    expected = accuracy(runs(5)[:, LABELS == 1])
    assert found[1] == expected


def test_a_class_with_one_image_or_one_group_has_no_interval():
    labels = np.r_[LABELS[:-1], 3]
    found = class_accuracies(runs(6), labels)
    assert isinstance(found[3], float)
    assert isinstance(found[0], Estimate)
    grouped = class_accuracies(runs(6), LABELS, groups=np.where(LABELS == 1, 0, np.arange(len(LABELS)) + 1))
    assert isinstance(grouped[1], float)


def test_class_differences_are_corrected_over_classes_and_pairs_after_benjamini_and_hochberg():
    X = {
        name: runs(seed, level)
        for seed, (name, level) in enumerate({"a": (0.9, 0.4, 0.5), "b": (0.7, 0.8, 0.5)}.items())
    }
    found = class_differences({("a", "b"): (X["a"], X["b"])}, LABELS)
    assert [one.label for one in found] == [0, 1, 2]
    expected = multipletests([one.difference.p for one in found], method="fdr_bh")[1]
    assert [one.p_fdr for one in found] == pytest.approx(expected, rel=1e-9)


def test_without_a_class_of_two_images_there_are_no_class_differences():
    X = runs(7)[:, :3]
    assert class_differences({("a", "b"): (X, X)}, np.arange(3)) == ()
