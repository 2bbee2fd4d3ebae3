from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from analysis.statistics.equivalence import equivalence_p
from analysis.statistics.paired import Alone, Components, Difference
from analysis.statistics.reference import Reference
from analysis.statistics.verdicts import Verdict, holm, verdict


def pair(difference: float, se: float, units: int = 1000) -> Difference:
    alone = (Alone(0.8 + difference, se), Alone(0.8, se))
    parts = Components(se**2, 0, 0)
    return Difference(
        a="a", b="b", difference=difference, low=-1, high=1, se=se, df=1e6, p=0.5,
        reference=Reference(se**2, 1e6, 0, 1e6), components=parts, note=None, alone=alone, units=units,
    )  # fmt: skip


def decide(one: Difference, p_adjusted: float) -> Verdict:
    return verdict(one, p_adjusted, equivalence_p(one, margin=0.01), alpha=0.05)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=10))
def test_holm_agrees_with_statsmodels(p):
    with mock.patch("gc.collect"):  # at every call it collects the garbage of all tests before
        expected = multipletests(p, method="holm")[1]
    assert holm(p) == pytest.approx(expected, abs=1e-12)


def test_holm_of_no_pair_is_empty():
    assert holm([]) == ()


def test_a_corrected_difference_decides_for_the_better_one():
    assert decide(pair(0.1, 0.02), 0.01) == "a_better"
    assert decide(pair(-0.1, 0.02), 0.01) == "b_better"


def test_a_large_p_alone_is_undecided():
    assert decide(pair(0.0, 0.02), 0.99) == "undecided"


def test_a_narrow_interval_within_the_margin_is_equivalent():
    assert decide(pair(0.0, 0.002), 0.99) == "equivalent"


@pytest.mark.parametrize(("units", "expected"), [(298, "undecided"), (299, "equivalent")])
def test_identical_answers_are_equivalence_only_on_enough_images(units, expected):
    # 0.99^299 < 0.05 < 0.99^298: see test_equivalence.py
    assert decide(pair(0.0, 0.0, units=units), 1.0) == expected


def test_a_difference_within_the_margin_is_still_a_difference():
    assert verdict(pair(0.004, 0.001), 0.001, 0.001, alpha=0.05) == "a_better"


def test_equivalence_is_judged_by_its_corrected_p():
    assert verdict(pair(0.0, 0.002), 0.99, 0.06, alpha=0.05) == "undecided"
