"""The clusters on which the faults happen. Starting one takes longer than a study: the tests of a file share it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from nodes import Cluster, cluster

sys.path.insert(0, str(Path(__file__).parents[1] / "study"))  # for commands and study_files


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of two nodes with a slot each."""
    with cluster(tmp_path_factory.mktemp("nodes"), 1, 1) as made:
        yield made
