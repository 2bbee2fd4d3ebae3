import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import cochrans_q

from analysis.statistics.paired import difference
from analysis.statistics.several.omnibus import cochran_q, majority, omnibus


def runs(seed: int, mean: float, *, seeds: int = 4, images: int = 150, seed_sd: float = 0.2) -> np.ndarray:
    """Correctness (S, N) from a probit model in which all approaches share the images' difficulty."""
    rng = np.random.default_rng(seed)
    hard = np.random.default_rng(99).normal(size=images)
    noise = rng.normal(0, seed_sd, (seeds, 1)) + rng.normal(0, 0.5, (seeds, images))
    return (hard + mean + noise > 0).astype(float)


@pytest.mark.parametrize("matched", [False, True])
@pytest.mark.parametrize("grouped", [False, True])
def test_for_two_approaches_it_is_the_square_of_the_paired_test(matched, grouped):
    a, b = runs(1, 0.8), runs(2, 1.1)
    groups = np.arange(150) // 5 if grouped else None
    pair = difference("a", "b", a, b, matched=matched, groups=groups)
    found = omnibus({"a": a, "b": b}, matched=matched, groups=groups)
    assert found.p == pytest.approx(pair.p, rel=1e-9)
    assert found.f == pytest.approx((pair.difference / pair.se) ** 2, rel=1e-9)
    assert (found.df1, found.df2) == pytest.approx((1.0, pair.df))


def test_cochrans_q_agrees_with_statsmodels():
    X = np.stack([majority(runs(seed, 0.6 + 0.2 * seed)) for seed in range(4)])
    expected = cochrans_q(X.T)
    assert cochran_q(X) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-9)


@given(st.permutations(["a", "b", "c"]), st.randoms())
def test_neither_the_order_of_approaches_nor_that_of_images_matters(order, random):
    X = {"a": runs(1, 0.8), "b": runs(2, 1.0), "c": runs(3, 0.9, seeds=3)}
    images = list(range(150))
    random.shuffle(images)
    found, other = omnibus(X), omnibus({name: X[name][:, images] for name in order})
    assert (found.p, found.q_p) == pytest.approx((other.p, other.q_p))
    assert 0 <= found.p <= 1


def test_listing_every_seed_twice_is_no_evidence():
    X = {"a": runs(1, 0.8), "b": runs(2, 1.0), "c": runs(3, 0.9)}
    assert omnibus({name: np.vstack([x, x]) for name, x in X.items()}).p == pytest.approx(omnibus(X).p)


def test_approaches_that_answer_alike_are_not_said_to_differ():
    same = omnibus(dict.fromkeys("abc", np.tile([[1.0, 0.0]], (3, 20))))
    assert (same.p, same.q_p) == (1.0, 1.0)
    assert "alike" in (same.note or "")


def test_a_tie_of_the_seeds_counts_as_wrong():
    assert majority(np.array([[1.0, 1.0], [0.0, 1.0]])).tolist() == [0.0, 1.0]


def test_fewer_than_two_approaches_or_different_images_are_refused():
    with pytest.raises(ValueError, match="1 approaches; at least two"):
        omnibus({"a": runs(1, 0.8)})
    with pytest.raises(ValueError, match="must be the same in all"):
        omnibus({"a": runs(1, 0.8), "b": runs(1, 0.8, images=10)})
    with pytest.raises(ValueError, match="matched seeds"):
        omnibus({"a": runs(1, 0.8), "b": runs(1, 0.8, seeds=2)}, matched=True)
