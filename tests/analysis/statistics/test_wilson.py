"""Wilson's interval of a proportion."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.discrete.discrete_model import Logit
from statsmodels.stats.proportion import proportion_confint

from analysis.statistics.wilson import gap, wilson, wilson_or_logit

SHARES, SIZES, QUANTILES = st.floats(0, 1), st.floats(0.5, 1e6), st.floats(0, 1000)


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_it_is_that_of_newcombes_table(k, n, low, high):
    assert wilson(k / n, n, 1.959964) == pytest.approx((low, high), abs=6e-5)


@given(k=st.integers(0, 300), more=st.integers(0, 300), alpha=st.sampled_from([0.01, 0.05, 0.1]))
def test_it_agrees_with_scipy_and_statsmodels(k, more, alpha):
    n = max(1, k + more)
    found = wilson(k / n, n, stats.norm.isf(alpha / 2))
    assert found == pytest.approx(stats.binomtest(k, n).proportion_ci(1 - alpha, method="wilson"), abs=1e-9)
    assert found == pytest.approx(proportion_confint(k, n, alpha=alpha, method="wilson"), abs=1e-9)


@given(SHARES, SIZES, QUANTILES)
def test_it_holds_the_proportion_and_stays_between_0_and_1(p, n, quantile):
    low, high = wilson(p, n, quantile)
    assert 0 <= low <= p <= high <= 1


@given(SHARES, SIZES, QUANTILES)
def test_what_is_wrong_has_the_mirrored_interval_of_what_is_right(p, n, quantile):
    low, high = wilson(p, n, quantile)
    assert wilson(1 - p, n, quantile) == pytest.approx((1 - high, 1 - low), abs=1e-9)


@given(SHARES, SIZES, QUANTILES)
def test_joined_with_the_interval_of_the_logit_it_is_no_narrower(p, n, quantile):
    low, high = wilson(p, n, quantile)
    farther = wilson_or_logit(p, n, quantile)
    assert 0 <= farther[0] <= low
    assert high <= farther[1] <= 1


def test_on_the_scale_of_the_logit_the_interval_of_a_proportion_is_that_of_logistic_regression():
    # statsmodels: an intercept alone, 95 of 100 right
    fit = Logit(np.repeat([1.0, 0.0], [95, 5]), np.ones(100)).fit(disp=0)
    low, _ = fit.conf_int(0.05)[0]
    assert wilson_or_logit(0.95, 100, stats.norm.isf(0.025))[0] == pytest.approx(1 / (1 + np.exp(-low)), rel=1e-6)


@given(st.floats(0.01, 0.99), st.integers(1, 1000), st.floats(0.1, 100))
def test_at_its_ends_the_score_statistic_is_the_quantile(p, n, z):
    # Wilson's definition: the proportions P with |p - P| = z sqrt(P (1 - P) / n).
    for end in wilson(p, n, z):
        assert (p - end) ** 2 == pytest.approx(z**2 * end * (1 - end) / n, abs=1e-9)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    # Newcombe 1998, Statistics in Medicine 17:873, Table II, method 10
    [((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090), ((10, 10), (0, 20), 0.6791, 1.0)],
)
def test_the_gap_of_two_proportions_has_the_published_intervals(first, second, low, high):
    (x1, n1), (x2, n2) = first, second
    found = gap(x1 / n1, n1, x2 / n2, n2, quantile=float(stats.norm.isf(0.025)))
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
    assert found.difference == pytest.approx(x1 / n1 - x2 / n2)
