import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from math import comb, inf, nan
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from analysis.records.store import read_study
from analysis.records.trials import feature_charges, trial_table
from analysis.search.best_of_budget import BestOfBudget, best_of_budget
from analysis.search.redraws import TrialSet, trial_sets
from tests.support.synthetic_study import StudyWriter, write_study

# Whole seconds, so that with a budget of 1000 s every trial ends on a point of the grid.
TRIALS = st.lists(
    st.tuples(st.integers(0, 300), st.one_of(st.none(), st.integers(0, 20).map(lambda n: n / 20))),
    min_size=1,
    max_size=5,
)


def compute(
    sets: Mapping[str, TrialSet | Sequence[TrialSet]], budget: float = 1000, *, seed: int = 0, **more: Any
) -> BestOfBudget:
    """`sets`: by approach one TrialSet or several."""
    several = {name: [one] if isinstance(one, TrialSet) else list(one) for name, one in sets.items()}
    return best_of_budget(several, budget, rng=np.random.default_rng(seed), **more)


def values(of_trials: ArrayLike) -> list[float]:
    return [float(value) for value in np.asarray(of_trials)]


def set_of(trials: list[tuple[float, float | None]], start: float = 0.0) -> TrialSet:
    return TrialSet([cost for cost, _ in trials], [accuracy for _, accuracy in trials], start)


def step(order: tuple[tuple[float, float | None], ...], start: float, at: float) -> float | None:
    """Best accuracy after `at` seconds if the trials are run in this order: the definition, one trial after another."""
    spent, best = start, None
    for cost, accuracy in order:
        spent += cost
        if spent > at:
            break
        if accuracy is not None:
            best = accuracy if best is None else max(best, accuracy)
    return best


def by_hand(trials: list[tuple[float, float | None]], start: float, at: float) -> list[float | None]:
    return [step(order, start, at) for order in itertools.permutations(trials)]


def value_at(found: BestOfBudget, at: float, line: str = "expected") -> float | None:
    curve = found.curves[0]
    point = [i for i, second in enumerate(curve.seconds) if abs(second - at) < 1e-6]
    return getattr(curve, line)[point[0]] if point else None


def test_two_trials_follow_a_worked_example():
    # 300 s to 0.6 and 100 s to 0.8, after 50 s of features. Orders: 0.6 at 350 s, 0.8 at 450 s; or 0.8 at 150 s.
    found = compute({"a": TrialSet([300, 100], [0.6, 0.8], 50)})
    curve = found.curves[0]
    assert (curve.earliest_s, curve.begins_s) == (150, 350)
    assert (curve.redraws, curve.exact) == (2, True)
    assert value_at(found, 349) is None
    assert (value_at(found, 350), value_at(found, 449)) == pytest.approx((0.7, 0.7))
    assert (value_at(found, 350, "low"), value_at(found, 350, "high")) == (0.6, 0.8)
    assert (value_at(found, 450), value_at(found, 1000)) == pytest.approx((0.8, 0.8))


@given(TRIALS, st.integers(0, 200))
def test_it_equals_the_enumeration_of_all_orders(trials, start):
    found = compute({"a": set_of(trials, start)})
    for at in (0, 100, 250, 333, 600, 1000):
        best = by_hand(trials, start, at)
        if None in best:
            assert value_at(found, at) is None
        else:
            assert value_at(found, at) == pytest.approx(np.mean(best))
            assert value_at(found, at, "low") == pytest.approx(np.quantile(best, 0.025, method="inverted_cdf"))
            assert value_at(found, at, "high") == pytest.approx(np.quantile(best, 0.975, method="inverted_cdf"))


def test_drawn_orders_come_near_to_all_orders():
    rng = np.random.default_rng(3)
    trials = set_of(list(zip(rng.integers(20, 200, 6).tolist(), rng.random(6).tolist(), strict=True)))
    every, drawn = compute({"a": trials}), compute({"a": trials}, redraws=700)
    assert (every.curves[0].exact, drawn.curves[0].exact) == (True, False)
    for at in (300, 400, 500):
        # Four standard errors of the mean of 700 values of standard deviation 0.3 at most.
        assert value_at(drawn, at) == pytest.approx(value_at(every, at), abs=4 * 0.3 / np.sqrt(700))


