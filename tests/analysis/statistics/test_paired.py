import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from analysis.statistics.crossed import effective_groups, seed_variance
from analysis.statistics.paired import accuracy, difference, mean_difference

BITS = st.integers(0, 1).map(float)


def matrices(images: int = 8) -> st.SearchStrategy[np.ndarray]:
    return st.integers(1, 4).flatmap(lambda seeds: hnp.arrays(float, (seeds, images), elements=BITS))


def compare(a: np.ndarray, b: np.ndarray, **more):
    return difference("a", "b", a, b, **more)


def test_the_difference_follows_a_worked_example():
    # By hand: A has seed means 3/4 and 2/4, image means (1, 1, 1/2, 0); B one seed with (1, 0, 0, 0).
    # d = (0, 1, 1/2, 0), mean 3/8, variance 11/48, over 4 images 11/192. v_A = (1/32) / 2 = 1/64. The residuals of A
    # are +-(-1/8, -1/8, 3/8, -1/8), squares summing to 3/8, mean square 1/8 over 3, so e_A = (1/8) / 8 = 1/64.
    a = np.array([[1, 1, 1, 0], [1, 1, 0, 0]])
    found = compare(a, np.array([[1, 0, 0, 0]]))
    assert found.difference == pytest.approx(3 / 8)
    assert found.components.image == pytest.approx(11 / 192)
    assert found.components.seed_a == pytest.approx(1 / 64 - 1 / 64, abs=1e-15)
    assert found.se == pytest.approx(np.sqrt(11 / 192))


def test_the_degrees_of_freedom_follow_a_worked_example():
    # Both classify all 4 images alike within a seed but for one image, so seeds dominate.
    # A: seed means 1, 0, image variance 0, residual 0, v = (1/2)/2 = 1/4; B: (1, 1, 1, 0) with one seed.
    # d = (-1/2, -1/2, -1/2, 1/2): variance 1/4, q = 1/16. t(3) at 97.5 % is 3.18245, t(1) 12.70620, so
    # t' = (1/16 3.18245 + 1/4 12.70620) / (5/16) = 10.80145, which t has with 1.1036 degrees of freedom.
    found = compare(np.array([[1, 1, 1, 1], [0, 0, 0, 0]]), np.array([[1, 1, 1, 0]]))
    assert found.se**2 == pytest.approx(5 / 16)
    assert found.reference.quantile(0.025) == pytest.approx(10.80145, abs=1e-5)
    assert stats.t.isf(0.025, found.df) == pytest.approx(10.80145, abs=1e-5)


def test_with_one_seed_each_it_is_the_paired_t_test_over_images():
    rng = np.random.default_rng(1)
    a, b = (rng.random((1, 300)) < level for level in (0.8, 0.7))
    found, expected = compare(a, b), stats.ttest_rel(a[0].astype(float), b[0].astype(float))
    interval = expected.confidence_interval(0.95)
    assert (found.p, found.df) == pytest.approx((expected.pvalue, 299), rel=1e-9)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-9)


def test_with_one_seed_it_says_that_seeds_are_left_out():
    a, b = np.array([[1, 0, 1, 1]]), np.array([[1, 0, 0, 1], [0, 1, 1, 0]])
    assert "one seed of a:" in str(compare(a, b).note)
    assert "compares with 2 seeds of b" in str(compare(a, b).note)
    assert "speaks of these two trained networks" in str(compare(a, a[:, ::-1]).note)
    assert [compare(*pair).single_run for pair in ((a, b), (b, a), (a, a), (b, b))] == [("a",), ("b",), ("a", "b"), ()]
    assert "one seed" in str(accuracy(a).note)
    assert accuracy(b).note is None


def two_runs(only_a: int, only_b: int, images: int) -> list[np.ndarray]:
    a, b = np.ones((2, 1, images))
    b[0, :only_a] = 0
    a[0, only_a : only_a + only_b] = 0
    return [a, b]


def test_two_runs_that_disagree_on_few_images_are_tested_by_the_mid_p():
    # 4 of 4 discordant images: twice half the probability 1/16, 0.0625, where the t test over 5 images has 0.016
    found = compare(*two_runs(4, 0, 5))
    assert found.p == pytest.approx(0.0625)
    assert found.low < 0 < found.high
    assert "McNemar's mid-p" in str(found.note)
    # Fagerland, Lydersen & Laake 2013: 1 and 7 discordant pairs of 21, mid-p 0.039
    assert compare(*two_runs(1, 7, 21)).p == pytest.approx(0.039, abs=5e-4)


