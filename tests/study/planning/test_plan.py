"""What a study would do, where its file lets it go on by itself."""

from __future__ import annotations

import pytest

from study.planning.plan import Plan, plan
from tests.support.study_files import small_config
from trainables.data.dataset import Dataset, open_dataset


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return open_dataset(small_config().data)


def planned(dataset: Dataset, **study: object) -> Plan:
    return plan(small_config(**study), dataset, slots=1, gpus=0.0)


@pytest.mark.parametrize("at_most", [2, 3, 5, 9])
def test_a_single_search_that_settles_is_planned_with_its_default_replicates_beside_it(digits, at_most):
    made = planned(digits, replicates=1, final={}, settle={"at_most": at_most})
    assert made.settled is not None
    assert made.settled.config.replicates == at_most
    assert made.repeated is not None
    assert (made.repeated.config.replicates, made.repeated.settled) == (5, None)


def test_a_study_that_may_not_grow_is_planned_as_it_is(digits):
    made = planned(digits, replicates=5, final={}, settle={"at_most": 5})
    assert made.settled is None
    assert made.first_alpha == pytest.approx(0.05)


def test_the_end_of_a_plan_is_what_extending_comes_to(digits):
    made = planned(digits, replicates=2, final__runs=4, settle={"at_most": 3})
    assert made.settled is not None
    assert (made.settled.config.replicates, made.settled.config.final_runs) == (3, 6)
    assert made.first_alpha < 0.05


@pytest.mark.parametrize(
    ("replicates", "runs", "overstated"), [(1, 2, True), (2, 4, True), (1, 5, False), (3, 3, False)]
)
def test_two_repetitions_of_several_approaches_are_said_to_find_less_than_is_reckoned(
    digits, replicates, runs, overstated
):
    """As benchmarks/error_rates measures in its cells power-*-K3-S2 to K6-S2."""
    assert planned(digits, replicates=replicates, final__runs=runs).overstated is overstated
