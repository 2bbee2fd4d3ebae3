from dataclasses import replace
from math import e, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import brier_score_loss, log_loss

from analysis.statistics import losses
from analysis.statistics.losses import ProbabilityScores, class_frequency_yardstick, probability_scores, stack
from analysis.statistics.paired import accuracy


def draw(seed: int, images: int = 40, classes: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (N, C), float64 and far from the clip, and labels of every class."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(images) % classes)
    p = rng.dirichlet(np.ones(classes), images) + 0.01
    p[np.arange(images), labels] += rng.random(images)
    return p / p.sum(axis=1, keepdims=True), labels


def runs(count: int, images: int = 40, first: int = 0) -> ProbabilityScores:
    """Scores of runs that share their labels."""
    labels = draw(first, images)[1]
    return stack([probability_scores(draw(first + run, images)[0], labels) for run in range(count)])


@given(st.integers(0, 10**6), st.integers(2, 9))
def test_the_losses_are_those_of_scikit_learn(seed, classes):
    p, labels = draw(seed, classes=classes)
    found = losses.losses(probability_scores(p, labels))
    assert found.log_loss.estimate == pytest.approx(log_loss(labels, p), abs=1e-9)
    brier = brier_score_loss(labels, p, labels=range(classes), scale_by_half=False)
    assert found.brier.estimate == pytest.approx(brier, abs=1e-9)
    assert found.clipped == 0


def test_single_precision_is_kept_and_loses_little():
    p, labels = draw(1)
    single, double = probability_scores(p.astype(np.float32), labels), probability_scores(p, labels)
    assert {single.p_true.dtype, single.brier.dtype, single.confidence.dtype} == {np.dtype(np.float32)}
    np.testing.assert_allclose(single.brier, double.brier, atol=1e-6)
    np.testing.assert_allclose(losses.log_losses(single), losses.log_losses(double), rtol=1e-5)


def test_scores_follow_a_worked_example():
    # By hand: p = (0.7, 0.2, 0.1), true class 1: (0.7)^2 + (0.2 - 1)^2 + (0.1)^2 = 0.49 + 0.64 + 0.01.
    found = probability_scores([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]], [1, 2])
    np.testing.assert_allclose(found.brier, [[1.14, 0.01 + 0.04 + 0.09]])
    np.testing.assert_allclose(found.p_true, [[0.2, 0.7]])
    np.testing.assert_allclose(found.confidence, [[0.7, 0.7]])
    assert found.hit.tolist() == [[False, True]]


def test_a_certain_error_costs_no_more_than_the_clip_and_is_counted():
    found = losses.losses(probability_scores([[1.0, 0.0], [1.0, 0.0], [0.5, 0.5], [0.5, 0.5]], [1, 0, 0, 1]))
    assert found.log_loss.estimate == pytest.approx((log(1e7) + 2 * log(2)) / 4)
    assert found.clipped == 0.25
    assert found.log_loss.low == 0  # the t interval reaches below zero, a loss does not


def test_with_one_seed_the_interval_is_that_of_a_t_test_over_images():
    p, labels = draw(2, images=200)
    found = losses.losses(probability_scores(p, labels), alpha=0.1).log_loss
    interval = stats.ttest_1samp(-np.log(p[np.arange(200), labels]), 0).confidence_interval(0.9)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert "one seed" in str(found.note)


def test_more_seeds_leave_nothing_to_note():
    found = losses.losses(runs(4))
    assert found.log_loss.note is None
    assert len(found.brier.per_seed) == 4


def test_certain_and_right_everywhere_has_no_loss_and_says_that_there_is_no_variance():
    found = losses.losses(probability_scores(np.eye(3), [0, 1, 2]))
    assert (found.log_loss.estimate, found.log_loss.low, found.log_loss.high) == (0, 0, 0)
    assert "no variance could be estimated" in str(found.log_loss.note)
    assert "no variance could be estimated" in str(found.brier.note)


def test_repeated_searches_make_replicates_the_units():
    found = runs(4)
    grouped = losses.losses(replace(found, replicates=(0, 0, 1, 1))).brier
    assert grouped.per_seed == pytest.approx((found.brier[:2].mean(), found.brier[2:].mean()))
    assert grouped.estimate == pytest.approx(losses.losses(found).brier.estimate)


def test_groups_of_copied_images_leave_the_interval_of_a_loss_as_it_is():
    once = runs(3)
    p_true, brier, confidence, hit = (np.repeat(x, 10, axis=1) for x in arrays(once))
    tenfold = ProbabilityScores(p_true, brier, confidence, hit)
    alone, copied = losses.losses(once), losses.losses(tenfold, groups=np.repeat(np.arange(40), 10))
    assert (copied.log_loss.high, copied.brier.high) == pytest.approx((alone.log_loss.high, alone.brier.high))


@given(st.integers(0, 10**6), st.permutations(range(5)), st.randoms())
def test_the_order_of_classes_and_images_does_not_matter(seed, order, random):
    p, labels = draw(seed)
    images = list(range(len(p)))
    random.shuffle(images)
    relabelled = np.argsort(order)[labels]
    one, other = probability_scores(p, labels), probability_scores(p[:, order][images], relabelled[images])
    for before, after in zip(arrays(one), arrays(other), strict=True):
        np.testing.assert_allclose(after, before[:, images], atol=1e-15)


