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
