"""What is charged for features that the cache has, by hand and with rivals for the only CPU."""

from __future__ import annotations

import math
from dataclasses import astuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.search.contention import CONTENDED, factor_of
from trainables.backbones.costs import BUSY, Cost, Price, costs_note, in_all, priced

CALM, BUSY_COST = Cost(10.0, 9.9, 0.1), Cost(43.1, 10.5, 32.6)
UNKNOWN = Cost(43.1)  # of a version that counted no CPU seconds


def never() -> Cost:
    raise AssertionError("measured again without need")


def test_the_factor_is_how_many_times_as_long_it_took_as_with_a_cpu_at_all_times():
    assert Cost(9.65, 2.38, 7.27).factor == pytest.approx(9.65 / 2.38)  # as measured at load 24
    assert Cost(4.0, 1.0, 0.0).factor == 1.0, "one thread of four: no wait, however few CPU seconds"
    assert Cost(4.0, 1.0).factor is None


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_factor_is_at_least_one_and_finite(seconds, waited_s):
    factor = Cost(seconds, 0.0, min(waited_s, seconds)).factor
    assert factor is not None
    assert 1 <= factor < math.inf


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_the_factor_is_that_of_the_report(seconds, waited_s):
    """Also where all of it was waiting: that is no calm machine."""
    waited_s = min(waited_s, seconds)
    assert Cost(seconds, 0.0, waited_s).factor == factor_of(seconds, waited_s)
    assert not seconds or Cost(seconds, 0.0, seconds).busy


def test_a_cost_of_a_calm_machine_is_charged_as_it_is():
    assert priced(CALM, never) == Price(CALM)


def test_where_nobody_can_tell_whether_the_machine_was_busy_its_cost_is_charged_as_it_is():
    price = priced(Cost(43.1, 10.5), never)
    assert price.cost.seconds == 43.1


@pytest.mark.parametrize("found", [BUSY_COST, UNKNOWN])
def test_a_cost_of_a_busy_machine_or_of_nobody_knows_which_is_measured_again(found):
    assert priced(found, lambda: CALM) == Price(CALM, found)


@pytest.mark.parametrize("found", [BUSY_COST, UNKNOWN])
def test_where_the_machine_is_still_busy_the_lower_figure_is_charged(found):
    worse, better = Cost(60.0, 10.0, 50.0), Cost(20.0, 10.0, 10.0)
    assert priced(found, lambda: worse) == Price(found, found, calm=False)
    assert priced(found, lambda: better) == Price(better, found, calm=False)


def test_the_limit_is_that_of_the_report():
    assert BUSY == CONTENDED


def test_what_is_not_known_of_a_part_is_not_known_of_the_whole():
    assert astuple(in_all([CALM, BUSY_COST])) == pytest.approx((53.1, 20.4, 32.7))
    assert in_all([CALM, UNKNOWN]) == Cost(53.1)


@pytest.mark.parametrize(
    ("prices", "line"),
    [
        ([Price(CALM), Price(CALM)], None),
        ([Price(Cost(0.9, 0.2, 0.7))], None),
        (
            [Price(BUSY_COST), Price(CALM)],
            "Features of net, 32 x 32: 53.1 s are charged, 32.7 s of which passed in waiting for a CPU that other "
            "programs had; they are timed again before another study is charged for them",
        ),
        (
            [Price(CALM, BUSY_COST)],
            "Features of net, 32 x 32: 10.0 s are charged, by a sample timed again just now (43.1 s when they were "
            "made, on a busy machine or before anybody looked)",
        ),
        (
            [Price(CALM, BUSY_COST), Price(BUSY_COST, BUSY_COST, calm=False)],
            "Features of net, 32 x 32: 53.1 s are charged, the least that is known: the machine is busy just now as "
            "well (86.2 s when they were made, on a busy machine or before anybody looked)",
        ),
    ],
)
def test_one_line_says_what_is_odd_about_a_cost(prices, line):
    assert costs_note("net, 32 x 32", prices) == line