@given(st.integers(0, 10**6), st.integers(1, 4))
def test_scores_keep_within_their_bounds_and_intervals_hold_their_estimates(seed, count):
    scores = runs(count, first=seed)
    assert scores.brier.min() >= 0
    assert scores.brier.max() <= 2
    assert scores.confidence.min() >= 1 / 5
    assert (scores.p_true[scores.hit] == scores.confidence[scores.hit]).all()
    for found in (losses.losses(scores).log_loss, losses.losses(scores).brier):
        assert 0 <= found.low <= found.estimate <= found.high


@pytest.mark.parametrize(
    ("p", "labels", "message"),
    [
        ([[0.5, 0.5]], [0, 1], r"shape \(1, 2\) and labels \(2,\)"),
        ([0.5, 0.5], [0, 1], r"give \(N, C\) and \(N,\)"),
        (np.ones((0, 2)), [], r"give \(N, C\) and \(N,\)"),
        ([[0.5, 0.5]], [2], "labels go from 2 to 2; probabilities are given for 0 to 1"),
        ([[0.5, 0.5]], [-1], "labels go from -1 to -1"),
        ([[0.5, 0.5], [0.5, 0.4]], [0, 1], r"row 1 sum to 0\.9000"),
        ([[1.5, -0.5]], [0], r"must lie in \[0, 1\]"),
        ([[np.nan, 0.5]], [0], r"must lie in \[0, 1\]"),
    ],
)
def test_unusable_probabilities_are_named(p, labels, message):
    with pytest.raises(ValueError, match=message):
        probability_scores(p, labels)


def test_one_image_is_too_few():
    with pytest.raises(ValueError, match="at least two images"):
        losses.losses(probability_scores([[0.5, 0.5]], [0]))


def test_decisions_as_logits_cost_what_a_softmax_of_one_hot_vectors_costs():
    labels, decided = np.array([0, 1, 2, 3, 0, 1]), np.array([0, 1, 2, 0, 0, 2])
    one_hot = np.exp(np.eye(4)[decided])
    expected = log_loss(labels, one_hot / one_hot.sum(axis=1, keepdims=True))
    found, _ = losses.hard_decision_losses(accuracy([labels == decided]), 4)
    assert found.convention == "one_hot_as_logits"
    assert found.loss.estimate == pytest.approx(expected, abs=1e-9)


def test_clipped_decisions_cost_what_clipped_one_hot_vectors_cost():
    labels, decided = np.array([0, 1, 2, 3, 0, 1]), np.array([0, 1, 2, 0, 0, 2])
    clipped = np.clip(np.eye(4)[decided], 1e-7, 1 - 1e-7)
    expected = -np.log(clipped[np.arange(6), labels]).mean()
    _, found = losses.hard_decision_losses(accuracy([labels == decided]), 4)
    assert found.convention == "one_hot_clipped"
    assert found.loss.estimate == pytest.approx(expected, abs=1e-9)


def test_the_interval_of_a_hard_decision_loss_is_that_of_the_accuracy_turned_over():
    correct = np.random.default_rng(3).random((3, 100)) < 0.8
    reached = accuracy(correct)
    for found in losses.hard_decision_losses(reached, 10):
        slope = found.wrong - found.right
        assert found.loss.low <= found.loss.estimate <= found.loss.high
        assert (found.loss.high, found.loss.low) == pytest.approx(
            (found.wrong - slope * reached.low, found.wrong - slope * reached.high)
        )
        assert np.mean(found.loss.per_seed) == pytest.approx(found.loss.estimate)
        assert found.loss.se == pytest.approx(slope * reached.se)


def test_decisions_without_an_error_keep_an_interval():
    as_logits, clipped = losses.hard_decision_losses(accuracy(np.ones((2, 50))), 16)
    assert as_logits.loss.estimate == as_logits.loss.low == pytest.approx(log(e + 15) - 1)
    assert clipped.loss.estimate == pytest.approx(1e-7, rel=1e-6)
    assert clipped.loss.high > 0.5  # 50 images do not exclude that some percent are wrong, at 16 nats each


@given(st.lists(st.integers(0, 5), min_size=1, max_size=50))
def test_the_yardstick_is_the_loss_of_always_answering_with_the_class_frequencies(labels):
    frequencies = np.bincount(labels, minlength=6) / len(labels)
    scores = probability_scores(np.tile(frequencies, (len(labels), 1)), labels)
    found = class_frequency_yardstick(labels)
    assert found.log_loss == pytest.approx(stats.entropy(frequencies), abs=1e-12)
    assert found.log_loss == pytest.approx(losses.log_losses(scores).mean(), abs=1e-12)
    assert found.brier == pytest.approx(scores.brier.mean(), abs=1e-12)


def arrays(scores: ProbabilityScores) -> tuple[np.ndarray, ...]:
    return scores.p_true, scores.brier, scores.confidence, scores.hit
