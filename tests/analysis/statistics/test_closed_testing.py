from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.statistics.paired import difference
from analysis.statistics.several.closed_testing import MOST_APPROACHES, closed, partitions, shaffer
from analysis.statistics.several.omnibus import omnibus
from analysis.statistics.verdicts import holm


def study(seed: int, K: int, *, apart: float = 0.1, seeds: int = 3) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    hard = rng.normal(size=120)
    mean = 0.8 + apart * rng.normal(size=K)
    own = [hard + m + rng.normal(0, 0.1, (seeds, 1)) + rng.normal(0, 0.5, (seeds, 120)) for m in mean]
    return {f"approach {k}": (x > 0).astype(float) for k, x in enumerate(own)}


def raw(X: dict[str, np.ndarray], *, matched: bool = False) -> list[float]:
    return [difference(a, b, X[a], X[b], matched=matched).p for a, b in combinations(X, 2)]


def adjusted(X: dict[str, np.ndarray], *, matched: bool = False) -> dict[frozenset[str], float]:
    found = closed(X, raw(X, matched=matched), matched=matched)
    return dict(zip(map(frozenset, combinations(X, 2)), found, strict=True))


@pytest.mark.parametrize(("K", "bell"), [(1, 1), (2, 2), (3, 5), (4, 15), (6, 203), (7, 877)])
def test_there_are_as_many_partitions_as_bells_number(K, bell):
    found = {frozenset(map(frozenset, one)) for one in partitions(K)}  # OEIS A000110
    assert len(found) == bell
    assert all(sorted(k for block in one for k in block) == list(range(K)) for one in found)


def test_of_two_approaches_p_stays_as_it_is():
    X = study(1, 2)
    assert closed(X, raw(X)) == tuple(raw(X))


def test_of_three_approaches_it_is_the_omnibus_then_the_pair():
    X = study(2, 3)
    overall = omnibus(X).p
    assert closed(X, raw(X)) == pytest.approx([max(p, overall) for p in raw(X)])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 5), st.booleans())
def test_it_is_never_below_the_raw_p_and_does_not_depend_on_the_order_of_approaches(seed, K, matched):
    X = study(seed, K)
    found = adjusted(X, matched=matched)
    assert all(p >= one for p, one in zip(found.values(), raw(X, matched=matched), strict=True))
    assert all(0 <= p <= 1 for p in found.values())
    turned = adjusted(dict(reversed(X.items())), matched=matched)
    assert turned == pytest.approx(found, rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(3, 5), st.data())
def test_it_is_monotone_in_the_raw_p(seed, K, data):
    X = study(seed, K)
    before = raw(X)
    after = [min(1.0, p + data.draw(st.floats(0, 0.5))) for p in before]
    assert all(low <= high for low, high in zip(closed(X, before), closed(X, after), strict=True))


def test_a_pair_is_different_only_if_every_hypothesis_in_which_it_is_equal_is_rejected():
    X = study(3, 4, apart=0.3)
    found, (a, b, c, d) = adjusted(X), X
    triples = [omnibus({name: X[name] for name in (a, b, other)}).p for other in (c, d)]
    assert found[frozenset({a, b})] >= max(*triples, omnibus(X).p) * (1 - 1e-9)


def test_three_approaches_are_found_more_often_than_by_holm():
    more, less = 0, 0
    for seed in range(40):
        X = study(seed, 3, apart=0.25)
        p = raw(X)
        more += sum(np.array(closed(X, p)) < 0.05)
        less += sum(np.array(holm(p)) < 0.05)
    assert more > less


def test_shaffers_steps_follow_his_example():
    # Shaffer 1986, JASA 81:826: of the 10 pairs of five means 0, 1, 2, 3, 4, 6 or 10 can be equal
    small = [1e-6 * step for step in range(1, 11)]
    steps = np.multiply(small, [10, 6, 6, 6, 6, 4, 4, 3, 2, 1])
    assert shaffer(small, 5) == pytest.approx(np.maximum.accumulate(steps))


@given(st.integers(3, 6).flatmap(lambda K: st.lists(st.floats(0, 1), min_size=comb(K, 2), max_size=comb(K, 2))))
def test_shaffers_steps_lie_between_the_raw_p_and_holms(p):
    K = next(K for K in range(3, 7) if comb(K, 2) == len(p))
    found = np.array(shaffer(p, K))
    assert (found >= np.array(p)).all()
    assert (found <= np.array(holm(p)) + 1e-12).all()


def test_with_more_approaches_than_partitions_can_serve_shaffers_steps_are_taken():
    X = study(4, MOST_APPROACHES + 1)
    assert closed(X, raw(X)) == shaffer(raw(X), MOST_APPROACHES + 1)