def test_with_equal_costs_it_is_the_unbiased_closed_form():
    # Drawing k of n without replacement: sum_i a_(i) C(i-1, k-1) / C(n, k) (Tang et al. 2020).
    a = sorted(np.random.default_rng(0).random(6))
    found = compute({"a": TrialSet([100] * 6, a)})
    for k in range(1, 7):
        closed = sum(value * comb(i, k - 1) / comb(6, k) for i, value in enumerate(a))
        assert value_at(found, 100 * k) == pytest.approx(closed)


def test_with_many_trials_of_equal_cost_it_nears_dodges_estimate():
    # Dodge et al. 2019 draw with replacement: E[max of k] = sum_i a_(i) ((i/n)^k - ((i-1)/n)^k). The two
    # differ by less than k^2 / (2 n), the chance to draw a trial twice, times the range of the accuracies.
    n, k = 900, 5
    a = np.sort(np.random.default_rng(1).beta(8, 2, n))
    i = np.arange(1, n + 1)
    closed = float(a @ ((i / n) ** k - ((i - 1) / n) ** k))
    found = compute({"a": TrialSet([1.0] * n, a)}, budget=1000)
    error = 4 * a.std() / np.sqrt(1000)
    assert value_at(found, k) == pytest.approx(closed, abs=error + k**2 / (2 * n) * np.ptp(a))


def test_a_trial_without_an_accuracy_costs_all_the_same():
    with_it, without = (compute({"a": set_of([(200, 0.5), (200, 0.7), *failed])}) for failed in ([(400, None)], []))
    assert (with_it.curves[0].begins_s, without.curves[0].begins_s) == (600, 200)
    assert (with_it.curves[0].trials, with_it.curves[0].validated) == (3, 2)
    assert (value_at(with_it, 1000), value_at(without, 1000)) == pytest.approx((0.7, 0.7))


def test_an_approach_without_an_accuracy_has_no_curve():
    found = compute({"failed": TrialSet([10, 20], [nan, nan]), "nothing": [], "late": TrialSet([2000], [0.9])})
    assert [(c.seconds, c.earliest_s, c.begins_s) for c in found.curves] == [((), None, None)] * 3
    assert {(o.outcome, o.leader, o.from_s) for o in found.overtakings} == {("none", None, None)}


def test_a_search_that_ended_early_keeps_its_best_to_the_end_of_the_budget():
    found = compute({"a": TrialSet([1, 1], [0.9, 0.8])})
    assert found.curves[0].seconds[-1] == 1000
    assert value_at(found, 1000) == 0.9


def test_seconds_that_add_up_to_the_budget_but_for_rounding_are_within_it():
    costs = [0.1] * 3  # sums to 0.30000000000000004
    assert compute({"a": TrialSet(costs, [0.1, 0.2, 0.9])}, budget=0.3).curves[0].expected[-1] == pytest.approx(0.9)


def test_every_replicate_is_a_set_of_its_own():
    # Never mixed: at 100 s a re-draw holds 0.2 or 0.6, at 200 s still, since each set has one accuracy only.
    sets = [TrialSet([100, 100], [0.2, 0.2]), TrialSet([100, 100], [0.6, 0.6])]
    found = compute({"a": sets})
    assert value_at(found, 200) == value_at(found, 1000) == pytest.approx(0.4)
    assert (value_at(found, 1000, "low"), value_at(found, 1000, "high")) == (0.2, 0.6)


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
    found = {(o.a, o.b): o for o in compute({"a": a, "b": b, "c": c}).overtakings}
    assert (found["a", "b"].leader, found["a", "b"].from_s, found["a", "b"].crossings) == ("b", 300, 1)
    # c is first by its luckiest orders (an expectation of 0.1 at 50 s), then a leads, then c again from 700 s.
    assert (found["a", "c"].leader, found["a", "c"].from_s, found["a", "c"].crossings) == ("c", 700, 2)
    # Half the re-draws of c never exceed 0.4, so that the interval has no upper bound within the budget.
    assert found["a", "c"].high_s is None


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
    swapped = replace(other.overtakings[0], a="a", b="b")
    # Single orders are paired at random, so that the interval may differ.
    assert replace(swapped, low_s=None, high_s=None) == replace(one.overtakings[0], low_s=None, high_s=None)


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


