import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as reference

from analysis.statistics.secondary.mcnemar import from_counts, mcnemar, mid_p_interval


def test_it_agrees_with_a_published_example():
    # Fagerland, Lydersen & Laake 2013, airway hyper-responsiveness before and after transplantation:
    # 1 and 7 discordant pairs, exact p = 0.070, mid-p = 0.039
    found = from_counts(1, 7)
    assert (round(found.p_exact, 3), round(found.p_mid, 3)) == (0.07, 0.039)


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_exact_p_agrees_with_statsmodels_and_the_mid_p_is_smaller(only_a, only_b):
    found = from_counts(only_a, only_b)
    assert found.p_exact == pytest.approx(float(reference([[5, only_a], [only_b, 5]], exact=True).pvalue), abs=1e-12)
    assert 0 <= found.p_mid <= found.p_exact <= 1


def test_equal_discordant_counts_give_a_mid_p_below_one():
    assert from_counts(1, 1).p_mid == pytest.approx(1 - 0.5 * 0.5)  # half the probability 2 / 4 of what was seen


def test_without_discordant_images_p_is_one():
    assert from_counts(0, 0).p_mid == 1


def test_the_limits_of_the_interval_are_where_the_mid_p_of_the_discordant_images_is_half_of_alpha():
    # With every image discordant psi is 1 but for Wilson's lower limit, so that the upper limit is that of 2 pi - 1.
    found = mid_p_interval(12, 8, 20)
    pi = (found.high + 1) / 2
    assert stats.binom.cdf(11, 20, pi) + stats.binom.pmf(12, 20, pi) / 2 == pytest.approx(0.025, abs=1e-9)


@pytest.mark.parametrize(("images", "discordant", "first"), [(40, 0.3, 0.5), (40, 0.3, 0.9), (60, 0.2, 0.75)])
def test_the_interval_covers_the_difference_over_all_samples(images, discordant, first):
    true, covered, seen = discordant * (2 * first - 1), 0.0, 0.0
    for n in range(1, 25):
        for k in range(n + 1):
            chance = stats.binom.pmf(n, images, discordant) * stats.binom.pmf(k, n, first)
            interval = mid_p_interval(k, n - k, images)
            covered += chance * (interval.low <= true <= interval.high)
            seen += chance
    assert 0.95 <= covered / seen <= 0.99


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 500))
def test_the_interval_turns_over_with_the_runs(only_a, only_b, more):
    images = only_a + only_b + more
    if only_a + only_b:
        one, other = mid_p_interval(only_a, only_b, images), mid_p_interval(only_b, only_a, images)
        assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-12)


def test_discordant_images_are_counted_from_correctness():
    found = mcnemar(np.array([1, 1, 0, 0, 1]), np.array([1, 0, 1, 0, 0]))
    assert (found.only_a, found.only_b) == (2, 1)
