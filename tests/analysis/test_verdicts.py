import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from analysis.paired import Components, Difference
from analysis.verdicts import equivalence_p, holm, verdict


def pair(difference: float, se: float, df: float = 1e6) -> Difference:
    return Difference("a", "b", difference, -1, 1, se, df, 0.5, Components(se**2, 0, 0), None)


@settings(max_examples=20)  # multipletests collects garbage at every call
@given(st.lists(st.floats(0, 1), min_size=1, max_size=10))
def test_holm_agrees_with_statsmodels(p):
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], abs=1e-12)


def test_holm_of_no_pair_is_empty():
    assert holm([]) == ()


def test_a_corrected_difference_decides_for_the_better_one():
    assert verdict(pair(0.1, 0.02), 0.01, alpha=0.05, margin=0.01) == "a_better"
    assert verdict(pair(-0.1, 0.02), 0.01, alpha=0.05, margin=0.01) == "b_better"


def test_a_large_p_alone_is_undecided():
    assert verdict(pair(0.0, 0.02), 0.99, alpha=0.05, margin=0.01) == "undecided"


def test_a_narrow_interval_within_the_margin_is_equivalent():
    assert verdict(pair(0.0, 0.002), 0.99, alpha=0.05, margin=0.01) == "equivalent"


@pytest.mark.parametrize(("difference", "below"), [(0.00355, True), (0.00356, False)])
def test_equivalence_holds_exactly_when_the_ninety_percent_interval_is_within_the_margin(difference, below):
    # z_0.95 = 1.644854: with se 0.00392 the half width is 0.006448, leaving 0.003552 of a margin of 0.01
    assert (equivalence_p(pair(difference, 0.00392), 0.01) < 0.05) == below


@pytest.mark.parametrize(("units", "expected"), [(2, 0.9801), (298, 0.05003), (299, 0.04953)])
def test_identical_answers_are_equivalence_only_on_enough_images(units, expected):
    # 0.99^units; 299 is the least at which a share of 1 % is ruled out at 95 %, as in zero-numerator tables
    # ("rule of three", Hanley & Lippman-Hand 1983, JAMA 249:1743)
    alike = pair(0.0, 0.0, df=units - 1)
    assert equivalence_p(alike, 0.01) == pytest.approx(expected, abs=1e-5)
    assert (verdict(alike, 1.0, alpha=0.05, margin=0.01) == "equivalent") == (units >= 299)


def test_a_difference_without_variance_is_never_equivalence():
    assert equivalence_p(pair(0.005, 0.0), 0.01) == 1
    assert equivalence_p(pair(0.5, 0.0), 0.01) == 1
