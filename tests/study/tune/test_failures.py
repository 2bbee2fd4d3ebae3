"""Why a trial's process died, from what Ray says of it. The texts are Ray 2.60's, shortened."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest
from ray.exceptions import ActorDiedError, ActorUnavailableError, OutOfMemoryError, RayTaskError

from study.tune.failures import MAX_FAILURES, UNKNOWN, Failures, cause_of
from trainables.spec import DeliveryError

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


class Dying:
    """Failures of trials whose processes die one after another, each for the same reason."""

    def __init__(self, folder: Path, error: Exception) -> None:
        self.failures, self.trial = Failures(), FakeTrial(folder)
        self.trial.fail(error)

    def die(self, times: int, *, most: int = 3) -> str | None:
        """Why the study cannot go on then, with so many trials out at a time."""
        for _ in range(times):
            self.failures.on_trial_recover(0, [], self.trial)
        return self.failures.hopeless(most)


def test_where_every_trial_that_is_out_has_died_twice_the_study_cannot_go_on(tmp_path):
    dying = Dying(tmp_path, RayTaskError("step", "trace", ImportError("no module named torch\nmore")))
    assert dying.die(5) is None
    assert dying.die(1) == (
        "no trial comes to a result: 6 processes in a row ended before; the last time, ImportError: "
        "no module named torch; mend that, and `transfer-study resume` goes on"
    )


LOW = "1 worker(s) were killed due to the node running low on memory. Memory on the node was 23.54GB used"


@pytest.mark.parametrize(
    "error",
    [
        OutOfMemoryError(LOW),
        DiedError(f"The actor died because of {LOW}"),
        RayTaskError("step", "trace", MemoryError()),
    ],
    ids=lambda error: type(error).__name__,
)
def test_where_it_is_the_memory_the_mend_is_fewer_trials_at_once_or_smaller_ones(tmp_path, error):
    told = Dying(tmp_path, error).die(6)
    assert told is not None
    assert re.search("memory of its node ran out|out of memory", told)
    assert told.endswith(
        "; free memory, and `transfer-study resume` goes on; or begin anew: have fewer trials at once "
        "(a larger slot.cpus), or smaller batches or images"
    )
    assert len(told) <= 290


def test_one_configuration_that_kills_its_process_fails_alone_where_there_is_one_slot(tmp_path):
    """Else each `resume` would come to it again."""
    dying = Dying(tmp_path, ValueError("no room"))
    assert dying.die(MAX_FAILURES + 1, most=1) is None
    assert dying.die(1, most=1) is not None


@pytest.mark.parametrize(("event", "deaths"), [("started", 6), ("lost", 6), ("failed", 6), ("heartbeat", 12)])
def test_where_trials_are_known_to_work_more_of_them_may_die(tmp_path, event, deaths):
    """As that much may be due to their hyperparameters: some of them fail for good first, and others follow."""
    dying = Dying(tmp_path, ValueError("no room"))
    dying.failures.note_event(event)
    assert dying.die(deaths - 1) is None
    assert dying.die(1) is not None


def test_a_death_that_follows_a_report_is_counted_from_one_again(tmp_path):
    dying = Dying(tmp_path, ValueError("no room"))
    for _ in range(20):
        dying.failures.note_event("heartbeat")
        assert dying.die(11) is None


def test_the_last_death_of_a_trial_counts_like_the_others(tmp_path):
    dying = Dying(tmp_path, ValueError("no room"))
    dying.die(5)
    dying.failures.on_trial_error(0, [], dying.trial)
    assert dying.failures.hopeless(3) is not None


def test_a_run_that_cannot_deliver_has_worked(tmp_path):
    assert Dying(tmp_path, DeliveryError("disk full")).die(50) is None


def test_a_long_reason_is_shortened(tmp_path):
    assert len(Dying(tmp_path, ValueError("very " * 1000)).die(6)) < 300
