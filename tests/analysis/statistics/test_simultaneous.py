from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.statistics.paired import Difference, difference
from analysis.statistics.several.closed_testing import closed
from analysis.statistics.several.simultaneous import Simultaneous, simultaneous

Study = tuple[list[Difference], dict[str, np.ndarray]]


def study(rng: np.random.Generator, accuracies: list[float], *, seeds: int = 3, images: int = 300) -> Study:
    hard = rng.normal(size=images)
    X = {}
    for k, threshold in enumerate(accuracies):
        own = hard + rng.normal(0, 0.5, images) + rng.normal(0, 0.5, (seeds, images))
        X[f"approach {k}"] = (own + threshold * np.sqrt(1.51) + rng.normal(0, 0.1, (seeds, 1)) > 0).astype(float)
    return [difference(a, b, X[a], X[b]) for a, b in combinations(X, 2)], X


def intervals(pairs: list[Difference], X: dict[str, np.ndarray], alpha: float = 0.05) -> tuple[Simultaneous, ...]:
    return simultaneous(pairs, closed(X, [pair.p for pair in pairs]), alpha=alpha)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 5), st.floats(0, 0.5), st.sampled_from([0.05, 0.01, 0.2]))
def test_an_interval_leaves_out_zero_exactly_where_the_corrected_test_finds_a_difference(seed, K, apart, alpha):
    rng = np.random.default_rng(seed)
    pairs, X = study(rng, list(0.84 + apart * rng.normal(size=K)))
    adjusted = closed(X, [pair.p for pair in pairs])
    for pair, p, found in zip(pairs, adjusted, simultaneous(pairs, adjusted, alpha=alpha), strict=True):
        assert found.holds(0.0) == (p >= alpha)
        assert -1 <= found.low <= pair.difference <= found.high <= 1


def test_a_single_pair_has_the_interval_of_its_own_test():
    pairs, X = study(np.random.default_rng(1), [0.8, 1.0])
    (found,) = intervals(pairs, X)
    assert (found.low, found.high) == pytest.approx((pairs[0].low, pairs[0].high))


def test_what_the_test_finds_and_the_half_width_does_not_ends_at_zero():
    (pair, *_), _ = study(np.random.default_rng(1), [0.8, 1.0])
    wide = simultaneous([pair] * 40, [0.0, *[1.0] * 39], alpha=pair.p)[0]
    assert wide.ends_at_zero
    assert wide.low < 0 == wide.high
    assert not wide.holds(0.0)
    assert wide.holds(-1e-9)


def test_an_undecided_pair_which_can_err_on_one_side_alone_spends_twice_as_much_as_one_that_is_found():
    (pair, *_), _ = study(np.random.default_rng(1), [0.8, 1.0])
    undecided, found, _ = simultaneous([pair] * 3, [1.0, 0.0, 1.0], alpha=0.05)
    for share, one in ((0.8, undecided), (0.4, found)):
        # Bonferroni's half-width for three pairs, on the side away from zero
        half = pair.reference.quantile(share * 0.05 / 6) * pair.se
        assert one.low == pytest.approx(pair.difference - half, rel=1e-9)


def test_identical_answers_have_the_interval_zero():
    X = {name: np.ones((2, 10)) for name in "abc"}
    pairs = [difference(a, b, X[a], X[b]) for a, b in combinations(X, 2)]
    assert set(intervals(pairs, X)) == {Simultaneous(0.0, 0.0)}


@pytest.mark.parametrize("third", [0.8416, 2.0])
def test_all_intervals_hold_together_where_two_approaches_are_equal(third):
    rng, draws, held = np.random.default_rng(3), 300, 0
    truth = {0.8416: 0.0, 2.0: 0.9772 - 0.8}[third]  # Phi(0.8416) = 0.8, Phi(2) = 0.9772
    for _ in range(draws):
        pairs, X = study(rng, [0.8416, 0.8416, third])
        found = intervals(pairs, X)
        held += all(i.holds(t) for i, t in zip(found, (0.0, -truth, -truth), strict=True))
    # 94 % is what the benchmark asks for; 300 draws add a standard error of 1.4 points
    assert held / draws >= 0.92
