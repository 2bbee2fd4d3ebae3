"""From which budget on one approach is expected to be ahead of another for good."""

from dataclasses import replace
from math import nan
from typing import Any

import numpy as np
from hypothesis import given

from analysis.search.redraws import TrialSet
from tests.analysis.search.budgets import TRIALS, compute, set_of


def test_replicates_that_differ_are_no_noise_of_the_redraws():
    sets: dict[str, Any] = {"a": [TrialSet([100], [0.2]), TrialSet([100], [0.6])], "b": TrialSet([100], [0.399])}
    assert compute(sets).overtakings[0].leader == "a"


def test_the_better_one_overtakes_the_faster_one_at_the_last_crossing():
    # fast holds 0.5 from 100 s; slow has 0.3 from 200 s, 0.9 from 600 s, for both orders of its equal costs: 0.3 or 0.9
    # at 300 s with mean 0.6, so it is ahead from there in the mean, and from 300 or 600 s in the single orders.
    found = compute({"fast": TrialSet([100], [0.5]), "slow": TrialSet([300, 300], [0.3, 0.9])})
    (pair,) = found.overtakings
    assert (pair.outcome, pair.leader, pair.crossings) == ("overtakes", "slow", 1)
    assert (pair.from_s, pair.low_s, pair.high_s) == (300, 300, 600)


def test_of_several_crossings_the_last_one_counts():
    # a: 0.5 at 100 s, then 0.9 at 700 s (the same costs in both orders need one accuracy to be useless).
    a = TrialSet([100], [0.5], 0)
    b = TrialSet([300], [0.6], 0)
    c = [TrialSet([50, 650], [0.4, 0.4]), TrialSet([700], [0.9])]
    found = {(o.a, o.b): o for o in compute({"a": a, "b": b, "c": c}).overtakings}  # the leader stands first
    assert (found["b", "a"].leader, found["b", "a"].from_s, found["b", "a"].crossings) == ("b", 300, 1)
    # c is first by its luckiest orders (an expectation of 0.1 at 50 s), then a leads, then c again from 700 s.
    assert (found["c", "a"].leader, found["c", "a"].from_s, found["c", "a"].crossings) == ("c", 700, 2)
    # Half the re-draws of c never exceed 0.4, so that the interval has no upper bound within the budget.
    assert found["c", "a"].high_s is None


def test_who_is_ahead_from_the_first_result_on_is_never_overtaken():
    (pair,) = compute({"a": TrialSet([100, 100], [0.8, 0.9]), "b": TrialSet([200, 200], [0.5, 0.6])}).overtakings
    assert (pair.outcome, pair.leader, pair.crossings) == ("ahead_throughout", "a", 0)
    assert (pair.from_s, pair.low_s, pair.high_s) == (100, 100, 100)


def test_who_has_a_result_is_ahead_of_who_has_none():
    (pair,) = compute({"a": TrialSet([100], [nan]), "b": TrialSet([200], [0.1])}).overtakings
    assert (pair.outcome, pair.leader, pair.from_s) == ("ahead_throughout", "b", 200)


def test_equal_at_the_budget_nobody_leads():
    (pair,) = compute({"a": TrialSet([100], [0.8]), "b": TrialSet([200], [0.8])}).overtakings
    assert (pair.outcome, pair.leader, pair.from_s, pair.low_s, pair.high_s) == ("level", None, None, None, None)


def test_the_noise_of_the_redraws_makes_no_crossings():
    # The same 200 trials twice, one of them a hair better: whatever order is drawn, that one leads or nobody does.
    rng = np.random.default_rng(0)
    costs, accuracies = rng.integers(1, 9, 200), rng.beta(20, 5, 200)
    (pair,) = compute({"a": TrialSet(costs, accuracies), "b": TrialSet(costs, accuracies * 0.999)}, seed=4).overtakings
    assert (pair.leader, pair.crossings) == ("a", 0)


@given(TRIALS, TRIALS)
def test_swapping_two_approaches_changes_who_is_named_first_and_nothing_else(a, b):
    one = compute({"a": set_of(a), "b": set_of(b)})
    other = compute({"b": set_of(b), "a": set_of(a)})
    assert set(one.curves) == set(other.curves)
    first = one.overtakings[0]
    assert first.leader in (first.a, None), "the leader stands first"
    swapped = replace(other.overtakings[0], a=first.a, b=first.b)  # as they are given where nobody leads
    # Single orders are paired at random, so that the interval may differ.
    assert replace(swapped, low_s=None, high_s=None) == replace(first, low_s=None, high_s=None)


@given(TRIALS, TRIALS)
def test_the_overtaking_agrees_with_the_curves(a, b):
    found = compute({"a": set_of(a), "b": set_of(b)})
    (pair,), curves = (
        found.overtakings,
        {c.approach: dict(zip(c.seconds, c.expected, strict=True)) for c in found.curves},
    )
    if pair.leader is None:
        ends = [curve[1000] for curve in curves.values() if curve]
        assert max(ends, default=0) - min(ends, default=0) < 1e-9
        return
    leader, other = curves[pair.leader], curves["b" if pair.leader == "a" else "a"]
    after = [at for at in leader if at >= pair.from_s and at in other]
    assert all(leader[at] >= other[at] - 1e-9 for at in after)
    assert pair.low_s <= pair.from_s
    assert pair.high_s is None or pair.high_s >= pair.from_s
