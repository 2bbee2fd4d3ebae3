from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from analysis.statistics.reference import Reference

PARTS, DFS = st.floats(1e-8, 1), st.floats(1, 1e5)
REFERENCES = st.builds(Reference, PARTS, DFS, PARTS, DFS)


def test_it_is_the_weighted_mean_of_two_critical_values():
    # t(10) and t(4) at 97.5 % are 2.2281 and 2.7764 in every table: (3 * 2.2281 + 1 * 2.7764) / 4 = 2.3652
    found = Reference(3.0, 10, 1.0, 4)
    assert found.quantile(0.025) == pytest.approx(2.3652, abs=5e-5)
    assert found.p(2.3652) == pytest.approx(0.05, abs=1e-5)
    assert stats.t.isf(0.025, found.df(0.05)) == pytest.approx(2.3652, abs=5e-5)


@given(REFERENCES, st.floats(1e-12, 0.49))
def test_the_tail_inverts_the_quantile(reference, tail):
    assert reference.tail(reference.quantile(tail)) == pytest.approx(tail, rel=1e-6)
    assert reference.quantile(1 - tail) == pytest.approx(-reference.quantile(tail), rel=1e-3)
    assert reference.tail(-reference.quantile(tail)) == pytest.approx(1 - tail)


@given(REFERENCES)
def test_the_farther_the_less_probable_however_far(reference):
    found = [reference.tail(t) for t in (-1e9, -3.0, 0.0, 1e-9, 0.5, 2.0, 8.0, 50.0, 1e4, 1e9, 1e30, 1e200)]
    assert found[0] == pytest.approx(1)
    assert found[2] == pytest.approx(0.5)
    assert all(0 < farther <= nearer + 1e-12 for nearer, farther in pairwise(found))


def test_with_one_part_alone_it_is_the_t_distribution():
    for reference in (Reference(0.3, 7, 0.0, 1), Reference(0.0, 99, 0.3, 7)):
        assert reference.p(3.0) == pytest.approx(2 * stats.t.sf(3.0, 7), rel=1e-12)
        assert reference.quantile(0.01) == pytest.approx(stats.t.isf(0.01, 7), rel=1e-12)
    assert Reference(0.3, 7, 0.0, 1).df(0.05) == 7


@given(REFERENCES, st.floats(0.01, 30))
def test_a_mean_square_of_one_degree_of_freedom_is_the_square_of_t(reference, t):
    assert reference.f_tail(t**2, 1) == pytest.approx(reference.p(t), rel=1e-6)


def test_the_root_of_a_mean_square_is_weighed():
    # Oracle: the level at which the weighed roots of scipy's quantiles are the root of what was seen.
    def apart(p: float) -> float:
        return (2 * stats.f.isf(p, 3.3, 40) ** 0.5 + stats.f.isf(p, 3.3, 6) ** 0.5) / 3 - 5**0.5

    found = Reference(2, 40, 1, 6).f_tail(5.0, 3.3)
    assert found == pytest.approx(optimize.brentq(apart, 1e-6, 0.5, xtol=1e-14), rel=1e-6)


@given(REFERENCES, st.sampled_from([0.001, 0.05, 0.3]))
def test_the_degrees_of_freedom_lie_between_those_of_the_parts(reference, alpha):
    low, high = sorted((reference.image_df, reference.seeds_df))
    assert low * (1 - 1e-9) <= reference.df(alpha) <= high * (1 + 1e-9)


def test_a_large_mean_square_on_hardly_more_than_two_degrees_of_freedom_has_a_level():
    """SciPy's inverse of the beta distribution is not a number for the tiny levels that are tried there."""
    found = [Reference(3.0, 119, 1.0, df).f_tail(72.0, 1.43) for df in (1.9999, 2.0, 2.0000000000000036, 2.0001)]
    assert found == pytest.approx([found[1]] * 4, rel=1e-3)


@pytest.mark.parametrize(("df1", "df2"), [(1.5240708632179767, 2.0049937107027302), (1.96327, 2.0285275)])
def test_tiny_tails_of_f_near_two_degrees_of_freedom_have_a_number(df1, df2):
    # the inverse of the incomplete beta function in scipy is NaN for some tails here; its forward function is right
    parts = Reference(1.0, 1000.0, 1e9, df2)  # nearly all weight on df2
    for f in (1e15, 1e20, 1e25, 1e30):
        assert parts.f_tail(f, df1) == pytest.approx(stats.f.sf(f, df1, df2), rel=1e-4)


def test_a_level_next_to_that_of_one_part_alone_is_found():
    # nearly all images in one of four groups: one degree of freedom, and t beyond what rounding tells apart
    for t in (0.5, 5.0, 50.0, 1000.0):
        for share in (1e-15, 1e-12, 1 - 1e-12):
            assert 0 < Reference(share, 1.0, 1 - share, 4.0).tail(t) < 0.5
