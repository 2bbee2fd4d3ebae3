"""Why a trial's process died, from what Ray says of it. The texts are Ray 2.60's, shortened."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from ray.exceptions import ActorDiedError, ActorUnavailableError, OutOfMemoryError, RayTaskError

from study.tune.failures import UNKNOWN, Failures, cause_of

KILLED = (
    "The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR Worker exit detail: Worker "
    "unexpectedly exits with a connection error code 2. End of file. Some common causes include: (1) the process was "
    "killed by the OOM killer due to high memory usage, (2) ray stop --force was called ... to prevent node deaths"
)
EXITED = "Worker exit detail: Worker exits unexpectedly. Worker exits with an exit code 3."
NODE = "The actor died because its node has died. Node Id: 029a2f0fb1d7 the actor's node was terminated unexpectedly"
# As written by Ray where a worker cannot import the actor's class.
NOT_MADE = """The actor died because of an error raised in its creation task, ray::Trial.__init__() (pid=7, ip=10.0.0.2)
ray.exceptions.RaySystemError: System error: No module named 'helper'
traceback: Traceback (most recent call last):
  File "/tmp/ray/mine.py", line 1, in <module>
    from helper import x
ModuleNotFoundError: No module named 'helper'
"""


class DiedError(ActorDiedError):
    """As Ray raises it, without the protocol buffers that it is made of."""

    def __init__(self, words: str) -> None:
        self.words = words

    def __str__(self) -> str:
        return f"The actor died unexpectedly before finishing this task.\n\tpid: 10845\n{self.words}"


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (DiedError(KILLED), "its process was killed or crashed (memory ran out, a signal, or a fault in native code)"),
        (DiedError(EXITED), "its process ended with exit code 3"),
        (DiedError(NODE), "its node was lost"),
        (ActorUnavailableError("RPC error: Socket closed", None), "its node, or the way to it, was lost"),
        (DiedError(NOT_MADE), "its process could not begin: ModuleNotFoundError: No module named 'helper'"),
        (DiedError("no word of a reason"), UNKNOWN),
        (OutOfMemoryError("Task was killed"), "its process was ended by Ray, as the memory of its node ran out"),
        (RayTaskError("step", "trace", ValueError("device lost\nmore")), "ValueError: device lost"),
        (ValueError("device lost\nmore"), "ValueError: device lost"),
        (None, UNKNOWN),
    ],
)
def test_the_cause_is_told_in_one_line(error, cause):
    assert cause_of(error) == cause


class FakeTrial:
    """What of Tune's trial matters here: the file into which its latest error goes."""

    def __init__(self, folder: Path) -> None:
        self.trial_id = "a"
        self.pickled_error_file: str | None = None
        self._file = folder / "error.pkl"

    def fail(self, error: Exception) -> None:
        self._file.write_bytes(pickle.dumps(error))
        self.pickled_error_file = str(self._file)


def test_the_latest_error_of_a_trial_is_known_until_it_has_ended(tmp_path):
    failures, trial = Failures(), FakeTrial(tmp_path)
    failures.on_trial_start(0, [], trial)
    assert failures.error_of("a") is None
    for words in ("first", "second"):
        trial.fail(ValueError(words))
        assert str(failures.error_of("a")) == words
    failures.forget("a")
    assert failures.error_of("a") is None


def test_a_trial_whose_process_could_not_even_be_made_is_known_too(tmp_path):
    failures, trial = Failures(), FakeTrial(tmp_path)
    trial.fail(ValueError("no room"))
    failures.on_trial_recover(0, [], trial)
    assert str(failures.error_of("a")) == "no room"


def test_of_an_error_that_cannot_be_read_back_that_is_said(tmp_path):
    failures, trial = Failures(), FakeTrial(tmp_path)
    trial.pickled_error_file = str(tmp_path / "nothing")
    failures.on_trial_start(0, [], trial)
    assert cause_of(failures.error_of("a")).startswith("FileNotFoundError: ")
