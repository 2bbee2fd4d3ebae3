"""Rounding never says what is not so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.numbers import counted, in_points, listed, number, p_clause, p_value, points, points_interval, signed


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.013, "+1.3"), (-0.013, "−1.3"), (0.0, "0.0"), (-1e-17, "0.0"), (0.0004, "+0.04"), (-0.00004, "−0.004")],
)
def test_points_show_a_difference_that_is_there_and_no_sign_where_there_is_none(value, words):
    assert points(value) == words


@given(st.floats(-1, 1).filter(lambda value: abs(value) >= 1e-6))
def test_a_difference_keeps_its_sign_in_any_interval(value):
    for shown in (points(value), signed(value)):
        assert shown.startswith("+" if value > 0 else "−")
        assert set(shown) & set("123456789")


def test_an_interval_that_excludes_zero_is_not_written_as_if_it_held_it():
    assert points_interval(0.0002, 0.031) == "+0.02 to +3.1"


@pytest.mark.parametrize(
    ("p", "words"),
    [(0.0496, "0.0496"), (0.04997, "0.04997"), (0.05, "0.050"), (0.0503, "0.0503"), (0.0512, "0.051"), (1.0, "1.000")],
)
def test_a_p_value_stands_on_its_side_of_the_usual_levels(p, words):
    assert p_value(p) == words


def test_a_small_p_is_said_in_words_that_fit_a_sentence():
    assert (p_clause(0.0004), p_clause(0.034)) == ("p < 0.001", "p = 0.034")


def test_zero_has_no_sign():
    assert (number(-0.0001), number(-0.0), signed(0.0)) == ("0.000", "0.000", "0.000")


def test_counts_and_lists_read_well():
    assert (counted(1, "image"), counted(1324, "image"), counted(2, "search", "searches")) == (
        "1 image",
        "1,324 images",
        "2 searches",
    )
    assert (listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])) == ("a", "a and b", "a, b and c")
    assert (in_points(0.01), in_points(0.015)) == ("1 point", "1.5 points")
