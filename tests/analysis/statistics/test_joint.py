import numpy as np
import pytest

from analysis.statistics.paired import difference
from analysis.statistics.reference import Reference
from analysis.statistics.several.joint import Means, SeedTerm, homogeneity, means


def runs(seed: int, mean: float, *, seeds: int = 4, images: int = 150) -> np.ndarray:
    rng = np.random.default_rng(seed)
    hard = np.random.default_rng(99).normal(size=images)
    return (hard + mean + rng.normal(0, 0.2, (seeds, 1)) + rng.normal(0, 0.5, (seeds, images)) > 0).astype(float)


FOUR = [runs(seed, 0.8 + 0.1 * seed) for seed in range(4)]


@pytest.mark.parametrize("matched", [False, True])
def test_a_block_of_two_is_the_square_of_the_paired_test_whoever_else_is_there(matched):
    pair = difference("a", "b", FOUR[1], FOUR[3], matched=matched)
    found = homogeneity(means(FOUR, groups=None, matched=matched), [(1, 3)])
    assert found.f == pytest.approx((pair.difference / pair.se) ** 2, rel=1e-9)
    assert found.p == pytest.approx(pair.p, rel=1e-7)


def test_two_blocks_are_tested_together_by_a_worked_example():
    # m = (0.8, 0.9, 0.5, 0.7), V = 0.01 I: m'Tm = 0.1^2 / 2 + 0.2^2 / 2 = 0.025; tr(TV) = 2 * 0.01, so F = 1.25 on
    # (0.02)^2 / (2 * 0.01^2) = 2 degrees of freedom
    seen = Means(
        m=np.array([0.8, 0.9, 0.5, 0.7]), images=0.01 * np.eye(4), image_df=10, units=11, seeds=(), matched=False
    )
    found = homogeneity(seen, [(0, 1), (2, 3)])
    assert (found.f, found.df1, found.df2) == pytest.approx((1.25, 2.0, 10.0))
    # P(F(2, d) > f) = (1 + 2 f / d)^(-d / 2)
    assert found.p == pytest.approx((1 + 2 * 1.25 / 10) ** -5, rel=1e-9)


def test_one_approach_that_varies_weighs_as_much_as_its_largest_direction():
    # C = 0.01 I and v = 0.04 on the first of three: TCT has the eigenvalues 0.01, 0.01, 0 and TvT 0.04 * 2/3; by traces
    # the images would weigh 0.02 against it, twice as much
    v = np.diag([0.04, 0.0, 0.0])
    seen = Means(
        m=np.array([0.9, 0.5, 0.6]), images=0.01 * np.eye(3), image_df=1e6, units=10**6,
        seeds=(SeedTerm(v, 0 * v, 2),), matched=False,
    )  # fmt: skip
    weighed = homogeneity(seen, [(0, 1, 2)])
    assert weighed.p == pytest.approx(Reference(0.01, 1e6, 0.08 / 3, 2).f_tail(weighed.f, weighed.df1), rel=1e-9)
    assert weighed.p > Reference(0.02, 1e6, 0.08 / 3, 2).f_tail(weighed.f, weighed.df1)


def test_the_seeds_degrees_of_freedom_are_nearer_to_those_of_the_approach_that_varies_most():
    # v = 4 and 1 on two of three: the eigenvalues of TvT have the sum 10/3 and the product 4/3, so their squares the
    # sum 76/9 and their fourth powers 5488/81. Satterthwaite's f is (10/3)^2 / ((16 + 1) (2/3)^2 / 2) = 50/17, as if
    # of 100/76 alike eigenvalues, where 76^2 / 5488 are to be counted.
    v = [np.diag([0.04, 0, 0]), np.diag([0, 0.01, 0])]
    seen = Means(
        m=np.array([0.9, 0.5, 0.6]), images=0.01 * np.eye(3), image_df=1e6, units=10**6,
        seeds=tuple(SeedTerm(one, 0 * one, 2) for one in v), matched=False,
    )  # fmt: skip
    found, largest = homogeneity(seen, [(0, 1, 2)]), 0.01 * (10 + 52**0.5) / 6
    f = 50 / 17 * (76**2 / 5488) / (100 / 76)
    assert found.p == pytest.approx(Reference(0.01, 1e6, largest, f).f_tail(found.f, found.df1), rel=1e-9)
    assert found.p > Reference(0.01, 1e6, largest, 50 / 17).f_tail(found.f, found.df1)


def test_identical_answers_within_a_block_are_no_evidence():
    found = homogeneity(means([FOUR[0], FOUR[0], FOUR[0], FOUR[3]], groups=None, matched=False), [(0, 1, 2)])
    assert found.p == 1.0


def draw(rng: np.random.Generator, varies: list[float], seeds: int) -> list[np.ndarray]:
    """Approaches of equal accuracy 0.8 from a probit model, the spread of whose seeds is given one by one."""
    hard = rng.normal(size=400)
    drawn = []
    for sd in varies:
        threshold = 0.8416 * np.sqrt(1.5 + sd**2)
        own = hard + rng.normal(0, 0.5, 400) + rng.normal(0, 0.5, (seeds, 400))
        drawn.append((own + threshold + rng.normal(0, 1, (seeds, 1)) * sd > 0).astype(float))
    return drawn


def test_where_one_approach_alone_varies_a_true_null_is_rejected_about_as_often_as_stated():
    rng, draws = np.random.default_rng(8), 800
    tested = (means(draw(rng, [0.3, 0, 0, 0], 3), groups=None, matched=False) for _ in range(draws))
    rejected = sum(homogeneity(one, [range(4)]).p < 0.05 for one in tested)
    # 6 % is what the benchmark asks for; 800 draws add a standard error of 0.8 points
    assert rejected / draws <= 0.075


@pytest.mark.parametrize("v", [0.0, 1e-200, 1e-100, 1e-33])
def test_runs_that_vary_by_rounding_alone_leave_the_images_degrees_of_freedom(v):
    term = SeedTerm(v * np.diag([1.0, 0.0, 0.0]), np.zeros((3, 3)), 2)
    seen = Means(
        m=np.array([0.8, 0.9, 0.7]), images=0.01 * np.eye(3), image_df=199, units=200, seeds=(term,), matched=False
    )
    found = homogeneity(seen, [(0, 1, 2)])
    assert found.df2 == 199
    assert 0 < found.p < 1


def test_matched_seeds_that_move_all_approaches_alike_leave_the_images_degrees_of_freedom():
    v = np.full((3, 3), 0.01) + 1e-18 * np.array([[0, 1, 2], [1, 0, 3], [2, 3, 0]])
    seen = Means(
        m=np.array([0.8, 0.9, 0.7]),
        images=0.01 * np.eye(3),
        image_df=199,
        units=200,
        seeds=(SeedTerm(v, np.zeros((3, 3)), 1),),
        matched=True,
    )
    assert homogeneity(seen, [(0, 1, 2)]).df2 == 199
