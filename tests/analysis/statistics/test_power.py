import numpy as np
import pytest
from statsmodels.stats.power import TTestPower

from analysis.statistics.paired import Difference, difference
from analysis.statistics.power import at_design, detectable, needed, planned_detectable, power_curves
from analysis.statistics.reference import Reference


def test_a_detectable_difference_is_found_with_the_stated_power():
    # statsmodels works with the noncentral t, the formula with a shifted central one: they agree for many images
    n, sd = 500, 0.3
    difference = detectable(sd / n**0.5, Reference(1, n - 1, 0, n - 1))
    assert TTestPower().power(difference / sd, n, 0.05) == pytest.approx(0.8, abs=0.002)


def test_with_many_degrees_of_freedom_it_is_two_point_eight_standard_errors():
    assert detectable(1.0, Reference(1, 1e9, 0, 1e9)) == pytest.approx(
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
    for se, reference in (at_design(pair, units=400, seeds=5), at_design(pair, units=400)):
        assert (se, reference.df(0.05)) == pytest.approx((pair.se, pair.df), rel=1e-9)


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
    assert detectable(*at_design(pair, units=need.units)) <= 0.03 < detectable(*at_design(pair, units=need.units - 1))
    few, enough_seeds = (at_design(pair, units=400, seeds=seeds) for seeds in (need.seeds - 1, need.seeds))
    assert detectable(*enough_seeds) <= 0.03 < detectable(*few)
    assert needed(pair, 1e-4).seeds is None, "at 400 images no number of seeds is enough for so small a difference"


def test_where_the_seeds_limit_no_number_of_images_is_enough():
    pair = study(seed_sd=0.5, images=5000)
    need = needed(pair, 0.08)
    assert need.units is None
    assert need.seeds is not None
    assert detectable(*at_design(pair, units=5000, seeds=need.seeds)) <= 0.08


def test_after_a_single_seed_nothing_is_said_of_seeds():
    assert needed(study(seeds=1), 0.02).seeds is None
    assert [curve.seeds for curve in power_curves(study(seeds=1))] == [1]
