"""The clusters on which the faults happen. Starting one takes longer than a study: the tests of a file share it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.nodes import Cluster, cluster


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of two nodes with a slot each."""
    with cluster(tmp_path_factory.mktemp("nodes"), 1, 1) as made:
        yield made
