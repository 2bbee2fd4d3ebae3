"""The expected best of a budget is what the enumeration of all orders says."""

import itertools
from math import comb, inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.search.best_of_budget import BestOfBudget
from analysis.search.redraws import TrialSet
from tests.analysis.search.budgets import TRIALS, compute, set_of


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


@pytest.mark.parametrize(("budget", "redraws"), [(0, 10), (inf, 10), (10, 0)])
def test_an_unusable_budget_is_named(budget, redraws):
    with pytest.raises(ValueError, match="must be positive"):
        compute({"a": TrialSet([1], [0.5])}, budget, redraws=redraws)
