"""The seeded division into splits: its laws, for any class sizes."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.data.splits import SPLITS, Split, SplitIndex, complete, redivide, stratified
from trainables.errors import DataError

class_sizes = st.lists(st.integers(3, 60), min_size=1, max_size=6)
seeds = st.integers(0, 2**32 - 1)


def index(labels, groups=None) -> SplitIndex:
    names: Any = tuple(f"{i:04d}" for i in range(len(labels)))  # for pictures too
    return SplitIndex(names, np.asarray(labels, dtype=np.int64), pictures=names, groups=groups)


def divide(whole: SplitIndex, seed: int = 0) -> dict[Split, SplitIndex]:
    return complete({"train": whole}, [str(i) for i in range(9)], valid=0.15, test=0.2, seed=seed)


@given(sizes=class_sizes, seed=seeds)
def test_every_image_is_in_exactly_one_split_and_every_class_in_all(sizes, seed):
    whole = index(np.repeat(np.arange(len(sizes)), sizes))
    parts = divide(whole, seed)
    assert sorted(name for part in parts.values() for name in part.ids) == list(whole.ids)
    for part in parts.values():
        assert set(part.labels) == set(range(len(sizes)))
        assert list(part.ids) == sorted(part.ids)
        assert [str(picture) for picture in part.pictures] == list(part.ids), "pictures stay with their identifiers"


@given(sizes=class_sizes, seed=seeds)
def test_each_class_gives_its_share_to_the_nearest_image(sizes, seed):
    test = divide(index(np.repeat(np.arange(len(sizes)), sizes)), seed)["test"]
    assert np.bincount(test.labels).tolist() == [max(1, round(0.2 * n)) for n in sizes]


@given(groups=st.lists(st.integers(3, 12), min_size=1, max_size=4), seed=seeds)
def test_no_group_is_divided_and_every_class_reaches_every_split(groups, seed):
    labels = [label for label, count in enumerate(groups) for _ in range(5 * count)]
    names = tuple(f"{label}-{i % groups[label]}" for i, label in enumerate(labels))
    parts = divide(index(labels, names), seed)
    members = [set(parts[split].groups) for split in SPLITS]
    assert sum(map(len, members)) == len(set(names))
    assert all(set(part.labels) == set(range(len(groups))) for part in parts.values())


def test_splits_that_come_with_the_data_are_left_as_they_are():
    given_parts = {split: index([0, 1]) for split in reversed(SPLITS)}
    found = complete(given_parts, ["a", "b"], valid=0.5, test=0.4, seed=0)
    assert list(found) == list(SPLITS)
    assert all(found[split] is given_parts[split] for split in SPLITS)


def test_the_division_of_a_seed_never_changes():
    # NumPy's RandomState(0).permutation(6), whose stream NEP 19 freezes, is 5 2 1 3 0 4
    divided = stratified(np.zeros(6, int), lambda n: (1, 2), seed=0)
    assert [positions.tolist() for positions in divided] == [[5], [1, 2], [0, 3, 4]]


@pytest.mark.parametrize("seed", [0, 1])
def test_the_counts_asked_for_are_drawn_from_each_class(seed):
    labels = np.repeat([0, 1, 2], [30, 40, 50])
    first, second, rest = stratified(labels, lambda n: (10, 5), seed)
    assert np.bincount(labels[first]).tolist() == [10, 10, 10]
    assert np.bincount(labels[second]).tolist() == [5, 5, 5]
    assert np.bincount(labels[rest]).tolist() == [15, 25, 35]


@given(sizes=st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=1, max_size=5), seed=seeds)
def test_divided_anew_every_image_is_in_one_split_and_every_class_keeps_its_share(sizes, seed):
    train, valid = (index(np.repeat(np.arange(len(sizes)), counts)) for counts in zip(*sizes, strict=True))
    found = redivide(train, valid, [str(i) for i in range(9)], seed)
    assert sorted([*found.train, *found.valid]) == list(range(len(train) + len(valid)))
    labels = np.concatenate([train.labels, valid.labels])
    assert np.bincount(labels[found.train]).tolist() == [counts[0] for counts in sizes]
    assert np.bincount(labels[found.valid]).tolist() == [counts[1] for counts in sizes]


@given(groups=st.lists(st.integers(2, 9), min_size=1, max_size=4), seed=seeds)
def test_divided_anew_no_group_is_in_both(groups, seed):
    labels = [label for label, count in enumerate(groups) for _ in range(4 * count)]
    names = tuple(f"{label}-{i % groups[label]}" for i, label in enumerate(labels))
    train, valid = index(labels[::2], names[::2]), index(labels[1::2], names[1::2])
    found = redivide(train, valid, [str(i) for i in range(9)], seed)
    members = np.array(names[::2] + names[1::2])
    assert not set(members[found.train]) & set(members[found.valid])
    assert {*members[found.train], *members[found.valid]} == set(names)


def test_a_class_of_one_group_cannot_be_divided_anew():
    train, valid = index([0, 0, 1], ("a", "b", "c")), index([0, 1], ("a", "c"))
    with pytest.raises(DataError, match="class 'tug' has one group in training and validation together"):
        redivide(train, valid, ["ferry", "tug"], seed=0)
