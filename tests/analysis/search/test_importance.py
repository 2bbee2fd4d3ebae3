"""How much of an approach's variance each hyperparameter explains."""

import logging
import warnings

import numpy as np
import optuna
import pandas as pd
import pytest

from tests.analysis.search.searches import (
    Params,
    by_chance,
    by_rate,
    by_schedule,
    importances,
    run,
    searched,
    shares,
    table,
)

pytestmark = pytest.mark.slow


def test_a_learning_rate_that_decides_gets_the_variance_within_the_approach():
    found = run(pd.concat([searched("a", 150, by_rate), searched("b", 150, by_rate, seed=1)]))
    # The noise of 0.01 is 8 % of the variance: accuracy varies by 0.05 x Var((U - 1.5)^2)^(1/2) = 0.0335 besides.
    assert found.omega2 < 0.05
    assert shares(found)["learning rate"] > 0.7
    assert shares(found)["other hyperparameters"] < 0.1
    assert found.approaches[0].hyperparameters[0].name == "lr"
    for one in found.approaches:
        assert one.predicted > 0.8
        explained = sum(each.share for each in one.hyperparameters) + one.interactions
        assert explained == pytest.approx(one.share * one.predicted)


def test_an_approach_that_decides_leaves_little_to_the_learning_rate():
    better = searched("b", 100, by_rate, seed=1)
    better["best_accuracy"] += 0.3
    found = run(pd.concat([searched("a", 100, by_rate), better]))
    assert shares(found)["approach"] > 0.9 > 0.1 > shares(found)["learning rate"]
    assert found.low < found.omega2 < found.high


def test_chance_within_an_approach_is_left_unexplained():
    found = run(searched("a", 100, by_chance))
    assert found.approaches[0].predicted < 0.15
    assert shares(found)["not explained"] > 0.85


def test_a_word_can_be_what_decides():
    found = run(searched("svm", 80, by_schedule)).approaches[0]
    assert importances(found)["schedule"] > 0.9


def test_the_effect_of_two_together_is_called_an_interaction():
    def only_together(given: Params) -> float:
        return 0.8 + 0.1 * ((given["lr"] > 10**-2.5) == (given["epochs"] > 20))

    found = run(searched("a", 300, only_together))
    assert shares(found)["interactions"] > 0.6 > 0.2 > shares(found)["learning rate"]


@pytest.mark.parametrize("transform", [np.log10, lambda lr: lr**3, lambda lr: 5 * lr])
def test_the_scale_of_a_hyperparameter_does_not_matter(transform):
    trials = searched("a", 60, by_rate)
    scaled = trials.assign(params=[given | {"lr": float(transform(given["lr"]))} for given in trials.params])
    one, other = (run(tried).approaches[0] for tried in (trials, scaled))
    assert (one.predicted, importances(one)) == (other.predicted, importances(other))


def test_one_far_value_does_not_hide_a_hyperparameter():
    trials = searched("a", 80, by_rate)
    trials.loc[0, "params"]["lr"] = 0.0  # as a published weight decay of 0 beside a log-uniform range
    assert importances(run(trials).approaches[0])["lr"] > 0.8


def test_words_among_numbers_and_missing_values_are_values_like_others():
    params: list[Params] = [{"gamma": "scale"}, {"gamma": 0.1}, {"gamma": 1}, {}, {"gamma": 10.0}] * 6
    level = {"scale": 0.9, 0.1: 0.5, 1: 0.5, None: 0.7, 10.0: 0.5}
    found = run(table("svm", params, [level[given.get("gamma")] for given in params])).approaches[0]
    assert found.hyperparameters[0].values == 5
    assert found.predicted > 0.99
    assert importances(found)["gamma"] == pytest.approx(1)


def test_a_hyperparameter_that_never_varies_explains_nothing():
    trials = searched("a", 30, by_rate)
    trials = trials.assign(params=[params | {"batch_size": 32} for params in trials.params])
    (constant,) = (one for one in run(trials).approaches[0].hyperparameters if one.name == "batch_size")
    assert (constant.values, constant.importance, constant.share) == (1, 0, 0)


def test_under_ten_trials_nothing_is_said_about_hyperparameters():
    found = run(searched("a", 9, by_rate)).approaches[0]
    assert (found.predicted, found.interactions) == (0, 0)
    assert set(importances(found).values()) == {0}
    assert str(found.note).startswith("9 validated trials, too few (under 10)")


def test_hyperparameters_that_predict_nothing_get_no_importance():
    found = run(searched("a", 12, by_chance, seed=3)).approaches[0]
    assert (found.predicted, set(importances(found).values())) == (0, {0})
    assert "do not predict" in str(found.note)


def test_optuna_stays_quiet_and_as_talkative_as_it_was(caplog):
    optuna.logging.enable_propagation()
    level = optuna.logging.get_verbosity()
    try:
        optuna.logging.set_verbosity(optuna.logging.DEBUG)
        with caplog.at_level(logging.DEBUG), warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            run(searched("a", 20, by_rate))
        assert optuna.logging.get_verbosity() == optuna.logging.DEBUG
        assert (caplog.messages, warned) == ([], [])
    finally:
        optuna.logging.set_verbosity(level)
        optuna.logging.disable_propagation()
