"""What the field also computes: Newcombe's interval, the Bayesian view, P(A > B), agreement."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import accuracy_score

from analysis.statistics.paired import difference
from analysis.statistics.secondary.agreement import agreement
from analysis.statistics.secondary.bayes import posterior
from analysis.statistics.secondary.mcnemar import newcombe, newcombe_of_runs
from analysis.statistics.secondary.outperformance import outperformance

COUNTS = st.integers(0, 60)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_newcombes_interval_holds_the_difference_and_flips_with_the_approaches(both, a, b, neither):
    if both + a + b + neither == 0:
        return
    one, other = newcombe(both, a, b, neither), newcombe(both, b, a, neither)
    assert -1 <= one.low <= one.difference <= one.high <= 1
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))


def test_newcombes_interval_without_correlation_joins_two_wilson_intervals():
    # Exactly independent margins: phi = 0, so the square-and-add interval of two Wilson intervals (scipy's) remains.
    found = newcombe(48, 32, 12, 8)  # 0.8 and 0.6 of 100
    low_a, high_a = stats.binomtest(80, 100).proportion_ci(method="wilson")
    low_b, high_b = stats.binomtest(60, 100).proportion_ci(method="wilson")
    assert found.low == pytest.approx(0.2 - np.hypot(0.8 - low_a, high_b - 0.6), rel=1e-9)
    assert found.high == pytest.approx(0.2 + np.hypot(high_a - 0.8, 0.6 - low_b), rel=1e-9)


def test_newcombes_interval_of_runs_counts_the_four_kinds_of_images():
    a, b = np.array([1, 1, 0, 0, 1], dtype=bool), np.array([1, 0, 1, 0, 1], dtype=bool)
    assert newcombe_of_runs(a, b) == newcombe(2, 1, 1, 1)


@pytest.mark.parametrize("margin", [0.005, 0.02, 0.5])
def test_the_three_parts_of_the_posterior_sum_to_one_and_follow_the_reference_of_the_test(margin):
    a, b = (rng().random((2, 5, 80)) < 0.7).astype(float)
    pair = difference("a", "b", a, b)
    found = posterior(pair, margin)
    assert found is not None
    assert found.b_better + found.equivalent + found.a_better == pytest.approx(1.0)
    tail = pair.reference.tail
    assert found.a_better == pytest.approx(tail((margin - pair.difference) / pair.se), rel=1e-9)
    assert found.b_better == pytest.approx(tail((margin + pair.difference) / pair.se), rel=1e-9)


def test_without_variance_there_is_no_posterior():
    same = np.ones((2, 10))
    assert posterior(difference("a", "b", same, same), 0.01) is None


def test_outperformance_is_the_mann_whitney_statistic_of_the_runs():
    a, b = [0.80, 0.82, 0.85, 0.79], [0.81, 0.78, 0.80]
    expected = stats.mannwhitneyu(a, b).statistic / (len(a) * len(b))
    assert outperformance(a, b, rng=rng()).probability == pytest.approx(expected)


def test_matched_runs_are_compared_with_their_partners_alone():
    found = outperformance([0.5, 0.7, 0.9], [0.4, 0.8, 0.9], rng=rng(), matched=True)
    assert found.probability == pytest.approx((1 + 0 + 0.5) / 3)


def test_the_interval_of_outperformance_holds_it_and_follows_the_generator():
    a, b = rng().normal(0.81, 0.02, 40).tolist(), rng().normal(0.80, 0.02, 30).tolist()
    one, again = outperformance(a, b, rng=rng()), outperformance(a, b, rng=rng())
    other = outperformance(a, b, rng=np.random.default_rng(1))
    assert one == again
    assert one != other, "the generator has an effect"
    assert one.low is not None
    assert one.high is not None
    assert 0 <= one.low <= one.probability <= one.high <= 1


def test_single_runs_have_an_outperformance_without_an_interval():
    found = outperformance([0.8], [0.7], rng=rng())
    assert (found.probability, found.low, found.high) == (1.0, None, None)


def test_agreement_is_the_mean_share_of_equal_answers_over_pairs_of_runs():
    predicted = {name: rng().integers(0, 3, (2, 50)).astype(np.int32) for name in "ab"}
    predicted["b"] = (predicted["b"] + (np.arange(50) % 5 == 0)) % 3
    labels = np.zeros(50, dtype=np.int64)
    found = agreement(predicted, labels)
    expected = np.mean([accuracy_score(x, y) for x in predicted["a"] for y in predicted["b"]])
    assert found.same_answer[0, 1] == found.same_answer[1, 0] == pytest.approx(expected)
    assert found.same_answer[0, 0] == pytest.approx(accuracy_score(*predicted["a"]))
    right = {name: runs == 0 for name, runs in predicted.items()}
    assert found.one_right[0, 1] == pytest.approx(np.mean([x != y for x in right["a"] for y in right["b"]]))


def test_a_single_run_agrees_with_no_other_seed():
    found = agreement({"a": np.zeros((1, 4), dtype=np.int32)}, np.zeros(4, dtype=np.int64))
    assert np.isnan(found.same_answer).all()
