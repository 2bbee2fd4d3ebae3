"""Two proportions by their counts alone, against published tables, statsmodels and the enumeration of all tables."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import (
    confint_proportions_2indep,
    proportions_ztest,
    samplesize_proportions_2indep_onetail,
)

from analysis.published.counts import Counts, paired, paired_images, unpaired, unpaired_images
from analysis.statistics.secondary.mcnemar import McNemar, from_counts


def exactly(k: int, n: int) -> Counts:
    return Counts(k, k, k, n)


@st.composite
def counts(draw: st.DrawFn, images: int | None = None) -> Counts:
    """A range of counts, as rounding leaves it."""
    n = images or draw(st.integers(1, 300))
    fewest, nearest, most = sorted(draw(st.tuples(*[st.integers(0, n)] * 3)))
    return Counts(fewest, nearest, most, n)


@st.composite
def small_pairs(draw: st.DrawFn) -> tuple[Counts, Counts]:
    n = draw(st.integers(1, 8))
    return draw(counts(n)), draw(counts(n))


@cache
def mcnemar_of(only_a: int, only_b: int) -> McNemar:
    return from_counts(only_a, only_b)


def all_tables(a: Counts, b: Counts) -> Iterator[McNemar]:
    """Every table of pairs with these counts, found by trying all."""
    for both, only_a, only_b in product(range(a.images + 1), repeat=3):
        fits = a.fewest <= both + only_a <= a.most and b.fewest <= both + only_b <= b.most
        if fits and both + only_a + only_b <= a.images:
            yield mcnemar_of(only_a, only_b)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    # Newcombe 1998, Statistics in Medicine 17:873, table II, method 10
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_the_interval_of_a_difference_is_that_of_newcombes_table(first, second, low, high):
    found = unpaired(exactly(*first), exactly(*second), alpha=0.05, level=0.05)
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-5)


@given(a=counts(), b=counts(), alpha=st.sampled_from([0.01, 0.05, 0.1]))
def test_the_interval_and_the_unpaired_test_agree_with_statsmodels(a, b, alpha):
    found = unpaired(a, b, alpha=alpha, level=0.05)
    pairs = (a.nearest, a.images, b.nearest, b.images)
    expected = confint_proportions_2indep(*pairs, method="newcomb", alpha=alpha)
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-9)
    if 0 < a.nearest + b.nearest < a.images + b.images:
        z, p = proportions_ztest([a.nearest, b.nearest], [a.images, b.images])
        assert (found.z, found.p) == pytest.approx((z, p), abs=1e-9)


@given(p_a=st.floats(0.05, 0.95), p_b=st.floats(0.05, 0.95), level=st.sampled_from([0.01, 0.05]))
def test_the_images_for_an_unpaired_test_agree_with_statsmodels(p_a, p_b, level):
    if abs(p_a - p_b) < 1e-3:
        return
    expected = samplesize_proportions_2indep_onetail(p_a - p_b, p_b, 0.8, alpha=level, alternative="two-sided")
    assert -1e-6 <= unpaired_images(p_a, p_b, level=level) - expected <= 1 + 1e-6


def test_the_images_for_a_paired_test_agree_with_a_published_calculator():
    # discordant probabilities 0.45 and 0.05: 23 pairs, in the R code of open-powersamplesize (McNemar's Z-test,
    # two-sided), which cites Connor 1987, Biometrics 43:207, page 209
    assert paired_images(0.4, 0.5, level=0.05) == 23


def power_of_the_paired_test(n: int, difference: float, discordance: float) -> float:
    """Summed over all tables."""
    share = (discordance + difference) / (2 * discordance)  # of the discordant images, those that the better one has
    power = 0.0
    for m in range(n + 1):
        seen = stats.binom.pmf(m, n, discordance)
        if seen > 1e-9:
            rejected = [k for k in range(m + 1) if mcnemar_of(k, m - k).p_mid < 0.05]
            power += seen * float(stats.binom.pmf(rejected, m, share).sum())
    return power


@pytest.mark.parametrize(("difference", "discordance"), [(0.05, 0.1), (0.1, 0.25)])
def test_with_the_images_said_to_be_needed_the_power_is_about_80_percent(difference, discordance):
    n = paired_images(difference, discordance, level=0.05)
    assert power_of_the_paired_test(n, difference, discordance) == pytest.approx(0.8, abs=0.02)


def test_at_the_lowest_discordance_the_images_said_to_be_needed_are_enough():
    assert 0.8 < power_of_the_paired_test(paired_images(0.04, 0.04, level=0.05), 0.04, 0.04) < 0.9


@given(small_pairs(), st.sampled_from([0.05, 0.1, 0.3]))
def test_the_bounds_of_the_paired_test_are_attained_and_never_passed(pair, level):
    tests = list(all_tables(*pair))
    found = paired(*pair, level=level)
    for p in ("p_mid", "p_exact"):
        assert getattr(found.lowest, p) == pytest.approx(min(getattr(test, p) for test in tests), abs=1e-12)
        assert getattr(found.highest, p) == pytest.approx(max(getattr(test, p) for test in tests), abs=1e-12)


@given(small_pairs(), st.sampled_from([0.05, 0.1, 0.3]))
def test_below_the_first_limit_every_table_is_significant_and_above_the_second_none(pair, level):
    found = paired(*pair, level=level)
    sure, possible = found.limits
    significant = {(t.only_a, t.only_b): t.p_mid < level for t in all_tables(*pair)}
    assert all(answer for counted, answer in significant.items() if 0 < sum(counted) <= sure)
    most = max((sum(counted) for counted, answer in significant.items() if answer), default=0)
    assert most == possible or (found.largest_settles and most > possible)


@given(small_pairs())
def test_the_possible_discordance_is_that_of_all_tables(pair):
    a, b = (exactly(c.nearest, c.images) for c in pair)
    discordances = [(test.only_a + test.only_b) / a.images for test in all_tables(a, b)]
    found = paired(a, b, level=0.05)
    assert (found.least, found.most) == pytest.approx((min(discordances), max(discordances)))
    assert found.least - 1e-12 <= found.independent <= found.most + 1e-12


def test_a_published_table_lies_within_the_bounds_of_its_margins():
    # Agresti, Categorical Data Analysis, approval of the prime minister in two surveys of the same 1,600 voters:
    # 794 approve twice, 150 only first, 86 only later; McNemar's z = -4.17, so p = 0.00003
    found = paired(exactly(944, 1600), exactly(880, 1600), level=0.05)
    true = from_counts(150, 86)
    assert true.p_mid == pytest.approx(2 * stats.norm.sf(4.17), rel=0.1)
    assert found.lowest.p_mid < true.p_mid < found.highest.p_mid
    assert found.least <= 236 / 1600 <= found.most
    assert found.limits[0] >= 236


def test_a_small_published_table_is_one_of_three_that_its_margins_allow():
    # Fagerland, Lydersen & Laake 2013, BMC Medical Research Methodology 13:91: airway hyper-responsiveness of 21
    # children, 2 before and 8 after; 1 only before, 7 only after: mid-p = 0.039
    found = paired(exactly(8, 21), exactly(2, 21), level=0.05)
    assert (found.lowest.only_a, found.lowest.only_b, found.lowest.p_exact) == (6, 0, 2 / 2**6)
    assert (found.highest.only_a, found.highest.only_b) == (8, 2)
    assert found.highest.p_mid > 0.05
    assert found.limits == (8, 8)  # the seven and one of the study


@given(a=counts(40), b=counts(40))
@example(a=Counts(0, 0, 7, 40), b=Counts(1, 1, 6, 40))  # 7 to 1 is as far apart as 0 to 6, with more tables
def test_swapping_the_two_flips_the_signs_and_nothing_else(a, b):
    one, other = (unpaired(*pair, alpha=0.05, level=0.05) for pair in ((a, b), (b, a)))
    assert (one.low, one.high, one.z) == pytest.approx((-other.high, -other.low, -other.z))
    assert (one.p, one.p_lowest, one.p_highest) == pytest.approx((other.p, other.p_lowest, other.p_highest))
    first, second = paired(a, b, level=0.05), paired(b, a, level=0.05)
    limits = [(each.limits, each.least, each.most, each.needed) for each in (first, second)]
    assert limits[0] == limits[1]
    assert first.lowest.p_mid == second.lowest.p_mid
    assert first.highest.p_mid == second.highest.p_mid


@given(a=counts(), b=counts())
def test_p_values_are_probabilities_in_order_and_the_interval_contains_the_difference(a, b):
    found = unpaired(a, b, alpha=0.05, level=0.05)
    assert 0 <= found.p_lowest <= found.p + 1e-12
    assert found.p <= found.p_highest + 1e-12 <= 1 + 1e-9
    assert found.low - 1e-12 <= a.share - b.share <= found.high + 1e-12


@given(pair=small_pairs())
def test_the_bounds_of_the_unpaired_test_hold_for_all_counts(pair):
    a, b = pair
    found = unpaired(a, b, alpha=0.05, level=0.05)
    for k_a, k_b in product(range(a.fewest, a.most + 1), range(b.fewest, b.most + 1)):
        if 0 < k_a + k_b < a.images + b.images:
            _, p = proportions_ztest([k_a, k_b], [a.images, b.images])
            assert found.p_lowest - 1e-12 <= p <= found.p_highest + 1e-12


def test_without_a_single_error_nothing_is_significant():
    perfect = exactly(50, 50)
    assert unpaired(perfect, perfect, alpha=0.05, level=0.05).p == 1
    found = paired(perfect, perfect, level=0.05)
    assert (found.highest.p_mid, found.limits, found.kappa, found.needed) == (1, (0, 0), None, ())
    assert not found.largest_settles


def test_a_million_images_are_no_trouble():
    found = paired(exactly(861_000, 10**6), exactly(860_000, 10**6), level=0.05)
    assert found.limits[0] == pytest.approx((1000 / 1.96) ** 2, rel=0.001)  # d / sqrt(discordant) = z


def test_different_numbers_of_images_cannot_be_paired():
    with pytest.raises(ValueError, match="10 and 20 images cannot be paired"):
        paired(exactly(5, 10), exactly(5, 20), level=0.05)
