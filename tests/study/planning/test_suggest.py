"""What budgets buy, and budgets that buy enough: by hand, from timings that are given."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.planning.suggest import forecast, rounded_up, suggest, wall_s
from study.planning.timing import Schedule, Timing, Untimed
from tests.support.study_files import small_config


def schedule(whole_s: float, epochs: int = 10) -> Schedule:
    """Without validations."""
    return Schedule(epochs=epochs, step_s=0.1, training_s=whole_s, validation_s=0.0)


def timing(approach: str, whole_s: float, published_s: float | None = None, features_s: float = 0.0) -> Timing:
    published = None if published_s is None else schedule(published_s)
    return Timing(approach=approach, median=schedule(whole_s), published=published, features_s=features_s)


def config(search_s: float, trial_s: float, **more: Any) -> Any:
    budget = {"search_seconds": search_s, "trial_seconds": trial_s}
    return small_config(budget=budget, replicates=2, **{"final__runs": 4} | more)


STARVED = config(75, 15)
"""The budgets of the issue's measured case: trials of 15 s, cut after some steps."""


def test_what_the_budgets_buy_an_approach_that_cannot_finish():
    """150 s for 10 epochs: 15 s buy one; 75 s buy five trials that are cut at 15 s."""
    known = forecast(STARVED, timing("fine_tune", 300.0, published_s=150.0))
    assert (known.which, known.epochs_bought, known.trials) == ("published", 1.0, 5.0)
    assert (known.finishes, known.median_finishes) == (False, False)


def test_what_the_budgets_buy_an_approach_that_can():
    known = forecast(STARVED, timing("fine_tune", 3.0))
    assert (known.which, known.epochs_bought, known.trials, known.finishes) == ("median", 50.0, 25.0, True)


def test_no_more_trials_than_there_are_configurations():
    assert forecast(STARVED, timing("feature_svm", 0.01)).trials == 3, "max_trials of the small study"


def test_features_are_taken_from_the_search_or_from_each_trial_or_from_nobody():
    once, each, free = (
        forecast(config(75, 15, feature_cost=rule), timing("fine_tune", 10.0, features_s=5.0))
        for rule in ("first_use", "every_trial", "free")
    )
    assert (once.trials, each.trials, free.trials) == (7.0, 5.0, 7.5)
    assert (once.epochs_bought, each.epochs_bought, free.epochs_bought) == (15.0, 10.0, 15.0)


def test_suggested_budgets_let_the_dearest_median_finish_and_twenty_be_tried():
    """1.25 x 40 s are 50; 20 x 50 s and 30 s of features are 1,030, rounded up to two digits."""
    made = suggest(STARVED, [timing("better_cnn", 4.0), timing("fine_tune", 40.0, features_s=30.0)])
    assert made.assignments == {"budget.search_seconds": 1100.0, "budget.trial_seconds": 50.0}
    assert made.charged_s == 3 * (2 * 1100 + 4 * 50), "three approaches, two searches and four final runs each"


def test_final_runs_of_their_own_allowance_are_raised_where_that_is_too_small():
    assert suggest(config(75, 15, final__trial_seconds=20), [timing("fine_tune", 40.0)]).final_s == 50.0
    assert suggest(config(75, 15, final__trial_seconds=80), [timing("fine_tune", 40.0)]).final_s is None


def test_whoever_could_not_be_timed_is_left_out_by_name():
    made = suggest(STARVED, [timing("better_cnn", 4.0), Untimed("fine_tune", "MemoryError")])
    assert made.left_out == ("fine_tune",)
    assert suggest(STARVED, [Untimed("fine_tune", "MemoryError")]) is None


@given(
    st.lists(st.tuples(st.floats(1e-3, 1e5), st.floats(0, 1e4)), min_size=2, max_size=2),
    st.sampled_from(["first_use", "every_trial", "free"]),
)
def test_what_is_suggested_suffices(costs, rule):
    """Forecast again with the suggested budgets."""
    timings = [
        timing(name, whole_s, features_s=features_s)
        for name, (whole_s, features_s) in zip(("better_cnn", "fine_tune"), costs, strict=True)
    ]
    made = suggest(config(75, 15, feature_cost=rule), timings)
    again = config(made.search_s, made.trial_s, feature_cost=rule)
    for one in timings:
        known = forecast(again, one)
        assert known.median_finishes
        assert known.trials >= 20 * (1 - 1e-9)


def test_the_wall_time_is_what_is_known_and_for_the_rest_the_most_there_is():
    """Two slots, two searches and four final runs of each of three approaches.

    better_cnn: 75 s a search, 3 s a run; feature_svm: 3 trials of 1 s, 1 s a run, 8 s of features; fine_tune: unknown.
    """
    timings: list[Timing | Untimed] = [
        timing("better_cnn", 3.0),
        timing("feature_svm", 1.0, features_s=8.0),
        Untimed("fine_tune", ""),
    ]
    assert wall_s(STARVED, timings, 2) == pytest.approx((2 * 75 + 4 * 3 + 2 * 3 + 4 * 1 + 8 + 2 * 75 + 4 * 15) / 2)
    assert wall_s(STARVED, [], 2) == 3 * (2 * 75 + 4 * 15) / 2


@given(st.floats(1e-3, 1e6))
def test_rounding_up_keeps_two_digits(seconds):
    rounded = rounded_up(seconds)
    assert seconds * (1 - 1e-9) <= rounded <= seconds * 1.1
    assert len(f"{rounded:.15g}".replace(".", "").strip("0")) <= 2
