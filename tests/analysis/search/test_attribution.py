"""How much of the spread is the approach."""

import json
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.formula.api import ols

from analysis.records.reading import read_study
from analysis.records.trials import trial_table
from tests.analysis.search.searches import (
    by_rate,
    by_schedule,
    plain,
    run,
    searched,
    shares,
)
from tests.support.synthetic_study import write_study

pytestmark = pytest.mark.slow
ACCURACIES = st.lists(st.integers(0, 1000).map(lambda n: n / 1000), min_size=2, max_size=6)


def test_the_share_of_the_approach_follows_a_worked_example():
    # Means 0.6 and 0.8, unbiased variances 0.02 and 0.02 (biased 0.01). B = 0.01, W = 0.02, c = 1/2 * 0.02 / 2 = 0.005:
    # eta2 = 0.01 / (0.01 + 0.01), omega2 = 0.005 / (0.005 + 0.02).
    found = run(plain({"a": [0.5, 0.7], "b": [0.7, 0.9]}))
    assert (found.eta2, found.omega2) == pytest.approx((0.5, 0.2))


def test_with_equal_numbers_of_trials_it_is_the_analysis_of_variance_of_statsmodels():
    rng = np.random.default_rng(0)
    trials = plain({name: list(rng.normal(mean, 0.05, 30)) for name, mean in (("a", 0.7), ("b", 0.75), ("c", 0.78))})
    anova = sm.stats.anova_lm(ols("best_accuracy ~ C(approach)", trials).fit())
    between, within = anova.sum_sq
    mean_square = anova.mean_sq["Residual"]
    found = run(trials)
    assert found.eta2 == pytest.approx(between / (between + within), rel=1e-9)
    omega2 = (between - 2 * mean_square) / (between + within + mean_square)  # Hays 1963
    assert found.omega2 == pytest.approx(omega2, rel=1e-9)


def test_every_approach_counts_the_same_however_many_trials_it_had():
    few = run(plain({"a": [0.5, 0.6, 0.7], "b": [0.7, 0.8, 0.9]}))
    many = run(plain({"a": [0.5, 0.6, 0.7] * 40, "b": [0.7, 0.8, 0.9]}))
    assert many.eta2 == pytest.approx(few.eta2)


def test_chance_alone_gives_the_approach_no_share_on_average():
    rng = np.random.default_rng(1)
    found = [run(plain({name: list(rng.normal(0.8, 0.05, 5)) for name in "abcdefgh"}), seed=i) for i in range(40)]
    assert np.median([one.omega2 for one in found]) < 0.02 < 0.15 < np.mean([one.eta2 for one in found])
    # Without the correction for what resampling adds, about ten of these 40 intervals leave out the true 0.
    assert sum(one.low > 0 for one in found) <= 4


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    # True means 0.7, 0.75, 0.8, standard deviation 0.05: omega2 = (2/3 0.05^2) / (2/3 0.05^2 + 0.05^2) = 0.4.
    rng = np.random.default_rng(2)
    held = 0
    for i in range(60):
        samples = {name: list(rng.normal(mean, 0.05, 40)) for name, mean in (("a", 0.7), ("b", 0.75), ("c", 0.8))}
        found = run(plain(samples), seed=i)
        held += found.low <= 0.4 <= found.high
    assert held >= stats.binom.ppf(0.01, 60, 0.93)


def test_trials_without_an_accuracy_are_counted_and_left_out():
    good = searched("a", 20, by_rate)
    bad = searched("a", 5, by_rate)
    diverged, failed = bad.assign(best_accuracy=None, status="diverged"), bad.assign(status="failed")
    running = bad.assign(status="running")
    final = bad.assign(phase="final")
    found = run(pd.concat([good, diverged, failed, running, final])).approaches[0]
    assert (found.trials, found.unvalidated) == (20, 10)
    assert found.mean == pytest.approx(good.best_accuracy.mean())
    assert replace(found, unvalidated=0, thirds=()) == replace(run(good).approaches[0], thirds=())


def test_a_trial_that_diverged_after_a_validation_counts_with_what_it_had():
    assert run(plain({"a": [0.5, 0.6]}).assign(status="diverged")).approaches[0].trials == 2


def test_one_approach_has_no_share():
    found = run(searched("a", 40, by_rate))
    assert (found.eta2, found.omega2, found.low, found.high) == (None,) * 4
    assert found.note == "a alone: there is no approach to compare it with"
    assert shares(found)["approach"] == 0
    assert found.approaches[0].share == 1