@given(TRIALS, st.integers(0, 100), st.sampled_from([0.25, 4.0]))
def test_another_unit_of_time_changes_the_seconds_only(trials, start, unit):
    one = compute({"a": set_of(trials, start)}).curves[0]
    costs = [(cost * unit, accuracy) for cost, accuracy in trials]
    other = compute({"a": set_of(costs, start * unit)}, budget=1000 * unit).curves[0]
    assert other.expected == one.expected
    assert other.seconds == pytest.approx([second * unit for second in one.seconds])


@given(TRIALS)
def test_the_curve_never_falls_and_lies_in_its_band(trials):
    curve = compute({"a": set_of(trials * 3)}, redraws=50).curves[0]
    assert all(later >= sooner - 1e-12 for sooner, later in itertools.pairwise(curve.expected))
    assert all(low <= mean <= high for low, mean, high in zip(curve.low, curve.expected, curve.high, strict=True))


def test_the_same_generator_gives_the_same_result_and_another_approach_moves_no_curve():
    rng = np.random.default_rng(2)
    sets = {name: TrialSet(rng.random(50), rng.random(50)) for name in ("a", "b")}
    assert compute(sets, 30) == compute(sets, 30)
    assert compute(sets, 30, seed=1).curves != compute(sets, 30).curves
    more = sets | {"c": TrialSet(rng.random(9), rng.random(9))}
    assert compute(more, 30).curves[:2] == compute(sets, 30).curves


@pytest.mark.parametrize(
    ("costs", "accuracies", "start", "message"),
    [
        ([1, 2], [0.5], 0, "one of each per trial"),
        ([-1], [0.5], 0, r"a cost of -1\.0 s"),
        ([nan], [0.5], 0, "a cost of nan s"),
        ([1], [0.5], inf, "a cost of inf s"),
        ([1], [87.2], 0, r"an accuracy of 87\.2; give values in \[0, 1\]"),
    ],
)
def test_unusable_trials_are_named(costs, accuracies, start, message):
    with pytest.raises(ValueError, match=message):
        TrialSet(costs, accuracies, start)


@pytest.mark.parametrize(("budget", "redraws"), [(0, 10), (inf, 10), (10, 0)])
def test_an_unusable_budget_is_named(budget, redraws):
    with pytest.raises(ValueError, match="must be positive"):
        compute({"a": TrialSet([1], [0.5])}, budget, redraws=redraws)


def test_the_sets_of_a_study_are_its_ended_search_trials(tmp_path):
    records = read_study(write_study(tmp_path))
    trials = trial_table(records.events)
    owed = feature_charges(records.features, records.settings.feature_cost)
    (svm,) = trial_sets(trials, "feature_svm", start_s=owed["feature_svm"])
    assert (values(svm.cost_s), values(svm.accuracy), svm.start_s) == ([5.0, 5.0], [0.90, 0.85], 10.0)
    (cnn,) = trial_sets(trials, "better_cnn")
    np.testing.assert_array_equal(cnn.accuracy, [0.55, nan, 0.65])  # the second diverged
    found = compute({"feature_svm": svm, "better_cnn": cnn}, records.settings.budget.search_seconds)
    assert (found.curves[0].begins_s, found.curves[1].begins_s) == (15.0, 35.0)
    assert found.overtakings[0].leader == "feature_svm"
    json.dumps(asdict(found), allow_nan=False)


def test_what_a_failed_trial_had_reached_is_left_out_and_replicates_stay_apart(tmp_path):
    writer = StudyWriter(tmp_path)
    writer.trial("a", 0, "finished", 10.0, 0.5)
    writer.trial("a", 1, "failed", 4.0, 0.9, reason="out of memory")
    writer.trial("a", 0, "cut", 20.0, 0.7, replicate=1)
    writer.event("a-r1-0001", 0, "started", approach="a", phase="search", index=1, replicate=1)  # still running
    events = [event.model_dump() for event in writer.store.trial_events()]
    first, second = trial_sets(trial_table(pd.DataFrame(events)), "a")
    np.testing.assert_array_equal(first.accuracy, [0.5, nan])
    assert (values(first.cost_s), values(second.cost_s), values(second.accuracy)) == ([10.0, 4.0], [20.0], [0.7])
