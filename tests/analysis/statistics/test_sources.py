import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from analysis.statistics.paired import mean_difference
from analysis.statistics.sources import Runs, sources


def draw(rng: np.random.Generator, counts: tuple[int, ...], search: float, seed: float) -> tuple[np.ndarray, list[int]]:
    """Scores (S, N) of runs in replicates of these sizes, and the replicate of each."""
    owner = np.repeat(range(len(counts)), counts)
    shift = rng.normal(0, search, len(counts))[owner] + rng.normal(0, seed, len(owner))
    return shift[:, None] + rng.normal(0, 0.5, (len(owner), 60)), list(owner)


def by_replicate(X: np.ndarray, owner: list[int]) -> np.ndarray:
    return np.stack([X[np.array(owner) == r].mean(axis=0) for r in sorted(set(owner))])


def test_search_and_run_are_those_of_the_nested_analysis_of_variance():
    rng = np.random.default_rng(1)
    (a, owner), b = draw(rng, (3, 3, 3, 3), 0.4, 0.3), np.zeros((1, 60))
    pair = mean_difference("a", "b", by_replicate(a, owner), b)
    images, search, run, other = sources(pair, Runs(a, owner), Runs(b))
    # statsmodels: the mean square between the replicates and that within them, of the runs' means
    table = anova_lm(ols("y ~ C(r)", pd.DataFrame({"y": a.mean(axis=1), "r": owner})).fit())
    between, within = table.sum_sq.to_numpy() / table.df.to_numpy()
    noise = 0.5**2 / 60  # of one run's mean; known here, estimated there
    assert run.share * pair.se**2 == pytest.approx((within - noise) / 12, rel=0.05)
    assert search.share * pair.se**2 == pytest.approx((between - within) / 12, rel=0.05)
    assert [one.kind for one in (images, search, run, other)] == ["images", "search", "run", "run"]
    assert [one.measured for one in (images, search, run, other)] == [60, 4, 12, 1]


def test_with_one_run_of_each_search_the_two_cannot_be_told_apart():
    rng = np.random.default_rng(2)
    (a, owner), (b, _) = draw(rng, (1, 1, 1), 0.4, 0.3), draw(rng, (1, 1, 1), 0.4, 0.3)
    found = sources(mean_difference("a", "b", a, b), Runs(a, owner), Runs(b, owner))
    assert [(one.kind, one.approach) for one in found[1:]] == [("search and run", "a"), ("search and run", "b")]


def test_a_search_that_was_not_repeated_has_runs_alone():
    rng = np.random.default_rng(3)
    a, b = draw(rng, (4,), 0, 0.3)[0], draw(rng, (4,), 0, 0.3)[0]
    found = sources(mean_difference("a", "b", a, b, matched=True), Runs(a), Runs(b))
    assert [(one.kind, one.approach) for one in found] == [("images", None), ("run", None)]


def test_without_variance_there_is_no_table():
    same = np.ones((2, 9))
    assert sources(mean_difference("a", "b", same, same), Runs(same), Runs(same)) == ()


@given(st.integers(0, 10**6), st.lists(st.integers(1, 4), min_size=2, max_size=5), st.booleans(), st.booleans())
def test_the_shares_sum_to_one(seed, counts, grouped, matched):
    rng = np.random.default_rng(seed)
    (a, owner), (b, _) = (draw(rng, tuple(counts), 0.2, 0.2) for _ in "ab")
    groups = np.minimum(np.arange(60) // 4, 9) if grouped else None  # the last group is the largest
    units = by_replicate(a, owner), by_replicate(b, owner)
    found = sources(
        mean_difference("a", "b", *units, groups=groups, matched=matched), Runs(a, owner), Runs(b, owner), groups=groups
    )
    assert sum(one.share for one in found) == pytest.approx(1, abs=1e-12)
    assert all(0 <= one.share <= 1 for one in found)
