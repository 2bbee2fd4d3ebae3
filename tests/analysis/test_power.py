import pytest
from statsmodels.stats.power import TTestPower

from analysis.power import detectable, planned_detectable


def test_a_detectable_difference_is_found_with_the_stated_power():
    # statsmodels works with the noncentral t, the formula with a shifted central one: they agree for many images
    n, sd = 500, 0.3
    difference = detectable(sd / n**0.5, n - 1)
    assert TTestPower().power(difference / sd, n, 0.05) == pytest.approx(0.8, abs=0.002)


def test_with_many_degrees_of_freedom_it_is_two_point_eight_standard_errors():
    assert detectable(1.0, 1e9) == pytest.approx(1.959964 + 0.841621, abs=1e-5)  # normal quantiles 0.975 and 0.8


def test_more_images_or_seeds_find_smaller_differences():
    base = planned_detectable(1000, 3)
    assert planned_detectable(4000, 3) < base
    assert planned_detectable(1000, 10) < base


def test_approaches_that_are_nearly_perfect_can_hardly_disagree():
    assert planned_detectable(1000, 5, accuracy=0.99) < planned_detectable(1000, 5, accuracy=0.85)


def test_a_plan_without_seeds_is_refused():
    with pytest.raises(ValueError, match="at least 2 images and 1 seed"):
        planned_detectable(1000, 0)
