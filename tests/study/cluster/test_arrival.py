"""What it means where the first worker of all ends before it has answered."""

from __future__ import annotations

import pytest
from ray.exceptions import OutOfMemoryError

from benchmarks.no_op import NoOp
from study.cluster.arrival import WorkerError, refuse_not_arrived
from trainables.approaches.better_cnn import BetterCNN
from trainables.spec import Slot

LOW = "1 worker(s) were killed due to the node running low on memory. Memory on the node (IP: 10.0.0.2, ID: 93005a0f"


@pytest.mark.parametrize("kind", [BetterCNN, NoOp])
def test_a_worker_without_memory_is_no_approach_that_cannot_be_imported(monkeypatch, kind):
    """Of one from outside (as the NoOp is) it was said that the workers cannot import it."""

    def answer(*_: object, **__: object) -> None:
        raise OutOfMemoryError(LOW)

    monkeypatch.setattr("study.cluster.arrival.answer", answer)
    with pytest.raises(WorkerError) as refused:
        refuse_not_arrived({"mine": kind}, Slot(cpus=1, gpus=0.0))
    assert str(refused.value) == (
        "a worker was ended by Ray as it began, as the memory of its node ran out; free memory there, or use a machine "
        "with more"
    )
