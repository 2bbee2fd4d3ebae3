"""Memory runs out in a trial: on the CPU for real, as the process may have no more; on a GPU by its error alone."""

from __future__ import annotations

import gc
import resource
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.support.workers import CNN, config_of, run, start
from trainables.approach import Step
from trainables.approaches.better_cnn import BetterCNN
from trainables.errors import is_out_of_memory, one_line

pytestmark = pytest.mark.usefixtures("dictated_time")
MEGABYTE = 1 << 20
GPU = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 1.95 GiB"


@contextmanager
def little_memory() -> Iterator[None]:
    """This process may have 64 megabytes more than it has, and no others."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 64 * MEGABYTE, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def on_the_gpu() -> None:
    raise torch.OutOfMemoryError(f"{GPU}\nSee documentation for Memory Management")


def in_a_library_on_the_gpu() -> None:
    raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")


WAYS: dict[str, tuple[Callable[[], object], str]] = {
    "Python": (lambda: bytearray(1024 * MEGABYTE), "out of memory (MemoryError)"),
    "NumPy": (lambda: np.empty(1024 * MEGABYTE, np.uint8), "out of memory (MemoryError: Unable to allocate 1.00"),
    "PyTorch": (lambda: torch.empty(1024 * MEGABYTE, dtype=torch.uint8), "out of memory (RuntimeError: "),
    "GPU": (on_the_gpu, f"out of memory (OutOfMemoryError: {GPU})"),
    "library": (in_a_library_on_the_gpu, "out of memory (RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED"),
}


class Greedy(BetterCNN):
    """Takes more than there is in its third step, by the way that is set here; it holds itself, as a cycle does."""

    way: Callable[[], object]
    lives: weakref.ref[Greedy]

    def step(self) -> Step:
        if self.training.epoch * self.training.steps_per_epoch >= 2:
            self.me = self
            type(self).lives = weakref.ref(self)
            with little_memory():
                type(self).way()
        return super().step()


@pytest.fixture(params=WAYS)
def way(request, monkeypatch) -> str:
    """How memory runs out; what is said of it."""
    take, told = WAYS[request.param]
    monkeypatch.setattr(Greedy, "way", staticmethod(take), raising=False)
    return told


def test_the_trial_has_failed_for_want_of_memory_and_what_it_was_charged_stands(way, places):
    (result,) = run(start(config_of(), {"cnn": replace(CNN, kind=Greedy)}, places))
    assert (result["event"], result["charged_s"]) == ("failed", 12)
    assert result["reason"].startswith(way)


def test_the_next_trial_of_the_process_has_the_memory_of_the_one_that_failed(way, places):
    worker = start(config_of("greedy"), {"greedy": replace(CNN, kind=Greedy), "cnn": CNN}, places)
    gc.disable()  # by itself it would come sooner or later
    try:
        assert run(worker)[-1]["event"] == "failed"
        worker.reset_config(config_of())
        assert Greedy.lives() is None
    finally:
        gc.enable()
    assert run(worker)[-1]["event"] == "finished"


@pytest.mark.parametrize("error", [ValueError("memory"), RuntimeError("shapes differ"), torch.AcceleratorError("lost")])
def test_other_errors_are_not_taken_for_it(error):
    assert not is_out_of_memory(error)
    assert not one_line(error).startswith("out of memory")
