"""Whether the workers reach an object store, with a stand-in for Ray that runs tasks at once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import ray

from analysis.records.errors import StorageError
from study.cluster import arrival, reach
from study.cluster.nodes import ClusterError
from study.cluster.reach import refuse_out_of_reach
from trainables.spec import Slot

SLOT = Slot(1, 0)


@pytest.fixture
def worker(monkeypatch) -> list[str]:
    """What the one worker is asked for."""
    asked: list[str] = []

    def remote(function: Callable[..., str | None]) -> SimpleNamespace:
        def run(*directory: str) -> str | None:
            asked.extend(directory)
            return function(*directory)

        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=run))

    stand_in = SimpleNamespace(remote=remote, get=lambda done, timeout=None: done, exceptions=ray.exceptions)
    monkeypatch.setattr(arrival, "ray", stand_in)
    monkeypatch.setattr(arrival, "_held", lambda slot: nullcontext({}))
    return asked


def test_a_folder_is_not_asked_for(worker, tmp_path):
    refuse_out_of_reach(str(tmp_path), SLOT)
    assert worker == []


def test_an_object_store_that_a_worker_can_write_to_is_taken(worker, monkeypatch):
    monkeypatch.setattr(reach, "refuse_unwritable", lambda _: None)
    refuse_out_of_reach("s3://bucket/study", SLOT)
    assert worker == ["s3://bucket/study"]


def test_a_worker_without_keys_is_said_in_one_line_with_the_mend(worker, monkeypatch):
    def refuse(directory: str) -> None:
        raise StorageError(
            f"{directory}/.probe: cannot be written (ACCESS_DENIED during PutObject operation: {'x' * 300})"
        )

    monkeypatch.setattr(reach, "refuse_unwritable", refuse)
    with pytest.raises(ClusterError) as refused:
        refuse_out_of_reach("s3://bucket/study", SLOT)
    told = str(refused.value)
    assert told.startswith("s3://bucket/study/.probe: cannot be written (ACCESS_DENIED")
    assert told.endswith("AWS_SECRET_ACCESS_KEY, in the environment of its `ray start`")
    assert len(told) <= 300
