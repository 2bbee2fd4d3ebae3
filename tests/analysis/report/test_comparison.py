"""What the comparison says of a pair beside its accuracies: losses of probabilities, balanced accuracies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, log_loss

from analysis.predictions.outcomes import Outcomes, Runs
from analysis.report.comparison import PairSummary, compare
from analysis.report.design import Design
from analysis.report.views import BALANCED
from analysis.statistics.losses import probability_scores, stack
from analysis.statistics.paired import Difference, mean_difference
from analysis.statistics.per_class import balanced_difference

LABELS = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [20, 12, 8]))  # classes of three sizes
GROUPS = np.arange(40) // 4


def draw(seed: int, runs: int) -> np.ndarray:
    """Probabilities (S, N, C) that favour the true class, far from the clip of the log-loss."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(3), (runs, 40)) + 0.01
    p[:, np.arange(40), LABELS] += rng.random((runs, 40))
    return p / p.sum(axis=2, keepdims=True)


def runs_of(p: np.ndarray, labels: np.ndarray = LABELS) -> Runs:
    predicted = p.argmax(axis=2).astype(np.int32)
    return Runs(tuple(range(len(p))), predicted, predicted == labels, stack([probability_scores(P, labels) for P in p]))


def pair_of(
    a: Runs, b: Runs, design: Design, groups: np.ndarray | None = None, labels: np.ndarray = LABELS
) -> PairSummary:
    seen = Outcomes(labels, groups, {"a": a, "b": b})
    return compare(seen, names=("a", "b"), classes=("x", "y", "z"), design=design).pairs[0]


def test_single_runs_have_the_losses_of_scikit_learn_and_a_paired_t_test_over_images():
    p_a, p_b = draw(2, runs=1), draw(1, runs=1)
    found = pair_of(runs_of(p_a), runs_of(p_b), Design()).losses
    assert (found.log_loss.a, found.log_loss.b) == (found.brier.a, found.brier.b) == ("a", "b")
    assert found.log_loss.difference == pytest.approx(log_loss(LABELS, p_a[0]) - log_loss(LABELS, p_b[0]))
    brier_a, brier_b = (brier_score_loss(LABELS, p[0], labels=range(3), scale_by_half=False) for p in (p_a, p_b))
    assert found.brier.difference == pytest.approx(brier_a - brier_b)
    nats = [-np.log(p[0, np.arange(40), LABELS]) for p in (p_a, p_b)]
    squares = [((p[0] - np.eye(3)[LABELS]) ** 2).sum(axis=1) for p in (p_a, p_b)]
    assert found.log_loss.p == pytest.approx(stats.ttest_rel(*nats).pvalue)
    assert found.brier.p == pytest.approx(stats.ttest_rel(*squares).pvalue)


def test_balanced_accuracies_differ_by_as_much_as_those_of_scikit_learn():
    a, b = runs_of(draw(2, runs=3)), runs_of(draw(1, runs=4))
    means = [np.mean([balanced_accuracy_score(LABELS, run) for run in runs.predicted]) for runs in (a, b)]
    pair = pair_of(a, b, Design())
    difference = pair.view(BALANCED).difference
    assert difference == pytest.approx(means[0] - means[1])
    assert difference != pytest.approx(pair.difference.difference), "the classes are of different sizes"


@pytest.mark.parametrize("matched", [False, True])
@pytest.mark.parametrize("groups", [None, GROUPS])
def test_losses_and_balanced_accuracies_are_tested_by_the_design_of_the_accuracies(groups, matched):
    a, b = runs_of(draw(2, runs=3)), runs_of(draw(1, runs=3))
    pair = pair_of(a, b, Design(alpha=0.1, matched=matched), groups)

    def tested(scores_a: np.ndarray, scores_b: np.ndarray) -> Difference:
        return mean_difference("a", "b", scores_a, scores_b, groups=groups, alpha=0.1, matched=matched)

    assert pair.losses.log_loss == tested(-np.log(a.scores.p_true), -np.log(b.scores.p_true))
    assert pair.losses.brier == tested(a.scores.brier, b.scores.brier)
    expected = balanced_difference("a", "b", a.correct, b.correct, LABELS, groups=groups, alpha=0.1, matched=matched)
    assert pair.view(BALANCED) == expected
    assert pair.losses.brier.units == pair.view(BALANCED).units == pair.difference.units
    assert pair.losses.brier.matched is pair.view(BALANCED).matched is pair.difference.matched is matched


def test_groups_of_copied_images_create_no_evidence_about_losses():
    p_a, p_b = draw(2, runs=3), draw(1, runs=3)
    labels, groups = np.repeat(LABELS, 10), np.repeat(np.arange(40), 10)
    a, b = (runs_of(np.repeat(p, 10, axis=1), labels) for p in (p_a, p_b))
    alone = pair_of(runs_of(p_a), runs_of(p_b), Design()).losses
    copied = pair_of(a, b, Design(), groups, labels).losses
    assert (copied.log_loss.p, copied.brier.p) == pytest.approx((alone.log_loss.p, alone.brier.p))


def test_repeated_searches_make_replicates_the_units_of_losses():
    p_a, p_b = draw(2, runs=4), draw(1, runs=4)
    a, b = (replace(run, scores=replace(run.scores, replicates=(0, 0, 1, 1))) for run in (runs_of(p_a), runs_of(p_b)))
    means = [run.scores.brier.reshape(2, 2, 40).mean(axis=1) for run in (a, b)]
    assert pair_of(a, b, Design()).losses.brier == mean_difference("a", "b", *means)


def test_an_approach_without_probabilities_has_no_difference_of_losses():
    a, b = runs_of(draw(2, runs=2)), runs_of(draw(1, runs=2))
    assert pair_of(a, replace(b, scores=None), Design()).losses is None
