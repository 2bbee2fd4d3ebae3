"""How alpha is spent over looks: against published boundaries, and against simulated studies."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.statistics.looks import Look, look_alpha, spending


def levels(looks: list[Look], alpha: float = 0.05) -> list[float]:
    return [look_alpha(alpha, looks[: k + 1]) for k in range(len(looks))]


def unplanned(*units: int) -> list[Look]:
    return [Look(n) for n in units]


def test_a_study_that_is_looked_at_once_has_all_of_alpha():
    assert look_alpha(0.05, [Look(5)]) == 0.05
    assert look_alpha(0.05, [Look(5, planned=5)]) == pytest.approx(0.05)


def test_five_planned_looks_have_the_boundaries_of_lan_and_demets():
    # Two-sided 0.05, equal increments, alpha ln(1 + (e - 1) t), as Lan and DeMets's program prints them (Reboussin,
    # DeMets, Kim & Lan 2000, Controlled Clinical Trials 21:190)
    bounds = stats.norm.isf(np.array(levels([Look(n, planned=5) for n in range(1, 6)])) / 2)
    assert bounds.round(2) == pytest.approx([2.44, 2.43, 2.41, 2.40, 2.39])


def test_looks_that_nobody_planned_overdraw_by_a_fifth_of_alpha_at_most():
    assert spending(0.05, unplanned(5, 6, 7)) == pytest.approx((0.05, 0.055, 0.0575))
    assert 0.0599 < spending(0.05, unplanned(*range(5, 25)))[-1] <= 0.06


def test_what_was_planned_is_within_alpha_and_an_extension_beyond_it_overdraws():
    looks = [Look(3, planned=5), Look(4, planned=5), Look(5, planned=5), Look(8)]
    spent = spending(0.05, looks)
    assert spent[2] == pytest.approx(0.05)
    assert spent[3] == pytest.approx(0.055)


def test_a_look_at_other_runs_is_given_no_more_than_what_is_spent_on_it():
    assert levels([Look(5), Look(5, renewed=True)])[1] == pytest.approx(0.005)
    assert levels([Look(5), Look(10, renewed=True)])[1] == pytest.approx(0.005)


def test_a_look_that_adds_little_is_much_like_the_one_before_and_has_a_higher_level():
    small, large = levels(unplanned(5, 6))[1], levels(unplanned(5, 50))[1]
    assert 0.005 < large < small < 0.05


def test_units_that_became_fewer_are_refused():
    with pytest.raises(ValueError, match="4 units after 5"):
        look_alpha(0.05, unplanned(5, 4))


@given(
    units=st.lists(st.integers(2, 60), min_size=1, max_size=5, unique=True).map(sorted),
    planned=st.booleans(),
    alpha=st.sampled_from([0.01, 0.05, 0.1]),
)
@settings(max_examples=40, deadline=None)
def test_every_look_has_a_level_between_what_is_spent_on_it_and_alpha(units, planned, alpha):
    looks = [Look(n, planned=units[-1] if planned else None) for n in units]
    spent = spending(alpha, looks)
    assert spent[-1] <= alpha * (1 if planned else 1.2) * (1 + 1e-12)
    shares = [after - before for before, after in pairwise((0.0, *spent))]
    for level, share in zip(levels(looks, alpha), shares, strict=True):
        assert share * (1 - 1e-6) <= level <= alpha * (1 + 1e-12)


@pytest.mark.parametrize("image", [0.0, 0.05, 1.0], ids=["units alone", "some images", "mostly images"])
@pytest.mark.parametrize(
    ("looks", "most"),
    [
        (unplanned(5, 6, 7, 8, 9), 0.06),
        (unplanned(3, 6, 12, 24, 48), 0.06),
        ([Look(n, planned=9) for n in range(5, 10)], 0.05),
    ],
    ids=["one more each time", "twice as many", "planned"],
)
def test_a_study_without_a_difference_errs_within_what_is_spent_however_much_the_images_vary(looks, most, image):
    """Unit u has mean d_u ~ N(0, 1) and the images, the same at every look, add N(0, image)."""
    rng, draws = np.random.default_rng(0), 200_000
    units = rng.standard_normal((draws, looks[-1].units), dtype=np.float32).cumsum(axis=1)
    shared = np.sqrt(image) * rng.standard_normal(draws)
    wrong = np.zeros(draws, dtype=bool)
    for look, level in zip(looks, levels(looks), strict=True):
        n = look.units
        z = (units[:, n - 1] / n + shared) / np.sqrt(1 / n + image)
        wrong |= np.abs(z) > stats.norm.isf(level / 2)
    chance = 3 * np.sqrt(most / draws)
    assert wrong.mean() <= most + chance
    if image == 0:  # then nothing of what is spent is wasted
        assert wrong.mean() == pytest.approx(spending(0.05, looks)[-1], abs=chance)
