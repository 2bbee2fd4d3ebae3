"""In processes of their own: what is set up for a process stays."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import textwrap

import pytest

from trainables.process import memory

GLIBC = pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
TRAINING = """
    import sys
    import torch
    from tests.support.stand_ins import SIDE, image_task
    from trainables.approaches.better_cnn import BetterCNN, BetterCNNHyperparameters, BetterCNNSettings
    from trainables.process.memory import keep_freed_memory

    if sys.argv[1] == "kept":
        keep_freed_memory()
    torch.set_num_threads(1)
    settings = BetterCNNSettings(image_size=(SIDE, SIDE), precision="float32")
    hyperparameters = BetterCNNHyperparameters(batch_size=8, epochs=3, flip=True)
    approach = BetterCNN(image_task(), settings, hyperparameters, seed=0, device=torch.device("cpu"))
    steps = [approach.step() for _ in range(3 * approach.training.steps_per_epoch)]
    print([step.loss.hex() for step in steps], approach.predict(image_task().valid.inputs).probabilities.tolist())
"""
FAULTS = """
    import resource, sys
    from trainables.process.memory import keep_freed_memory
    from trainables.spec import pin_threads

    if sys.argv[1] == "kept":
        assert keep_freed_memory()
    if sys.argv[1] == "pinned":
        pin_threads(1)
    blocks = lambda: [bytearray(b"1") * 2**22 for _ in range(10)]
    blocks()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def printed(code: str, memory_is: str) -> str:
    command = [sys.executable, "-c", textwrap.dedent(code), memory_is]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@GLIBC
def test_blocks_that_were_freed_are_used_again_without_asking_the_kernel():
    """Ten blocks of 4 MiB are 10,240 pages of 4 KiB; larger pages take fewer faults, and some are of Python itself."""
    kept, given_back = (int(printed(FAULTS, memory_is)) for memory_is in ("kept", "given back"))
    assert kept <= given_back / 4


@GLIBC
def test_a_process_that_is_held_to_its_threads_gives_memory_back_as_before():
    """The user's own is held to a slot's too, while `plan` times approaches there, and only that was undone."""
    assert int(printed(FAULTS, "pinned")) > 5


@GLIBC
@pytest.mark.slow
def test_losses_and_predictions_are_the_same_to_the_bit():
    assert printed(TRAINING, "kept") == printed(TRAINING, "given back")


@pytest.mark.parametrize("library", [object(), None])
def test_another_c_library_is_left_as_it_is(monkeypatch, library):
    def loaded(name: object) -> object:
        if library is None:
            raise TypeError(name)
        return library

    monkeypatch.setattr(ctypes, "CDLL", loaded)
    assert not memory.keep_freed_memory()
