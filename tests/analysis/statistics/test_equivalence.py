import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep

from analysis.statistics.equivalence import equivalence_p
from analysis.statistics.paired import Alone, Components, Difference, difference
from analysis.statistics.reference import Reference


def pair(a: float, b: float, se_a: float, se_b: float, se: float, df: float = 1e9, units: int = 1000) -> Difference:
    alone = (Alone(a, se_a), Alone(b, se_b))
    parts = Components(se**2, 0, 0)
    return Difference(
        a="a", b="b", difference=a - b, low=-1, high=1, se=se, df=df, p=0.5,
        reference=Reference(se**2, df, 0, df), components=parts, note=None, alone=alone, units=units,
    )  # fmt: skip


def binomial(right_a: int, right_b: int, n: int) -> Difference:
    """Two approaches on n images each, not the same ones."""
    a, b = right_a / n, right_b / n
    se_a, se_b = np.sqrt([a * (1 - a) / n, b * (1 - b) / n])
    return pair(a, b, se_a, se_b, float(np.hypot(se_a, se_b)), units=n)


def test_the_margin_at_a_bound_of_newcombes_ninety_percent_interval_has_p_five_percent():
    # statsmodels has the interval for independent proportions (Newcombe 1998, Statistics in Medicine 17:873, method 10)
    low, high = confint_proportions_2indep(56, 70, 48, 70, method="newcomb", alpha=0.1)
    assert equivalence_p(binomial(56, 48, 70), high) == pytest.approx(0.05, abs=1e-6)
    assert equivalence_p(binomial(48, 56, 70), high) == pytest.approx(0.05, abs=1e-6)
    assert low < 0.05 < high  # so a margin of 0.05 is not ruled out
    assert equivalence_p(binomial(56, 48, 70), 0.05) > 0.5


def test_with_many_images_it_is_the_two_one_sided_t_tests():
    # z = (0.01 - 0.004) / 0.003 = 2, one-sided p 0.02275
    assert equivalence_p(pair(0.804, 0.8, 0.003, 0.003, 0.003), 0.01) == pytest.approx(0.02275, rel=0.03)


@pytest.mark.parametrize(("units", "expected"), [(2, 0.9801), (298, 0.05003), (299, 0.04953)])
def test_identical_answers_are_equivalence_only_on_enough_images(units, expected):
    # 0.99^units; 299 is the least at which a share of 1 % is ruled out at 95 %, as in zero-numerator tables
    # ("rule of three", Hanley & Lippman-Hand 1983, JAMA 249:1743)
    assert equivalence_p(pair(0.8, 0.8, 0.1, 0.1, 0.0, units=units), 0.01) == pytest.approx(expected, abs=1e-5)


def test_a_constant_difference_is_never_equivalence():
    assert equivalence_p(pair(0.805, 0.8, 0.1, 0.1, 0.0), 0.01) == 1


RUNS = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).random((2, 3, 40)) < [[[0.9]], [[0.8]]])


@given(RUNS, st.floats(0.001, 0.9))
def test_swapping_the_approaches_changes_nothing_and_a_wider_margin_is_easier(runs, margin):
    one, other = difference("a", "b", *runs), difference("b", "a", *runs[::-1])
    p = equivalence_p(one, margin)
    assert 0 <= p <= 1
    assert equivalence_p(other, margin) == pytest.approx(p, abs=1e-9)
    assert equivalence_p(one, margin + 0.1) <= p + 1e-12
