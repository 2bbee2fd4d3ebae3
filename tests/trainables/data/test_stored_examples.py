"""Examples too large for the object store: a file in the storage, and one copy on each node."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from analysis.records.storage import Storage
from trainables.approach import Examples
from trainables.data.stored_examples import node_copy, store
from trainables.errors import UnreachableError

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 4, 3, 3), dtype=np.uint8)
LABELS = np.arange(5)


@pytest.fixture
def library(tmp_path, monkeypatch) -> Storage:
    monkeypatch.setenv("TRANSFER_STUDY_CACHE", str(tmp_path / "here"))
    return Storage(str(tmp_path / "study"))


@pytest.mark.parametrize("inputs", [IMAGES, IMAGES.astype(np.float32).reshape(5, -1), IMAGES[:0]])
def test_they_are_what_was_stored(library, inputs):
    stored = store(library, Examples(inputs, LABELS[: len(inputs)]))
    np.testing.assert_array_equal(stored.inputs, inputs)
    assert stored.inputs.dtype == inputs.dtype
    assert len(stored) == len(inputs)


def test_they_are_mapped_and_not_to_be_written_to(library):
    inputs = store(library, Examples(IMAGES, LABELS)).inputs
    assert isinstance(inputs.base, np.memmap)
    assert not inputs.flags.writeable


def test_pickled_they_are_little_more_than_the_labels(library):
    stored = store(library, Examples(np.zeros((1000, 1000), dtype=np.uint8), LABELS))
    travelled = pickle.loads(pickle.dumps(stored))
    assert len(pickle.dumps(stored)) < 2000
    np.testing.assert_array_equal(travelled.inputs, stored.inputs)
    np.testing.assert_array_equal(travelled.labels, LABELS)


def test_the_same_content_is_stored_once(library):
    first, again = (store(library, Examples(IMAGES.copy(), LABELS)) for _ in range(2))
    other = store(library, Examples(IMAGES[::-1], LABELS))
    assert first.name == again.name != other.name
    assert library.names("data") == sorted([first.name, other.name])


class Counting(Storage):
    """Counts what is fetched from it."""

    fetched = 0

    def fetch(self, name: str, path: Path) -> None:
        self.fetched += 1
        super().fetch(name, path)


def test_a_node_fetches_them_once_however_many_ask_at_the_same_time(library):
    name = store(library, Examples(IMAGES, LABELS)).name
    counting = Counting(library.location)
    with ThreadPoolExecutor(8) as pool:
        paths = set(pool.map(lambda _: node_copy(counting, name), range(16)))
    assert len(paths) == 1
    assert counting.fetched == 1


def test_each_node_has_a_copy_of_its_own(library, tmp_path, monkeypatch):
    stored = store(library, Examples(IMAGES, LABELS))
    here = node_copy(library, stored.name)
    monkeypatch.setenv("TRANSFER_STUDY_CACHE", str(tmp_path / "there"))
    there = node_copy(library, stored.name)
    assert here.parent != there.parent
    assert here.read_bytes() == there.read_bytes()


def test_what_cannot_be_fetched_is_no_fault_of_the_trial(library):
    with pytest.raises(
        UnreachableError, match=r"gone\.npy: not filled from the storage \(StorageError: .*cannot be read"
    ):
        node_copy(library, "data/gone.npy")