def test_an_approach_with_one_validated_trial_is_left_out_by_name():
    found = run(plain({"a": [0.5, 0.7], "b": [0.7, 0.9], "c": [0.8]}))
    assert found.note == "left out, with fewer than two validated trials: c"
    assert found.omega2 == run(plain({"a": [0.5, 0.7], "b": [0.7, 0.9]})).omega2
    assert (found.approaches[2].mean, found.approaches[2].sd, found.approaches[2].share) == (0.8, None, 0)


@pytest.mark.parametrize(
    ("samples", "note"),
    [
        ({}, "no approach has two validated trials"),
        ({"a": [0.5], "b": [None]}, "no approach has two validated trials"),
        ({"a": [0.5, 0.5], "b": [0.5, 0.5, 0.5]}, "all trials have the same validation accuracy"),
        ({"a": [0.1 + 0.2, 0.3], "b": [0.3, 0.3]}, "all trials have the same validation accuracy"),
    ],
)
def test_without_any_spread_there_is_nothing_to_split(samples, note):
    found = run(plain(samples) if samples else plain({"a": [0.5]}).iloc[:0])
    assert str(found.note).startswith(note)
    assert (found.omega2, found.parts) == (None, ())
    assert all(one.share == 0 for one in found.approaches)


def test_approaches_without_any_spread_of_their_own_explain_everything():
    found = run(plain({"a": [0.5] * 12, "b": [0.7] * 12}))
    assert (found.eta2, found.omega2, found.low, found.high) == (1, 1, 1, 1)
    assert "the same validation accuracy" in str(found.approaches[0].note)


@settings(max_examples=30)
@given(st.lists(ACCURACIES, min_size=1, max_size=4))
def test_the_parts_make_the_whole_and_nothing_is_missing(samples):
    found = run(plain({f"a{i}": sample for i, sample in enumerate(samples)}))
    if found.parts:
        assert sum(part.share for part in found.parts) == pytest.approx(1)
        assert found.parts[0].share + sum(one.share for one in found.approaches) == pytest.approx(1)
        assert all(0 <= part.share <= 1 for part in found.parts)
    if found.omega2 is not None:
        assert 0 <= found.low <= found.omega2 <= found.high <= 1
        assert found.omega2 <= found.eta2 + 1e-12
    json.dumps(asdict(found), allow_nan=False)


@settings(max_examples=30)
@given(st.lists(ACCURACIES, min_size=2, max_size=4), st.sampled_from([0.125, -0.25]), st.sampled_from([0.5, 2.0]))
def test_adding_to_all_accuracies_or_stretching_them_changes_no_share(samples, added, factor):
    one = run(plain({f"a{i}": sample for i, sample in enumerate(samples)}))
    other = run(plain({f"a{i}": [factor * a + added for a in sample] for i, sample in enumerate(samples)}))
    assert (other.omega2 is None) == (one.omega2 is None)
    if one.omega2 is not None:
        assert (other.eta2, other.omega2, other.low, other.high) == pytest.approx(
            (one.eta2, one.omega2, one.low, one.high), abs=1e-6
        )


def test_new_names_for_the_approaches_change_nothing_else():
    trials = pd.concat([searched("a", 30, by_rate), searched("b", 30, by_schedule, seed=1)])
    one, other = run(trials), run(trials.assign(approach=trials.approach.map({"a": "z", "b": "y"})))
    named = [replace(within, approach=name) for within, name in zip(one.approaches, ("z", "y"), strict=True)]
    assert replace(one, approaches=tuple(named)) == other


def test_the_same_generator_gives_the_same_result():
    trials = pd.concat([searched("a", 30, by_rate), searched("b", 30, by_schedule, seed=1)])
    assert run(trials) == run(trials)
    assert run(trials) != run(trials, seed=1)


def test_a_study_directory_is_split(tmp_path):
    records = read_study(write_study(tmp_path))
    found = run(trial_table(records.events))
    assert [(one.approach, one.trials, one.unvalidated) for one in found.approaches] == [
        ("better_cnn", 2, 1),
        ("fine_tune", 3, 1),
        ("feature_svm", 2, 0),
    ]
    assert found.omega2 > 0.8  # means 0.6, 0.83 and 0.875
    assert [len(one.thirds) for one in found.approaches] == [3, 3, 0]
