from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from analysis.statistics.paired import Difference, difference
from analysis.statistics.power import (
    at_design,
    detectable,
    least_effect,
    needed,
    needed_for_equivalence,
    of_pair,
    planned_detectable,
    power_curves,
)
from analysis.statistics.reference import Reference
from analysis.statistics.several.closed_testing import closed


def test_a_detectable_difference_is_found_with_the_stated_power():
    # statsmodels works with the noncentral t, the formula with a shifted central one: they agree for many images
    n, sd = 500, 0.3
    difference = least_effect(sd / n**0.5, Reference(1, n - 1, 0, n - 1))
    assert TTestPower().power(difference / sd, n, 0.05) == pytest.approx(0.8, abs=0.002)


def test_with_many_degrees_of_freedom_it_is_two_point_eight_standard_errors():
    assert least_effect(1.0, Reference(1, 1e9, 0, 1e9)) == pytest.approx(
        1.959964 + 0.841621, abs=1e-5
    )  # normal quantiles 0.975 and 0.8


def test_more_images_or_seeds_find_smaller_differences():
    base = planned_detectable(1000, 3)
    assert planned_detectable(4000, 3) < base
    assert planned_detectable(1000, 10) < base


def test_approaches_that_are_nearly_perfect_can_hardly_disagree():
    assert planned_detectable(1000, 5, accuracy=0.99) < planned_detectable(1000, 5, accuracy=0.85)


def test_a_plan_without_seeds_is_refused():
    with pytest.raises(ValueError, match="at least 2 images and 1 seed"):
        planned_detectable(1000, 0)


def study(seed_sd: float = 0.1, seeds: int = 5, images: int = 400, *, matched: bool = False) -> Difference:
    rng = np.random.default_rng(3)
    hard = rng.normal(size=images)
    a, b = (
        hard + mean + rng.normal(0, seed_sd, (seeds, 1)) + rng.normal(0, 0.6, (seeds, images)) > 0
        for mean in (1.0, 1.1)
    )
    return difference("a", "b", a, b, matched=matched)


@pytest.mark.parametrize("matched", [False, True])
@pytest.mark.parametrize("seed_sd", [0.0, 0.1, 0.5])
def test_at_its_own_design_a_pair_keeps_its_standard_error(seed_sd, matched):
    pair = study(seed_sd, matched=matched)
    for design in (at_design(pair, units=400, seeds=5), at_design(pair, units=400)):
        assert (design.se, design.reference.df(0.05)) == pytest.approx((pair.se, pair.df), rel=1e-9)


def test_more_images_and_more_seeds_find_smaller_differences():
    first, twice, four_times = power_curves(study())
    assert (first.seeds, twice.seeds, four_times.seeds) == (5, 10, 20)
    for curve in (first, twice, four_times):
        assert list(curve.detectable) == sorted(curve.detectable, reverse=True)
    assert all(more < fewer for more, fewer in zip(four_times.detectable, first.detectable, strict=True))


def test_what_is_needed_is_the_smallest_design_that_finds_the_effect():
    pair = study(seed_sd=0.02)
    need = needed(pair, 0.03)
    assert need.units is not None
    assert need.seeds is not None
    assert detectable(at_design(pair, units=need.units)) <= 0.03 < detectable(at_design(pair, units=need.units - 1))
    few, enough_seeds = (at_design(pair, units=400, seeds=seeds) for seeds in (need.seeds - 1, need.seeds))
    assert detectable(enough_seeds) <= 0.03 < detectable(few)
    assert needed(pair, 1e-4).seeds is None, "at 400 images no number of seeds is enough for so small a difference"


def test_where_the_seeds_limit_no_number_of_images_is_enough():
    pair = study(seed_sd=0.5, images=5000)
    need = needed(pair, 0.08)
    assert need.units is None
    assert need.seeds is not None
    assert detectable(at_design(pair, units=5000, seeds=need.seeds)) <= 0.08


def test_after_a_single_seed_nothing_is_said_of_seeds():
    assert needed(study(seeds=1), 0.02).seeds is None
    assert [curve.seeds for curve in power_curves(study(seeds=1))] == [1]


def test_more_approaches_make_the_same_difference_harder_to_find():
    pair = of_pair(study())
    found = [detectable(pair, approaches=K) for K in (2, 3, 4, 6)]
    assert found == sorted(found)
    assert found[0] < found[-1]


def found_in(draws: int, accuracy: float, apart: float, K: int, seeds: int, images: int = 400) -> float:
    """How often the closed test finds the first of K approaches, better by so much, different from the second."""
    rng, found = np.random.default_rng(4), 0
    for _ in range(draws):
        hard, X = rng.normal(size=images), {}
        for k in range(K):
            wanted = accuracy + apart / 2 if k == 0 else accuracy - apart / 2
            own = hard + rng.normal(0, 0.3, images) + rng.normal(0, 0.3, (seeds, images))
            luck = rng.normal(0, 0.047, (seeds, 1))
            X[str(k)] = own + stats.norm.ppf(wanted) * np.sqrt(1.18 + 0.047**2) + luck > 0
        p = [difference(a, b, X[a], X[b]).p for a, b in combinations(X, 2)]
        found += closed({name: x.astype(float) for name, x in X.items()}, p)[0] < 0.05
    return found / draws


@pytest.mark.parametrize(("K", "seeds"), [(2, 2), (2, 3), (3, 3), (4, 5)])
def test_a_planned_difference_is_found_about_as_often_as_stated(K, seeds):
    # interaction 0.3, noise 0.3 and seeds 0.047 are a disagreement of 10 % and a spread of 1 point at 0.85
    planned = planned_detectable(400, seeds, approaches=K)
    # 75 to 85 % is what the benchmark asks for; 200 draws add a standard error of 2.8 points
    assert 0.70 <= found_in(200, 0.85, planned, K, seeds) <= 0.90


def test_a_difference_that_no_accuracy_can_have_is_none():
    assert planned_detectable(4, 2, approaches=6) is None
    few = study(seed_sd=2.0, seeds=2, images=10)
    assert detectable(of_pair(few), approaches=6) is None
    assert np.isnan(power_curves(few, approaches=6)[0].detectable).any()


def test_what_equivalence_takes_is_the_smallest_design_that_shows_it():
    pair = study(seed_sd=0.0)
    need = needed_for_equivalence(pair, 0.02)
    assert need.units is not None

    def reach(units: int) -> float:
        design = at_design(pair, units=units)
        return (design.reference.quantile(0.05) + design.reference.quantile(0.1)) * design.se

    assert reach(need.units) <= 0.02 < reach(need.units - 1)
    more = needed_for_equivalence(pair, 0.02, approaches=4).units
    assert more is None or more > need.units