def test_two_runs_that_disagree_on_many_images_or_whose_images_are_grouped_are_tested_by_t():
    many = two_runs(20, 5, 100)
    assert compare(*many).p == pytest.approx(stats.ttest_rel(many[0][0], many[1][0]).pvalue)
    few = two_runs(4, 1, 40)
    assert compare(*few, groups=np.arange(40) // 2).p != compare(*few).p
    assert compare(*few, groups=np.arange(40)).p == compare(*few).p, "every image is its own group"


@given(st.integers(0, 24), st.integers(0, 24), st.integers(1, 400), st.sampled_from([0.01, 0.05, 0.2]))
def test_the_interval_of_two_runs_leaves_out_zero_exactly_where_they_differ(only_a, only_b, more, alpha):
    found = compare(*two_runs(only_a, only_b, only_a + only_b + 1 + more), alpha=alpha)
    assert (found.p < alpha) == (not found.low <= 0 <= found.high)
    assert -1 <= found.low <= found.difference <= found.high <= 1


def test_groups_of_one_size_give_the_cluster_robust_variance_of_statsmodels():
    rng = np.random.default_rng(2)
    a, b = (rng.random((1, 200)) < level for level in (0.8, 0.7))
    groups = np.arange(200) // 8
    d = (a.astype(float) - b)[0]
    fit = sm.OLS(d, np.ones(200)).fit(cov_type="cluster", cov_kwds={"groups": groups})
    assert compare(a, b, groups=groups).se == pytest.approx(fit.bse[0], rel=1e-9)
    assert compare(a, b, groups=groups).df == pytest.approx(24)


def by_matrices(d: np.ndarray, groups: np.ndarray, power: float) -> tuple[float, float]:
    """Variance of the mean of d and its degrees of freedom: Bell & McCaffrey 2002 with a column of ones, by matrices.

    Each group's residuals are multiplied by (I - H_gg)^-power: 1/2 is CR2, 1 is CR3.
    """
    N = len(d)
    X = np.ones((N, 1))
    H = X @ X.T / N
    M, variance, columns = np.eye(N) - H, 0.0, []
    for g in np.unique(groups):
        inside = groups == g
        values, vectors = np.linalg.eigh(M[np.ix_(inside, inside)])
        adjust = vectors @ np.diag(values**-power) @ vectors.T
        weight = X[inside, 0] @ adjust / N  # what the residuals of this group count in the mean
        variance += float(weight @ (M @ d)[inside]) ** 2
        columns.append(weight @ M[inside])
    squares = np.linalg.eigvalsh(np.array(columns) @ np.array(columns).T)
    return variance, squares.sum() ** 2 / np.square(squares).sum()


@pytest.mark.parametrize(("sizes", "power"), [((1, 2, 3, 4, 5, 6, 7), 0.5), ((40, 3, 2, 2, 1, 1), 1), ((9, 8, 7), 1)])
def test_groups_of_unequal_size_have_the_variance_of_bell_and_mccaffrey(sizes, power):
    rng, groups = np.random.default_rng(3), np.repeat(range(len(sizes)), sizes)
    a, b = (rng.random((1, sum(sizes))) < level for level in (0.8, 0.5))
    variance, df = by_matrices((a.astype(float) - b)[0], groups, power)
    if power == 1:  # below five effective groups: the jackknife
        variance *= (len(sizes) - 1) / len(sizes)
    found = compare(a, b, groups=groups)
    assert found.se**2 == pytest.approx(variance, rel=1e-9)
    assert found.df == pytest.approx(df, rel=1e-9)


def test_below_five_effective_groups_the_variance_is_that_of_the_jackknife():
    # Oracle: leave out one group at a time. Effective groups (40 + 9)^2 / (40^2 + ...) = 1.5.
    rng, groups = np.random.default_rng(4), np.repeat(range(6), (40, 3, 2, 2, 1, 1))
    d = rng.normal(size=49)
    without = np.array([d[groups != g].mean() for g in range(6)])
    found = mean_difference("a", "b", d[None], np.zeros((1, 49)), groups=groups)
    assert found.se**2 == pytest.approx(5 / 6 * np.square(without - d.mean()).sum(), rel=1e-9)


def test_of_an_effective_number_equal_groups_are_the_most():
    assert effective_groups([7] * 12) == pytest.approx(12)
    # Half of all images in one of 21 groups: 1 / (1/4 + 20/1600) = 3.81
    assert effective_groups([20] + [1] * 20) == pytest.approx(3.81, abs=5e-3)


@given(st.integers(3, 8), st.integers(1, 4), st.integers(1, 4), st.integers(0, 10**6))
def test_groups_of_one_size_are_compared_by_their_means(groups, size, seeds, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.random((2, seeds, groups * size))
    grouped = mean_difference("a", "b", a, b, groups=np.repeat(range(groups), size))
    means = mean_difference("a", "b", *(x.reshape(seeds, groups, size).mean(axis=2) for x in (a, b)))
    assert (grouped.se, grouped.df, grouped.p) == pytest.approx((means.se, means.df, means.p))


def test_the_noise_of_runs_is_not_counted_as_seeds_in_groups_of_unequal_size():
    # Independent noise alone: v and e have the same mean, whatever the groups.
    rng, sizes = np.random.default_rng(5), np.array([30, 10, 5, 5, 4, 3, 2, 1.0])
    drawn = [seed_variance(rng.normal(size=(3, 8)) * np.sqrt(sizes), sizes) for _ in range(4000)]
    v, e = np.mean([s.v for s in drawn]), np.mean([s.e for s in drawn])
    assert v == pytest.approx(1 / 60 / 3, rel=0.06)  # variance of a mean of 60 images, over three seeds
    assert e == pytest.approx(1 / 60 / 3, rel=0.06)


def test_a_group_for_every_image_changes_nothing():
    rng = np.random.default_rng(3)
    a, b = (rng.random((3, 50)) < level for level in (0.8, 0.7))
    alone, grouped = compare(a, b), compare(a, b, groups=np.arange(50))
    assert (grouped.se, grouped.df, grouped.p) == pytest.approx((alone.se, alone.df, alone.p))


def test_repeating_every_image_within_its_group_creates_no_evidence():
    rng = np.random.default_rng(4)
    a, b = (rng.random((3, 50)) < level for level in (0.8, 0.7))
    once, tenfold = compare(a, b), compare(np.repeat(a, 10, 1), np.repeat(b, 10, 1), groups=np.repeat(range(50), 10))
    assert (tenfold.se, tenfold.df, tenfold.p) == pytest.approx((once.se, once.df, once.p))


def test_identical_predictions_have_no_difference_and_p_one():
    found = compare(np.ones((2, 9)), np.ones((3, 9)))
    assert (found.difference, found.p, found.se) == (0, 1, 0)
    assert "alike" in str(found.note)


def test_a_difference_without_variance_falls_back_to_a_sign_test():
    found = compare(np.ones((1, 10)), np.zeros((1, 10)))
    assert found.difference == 1
    assert found.p == pytest.approx(stats.binomtest(10, 10).pvalue)
    assert "sign test" in str(found.note)


def test_an_approach_without_an_error_keeps_an_interval():
    found = accuracy(np.ones((3, 100)))
    assert found.high == 1
    assert 0.95 < found.low < 0.97  # Wilson's lower bound of 100 of 100 is 0.963 with a normal quantile


@pytest.mark.parametrize(
    ("a", "b", "groups", "message"),
    [
        ([[1, 0, 1]], [[1, 0]], None, "same images"),
        ([[1, 0, 2]], [[1, 0, 1]], None, r"must lie in \[0, 1\]"),
        ([[1, np.nan, 1]], [[1, 0, 1]], None, "1 values that are not finite"),
        ([[1]], [[0]], None, "at least two images"),
        ([[1, 0, 1]], [[1, 0, 0]], [7, 7, 7], "one group"),
        ([[1, 0, 1]], [[1, 0, 0]], [7, 7, 8], "2 groups; at least 3"),
        ([[1, 0, 1]], [[1, 0, 0]], [7, 8], "one group per image"),
    ],
)
def test_unusable_input_is_named(a, b, groups, message):
    with pytest.raises(ValueError, match=message):
        compare(a, b, groups=groups)


@given(matrices(), matrices())
def test_swapping_the_approaches_flips_the_sign(a, b):
    one, other = compare(a, b), compare(b, a)
    assert one.difference == -other.difference
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    assert one.p == pytest.approx(other.p)


@given(matrices(), matrices())
def test_p_is_a_probability_and_the_interval_holds_the_estimate(a, b):
    found = compare(a, b)
    assert 0 <= found.p <= 1
    assert -1 <= found.low <= found.difference <= found.high <= 1
    assert found.df >= 1
    alone = accuracy(a)
    assert 0 <= alone.low <= alone.estimate <= alone.high <= 1


@given(matrices(), matrices(), st.randoms())
def test_the_order_of_images_and_seeds_does_not_matter(a, b, random):
    images, seeds = list(range(a.shape[1])), list(range(len(a)))
    random.shuffle(images)
    random.shuffle(seeds)
    one, other = compare(a, b), compare(a[seeds][:, images], b[:, images])
    assert (other.difference, other.se, other.p) == pytest.approx((one.difference, one.se, one.p), abs=1e-9)


@given(matrices(), matrices(), st.integers(2, 4))
def test_copies_of_every_seed_create_no_evidence(a, b, copies):
    one, other = compare(a, b), compare(np.tile(a, (copies, 1)), np.repeat(b, copies, axis=0))
    assert (other.se, other.df, other.p) == pytest.approx((one.se, one.df, one.p))


@given(matrices(), matrices())
def test_the_components_sum_to_the_variance(a, b):
    found = compare(a, b)
    parts = found.components
    assert parts.image + parts.seed_a + parts.seed_b == pytest.approx(found.se**2, rel=1e-9, abs=1e-20)


def draw(rng: np.random.Generator, seeds: int, images: int, seed_sd: tuple[float, float]) -> list[np.ndarray]:
    """Two approaches of equal accuracy 0.8 from a probit model: image difficulty, interaction, seeds, noise."""
    difficulty = rng.normal(0, 1, images)
    drawn = []
    for sd in seed_sd:
        spread = np.sqrt(1 + 0.25 + sd**2 + 0.25)
        own = difficulty + rng.normal(0, 0.5, images) + rng.normal(0, 0.5, (seeds, images))
        drawn.append(stats.norm.ppf(0.8) * spread + own + rng.normal(0, 1, (seeds, 1)) * sd > 0)
    return drawn


@pytest.mark.parametrize("seed_sd", [(0.0, 0.0), (0.1, 0.1), (0.15, 0.0)])
@pytest.mark.parametrize(("seeds", "images"), [(3, 200), (5, 1000)])
def test_a_true_null_is_rejected_about_as_often_as_stated(seeds, images, seed_sd):
    rng, draws = np.random.default_rng(5), 600
    rejected = sum(compare(*draw(rng, seeds, images, seed_sd)).p < 0.05 for _ in range(draws))
    # 2 to 7.5 % is what 4,000 draws must show; 600 draws add a standard error of 0.9 points
    assert 0.01 <= rejected / draws <= 0.09


def draw_in_groups(rng: np.random.Generator, sizes: np.ndarray, runs: int, accuracy: float) -> np.ndarray:
    """(runs, N) correctness of approaches of this accuracy, of which groups share nine tenths of the difficulty."""
    own = np.repeat(np.arange(len(sizes)), sizes)

    def in_groups(*shape: int) -> np.ndarray:
        shared, alone = rng.normal(size=(*shape, len(sizes))), rng.normal(size=(*shape, len(own)))
        return np.sqrt(0.9) * shared[..., own] + np.sqrt(0.1) * alone

    return in_groups(1) + 0.7 * in_groups(runs) > -stats.norm.ppf(accuracy) * np.sqrt(1.49)


@pytest.mark.parametrize("sizes", [(100, *[5] * 20), (980, *[1] * 20), (10, 20, 30, 40, 50, 60, 70, 80), (25,) * 12])
def test_a_true_null_in_groups_of_any_sizes_is_rejected_no_more_often_than_stated(sizes):
    rng, draws, groups = np.random.default_rng(7), 500, np.repeat(range(len(sizes)), sizes)
    rejected = 0
    for _ in range(draws):
        a, b = draw_in_groups(rng, np.array(sizes), 2, 0.8)
        rejected += compare(a, b, groups=groups).p < 0.05
    assert rejected / draws <= 0.075


@pytest.mark.parametrize("level", [0.8, 0.93])
@pytest.mark.parametrize("count", [8, 12])
def test_the_interval_of_an_accuracy_in_few_groups_covers_it_about_as_often_as_stated(count, level):
    rng, draws, sizes = np.random.default_rng(8), 500, np.full(count, 25)
    groups = np.repeat(range(count), 25)
    found = [accuracy(draw_in_groups(rng, sizes, 1, level), groups=groups) for _ in range(draws)]
    assert sum(e.low <= level <= e.high for e in found) / draws >= 0.93


def test_the_interval_of_an_accuracy_covers_it_about_as_often_as_stated():
    rng, draws = np.random.default_rng(6), 600
    found = [accuracy(draw(rng, 5, 200, (0.1, 0.1))[0]) for _ in range(draws)]
    assert sum(e.low <= 0.8 <= e.high for e in found) / draws >= 0.93


@settings(max_examples=20)
@given(st.integers(2, 6))
def test_fractions_stand_for_means_over_runs(seeds):
    rng = np.random.default_rng(seeds)
    runs = rng.random((seeds, 40)) < 0.7
    assert accuracy(runs.mean(axis=0)).estimate == pytest.approx(accuracy(runs).estimate)
