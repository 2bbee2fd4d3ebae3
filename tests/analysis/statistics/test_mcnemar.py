import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar as reference

from analysis.statistics.secondary.mcnemar import from_counts, mcnemar


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


def test_discordant_images_are_counted_from_correctness():
    found = mcnemar(np.array([1, 1, 0, 0, 1]), np.array([1, 0, 1, 0, 0]))
    assert (found.only_a, found.only_b) == (2, 1)
