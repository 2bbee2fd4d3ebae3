import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score
from statsmodels.stats.multitest import multipletests

from analysis.statistics.paired import Estimate, accuracy, difference, mean_difference
from analysis.statistics.per_class import balanced, balanced_accuracy, class_accuracies, class_differences

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


def test_the_variance_of_balanced_accuracy_is_that_of_the_class_means():
    """One seed, so images alone: sum over classes of p (1 - p) / (C^2 n_c), up to N / (N - 1)."""
    X, N = runs(1, seeds=1), len(LABELS)
    parts = [X[0, c == LABELS].var() / (9 * np.sum(c == LABELS)) for c in range(3)]
    assert balanced_accuracy(X, LABELS).se ** 2 == pytest.approx(sum(parts) * N / (N - 1), rel=1e-9)


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
