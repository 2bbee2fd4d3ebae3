"""The configurations that stand for a search space before anything was tried."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.config.space import Choice, Range
from study.planning.configurations import configurations, median, most_trials
from tests.support.study_files import approach


@pytest.mark.parametrize(
    ("distribution", "middle"),
    [
        (Range(1e-4, 1e-2, log=True), 1e-3),
        (Range(0.0, 1.0), 0.5),
        (Range(1, 10, whole=True), 6),
        (Range(10, 160, log=True, whole=True), 40),
        (Choice((128, 16, 32)), 32),
        (Choice((128, 16, 32, 64)), 32),
        (Choice((True, False)), True),
        (Choice(("rbf", "linear")), "rbf"),
    ],
)
def test_the_median_of_a_range_and_of_choices(distribution, middle):
    assert median(distribution) == pytest.approx(middle)


@given(st.integers(1, 500), st.integers(0, 500), st.booleans())
def test_the_median_of_whole_numbers_is_one_that_the_search_could_draw(low, more, log):
    distribution = Range(low, low + more, log=log, whole=True)
    assert distribution.holds(median(distribution))


def test_constants_belong_to_both_configurations_and_published_values_to_one():
    space = {"lr": {"loguniform": [1e-4, 1e-2]}, "epochs": {"int": [1, 9]}, "batch_size": 16}
    found = configurations(approach(space, published={"lr": 0.002, "epochs": 20}))
    assert found["published"] == {"batch_size": 16, "lr": 0.002, "epochs": 20}
    assert found["median"] == {"batch_size": 16, "lr": pytest.approx(1e-3), "epochs": 5}


def test_without_published_values_there_is_the_median_alone():
    assert configurations(approach({"epochs": 3})) == {"median": {"epochs": 3}}


def test_a_space_is_as_large_as_its_choices_and_no_larger_than_max_trials():
    choices = {"epochs": {"int": [1, 9]}, "batch_size": {"categorical": [16, 32]}}
    assert most_trials(approach(choices)) == 18
    assert most_trials(approach(choices, max_trials=5)) == 5
    assert math.isfinite(most_trials(approach({"lr": {"loguniform": [1e-4, 1e-2]}})))
