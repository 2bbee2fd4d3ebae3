"""Where the search draws a hyperparameter from: ranges and choices, and how a study file writes them."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.config.models import ApproachConfig
from study.config.space import Choice, Range, parse_hyperparameter
from tests.support.study_files import approach, small_config

bounds = st.floats(1e-6, 1e6)
ranges = st.tuples(st.sampled_from(["loguniform", "uniform"]), bounds, bounds)
whole_ranges = st.tuples(st.sampled_from(["int", "logint"]), st.integers(1, 500), st.integers(1, 500))


def parsed(written):
    return parse_hyperparameter("lr", written)


@given(ranges | whole_ranges)
def test_a_range_reads_back_as_it_is_written(drawn):
    kind, a, b = drawn
    written = {kind: sorted([a, b])}
    distribution = parsed(written)
    assert distribution.written() == written
    assert all(distribution.holds(value) for value in distribution.examples)


@given(
    st.lists(st.integers(-(10**99), 10**99) | st.text(max_size=200) | st.floats(-1e100, 1e100), min_size=1, unique=True)
)
def test_a_choice_reads_back_as_it_is_written(choices):
    distribution = parsed({"categorical": choices})
    assert distribution.written() == {"categorical": choices}
    assert all(distribution.holds(value) for value in choices)


@pytest.mark.parametrize(
    ("written", "distribution"),
    [
        ({"loguniform": [1e-4, 1]}, Range(1e-4, 1, log=True)),
        ({"uniform": [0, 0.5]}, Range(0, 0.5)),
        ({"int": [3, 7]}, Range(3, 7, whole=True)),
        ({"logint": [1, 8]}, Range(1, 8, log=True, whole=True)),
        ({"categorical": ["rbf", "linear"]}, Choice(("rbf", "linear"))),
    ],
)
def test_each_distribution_of_the_study_file_is_a_range_or_a_choice(written, distribution):
    assert parsed(written) == distribution


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ({"int": [3, 7]}, 5),
        ({"logint": [1, 8]}, 8),
        ({"categorical": [True, False]}, 2),
        ({"uniform": [0, 1]}, float("inf")),
    ],
)
def test_the_size_of_a_distribution_counts_its_values(written, size):
    assert parsed(written).size == size


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ({"int": [3, 7]}, [3, 4, 5, 6, 7]),
        ({"logint": [1, 3]}, [1, 2, 3]),
        ({"categorical": [True, False]}, [True, False]),
    ],
)
def test_a_finite_distribution_lists_its_values(written, values):
    assert list(parsed(written).values) == values


def test_the_bounds_of_whole_numbers_are_integers_and_those_of_a_choice_all_choices():
    assert [type(bound) for bound in Range(1.0, 3.0, whole=True).bounds] == [int, int]
    assert Range(1, 3).bounds == (1, 3)
    assert Choice(("a", "b", "c")).bounds == ("a", "b", "c")


def test_a_continuous_range_has_an_example_that_is_no_whole_number():
    assert any(not float(value).is_integer() for value in Range(5, 60).examples)
    assert all(float(value).is_integer() for value in Range(5, 60, whole=True).examples)


@pytest.mark.parametrize(
    ("distribution", "inside", "outside"),
    [
        (Range(1, 3), [1, 2.5, 3], [0.99, 3.01, math.nan, "2"]),
        (Range(1, 3, whole=True), [1, 2, 3.0], [0, 2.5, 4, "2"]),
        (Choice((1, "a")), [1, "a"], [2, "b"]),
    ],
)
def test_a_distribution_holds_what_the_search_could_draw_from_it(distribution, inside, outside):
    assert all(distribution.holds(value) for value in inside)
    assert not any(distribution.holds(value) for value in outside)


def test_a_resolved_study_file_writes_bounds_as_numbers_of_their_kind():
    """As text, so that the study files of earlier versions and of this one are the same."""
    space = {"lr": {"loguniform": [1, 10]}, "epochs": {"logint": [1.0, 9]}, "flip": {"categorical": [True, False]}}
    cnn = {"approaches__better_cnn__space": space, "approaches__better_cnn__published": None}
    assert (
        "    space:\n"
        "      lr:\n        loguniform:\n        - 1.0\n        - 10.0\n"
        "      epochs:\n        logint:\n        - 1\n        - 9\n"
        "      flip:\n        categorical:\n        - true\n        - false\n"
    ) in small_config(**cnn).to_yaml()


def test_a_space_reads_back_from_what_it_is_dumped_to():
    config = approach({"lr": {"loguniform": [1e-4, 1e-2]}, "crop": {"int": [0, 3]}, "batch_size": 16})
    assert ApproachConfig.model_validate(config.model_dump()) == config


def test_the_configuration_knows_no_sampler_no_network_and_no_cluster():
    folder = Path(__file__).resolve().parents[3] / "study" / "config"
    for path in folder.glob("*.py"):
        text = path.read_text()
        assert not any(f"import {name}" in text or f"from {name}" in text for name in ("optuna", "torch", "ray")), path
