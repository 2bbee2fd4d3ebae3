"""Why the process of a trial died, as far as Ray knows it, in one line for the records."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

from ray import cloudpickle
from ray.exceptions import ActorDiedError, ActorUnavailableError, OutOfMemoryError
from ray.tune import Callback
from ray.tune.experiment import Trial

from study.tune.deaths import ProcessLostError
from trainables.errors import FEWER, UnreachableError, is_out_of_memory, one_line
from trainables.spec import DeliveryError

UNKNOWN = "its process ended, for a reason that is not known"
# What Ray says of a process that broke its connection off without a word: the system tells Ray no more than that.
NO_WORD = "connection error code"
NOT_MADE = "error raised in its creation task"  # the traceback follows; its last line is the error
LOW_ON_MEMORY = "low on memory"  # among Ray's words where it has ended a process before that could begin
OUT_OF_MEMORY = "its process was ended by Ray, as the memory of its node ran out"
MEND = "mend that, and `transfer-study resume` goes on"
FREE = f"free memory, and `transfer-study resume` goes on; or begin anew: {FEWER}"
MAX_FAILURES = 2  # a trial whose process dies is started again so often; after that it has failed
# Each of the trials that are out has died so often, with no report of any between, when the study is stopped: as a rule
# none has failed for good yet, and all of them begin anew when it is resumed. Where trials are known to work, some that
# follow these have died too, as that much may be due to hyperparameters. One trial alone, which fails for good, is not
# enough: with a single slot it would be, and each `resume` would come to it again.
ROUNDS, ROUNDS_IF_KNOWN_TO_WORK = 2, 4
NO_WORK = frozenset({"started", "lost", "failed"})  # events of a trial that perhaps never trained


class Failures(Callback):  # type: ignore[misc]
    """Knows the latest error of every trial that runs; Tune tells its searcher only that there was one."""

    def __init__(self) -> None:
        self._trials: dict[str, Trial] = {}  # by Tune's own id
        self.unreachable: UnreachableError | None = None  # a trial has waited in vain for what the nodes share
        self._deaths = 0  # of processes, since any trial has reported something
        self._latest = UNKNOWN  # cause of such a death
        self._mend = MEND
        self._known_to_work = False

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._trials[trial.trial_id] = trial

    def on_trial_recover(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._trials[trial.trial_id] = trial  # one whose process could not even be made was never said to start
        self._count(self.error_of(trial.trial_id))

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._count(_latest_error(trial))  # by then the searcher has had it forgotten

    def note_event(self, event: str) -> None:
        """A trial has reported this, now or in an earlier session."""
        self._deaths = 0
        self._known_to_work |= event not in NO_WORK

    def hopeless(self, most: int) -> str | None:
        """Why the study cannot go on, in one line, where every process ends before its trial reports anything.

        Args:
            most: how many trials were out at a time, those that wait for a process among them.
        """
        rounds = ROUNDS_IF_KNOWN_TO_WORK if self._known_to_work else ROUNDS
        if self._deaths < max(MAX_FAILURES + 2, rounds * most):
            return None
        latest = textwrap.shorten(self._latest, 150, placeholder=" ...")
        return (
            f"no trial comes to a result: {self._deaths} processes in a row ended before; the last time, {latest}; "
            f"{self._mend}"
        )

    def error_of(self, trial_id: str) -> Exception | None:
        """The latest error of a trial, or None where there was none."""
        trial = self._trials.get(trial_id)
        return None if trial is None else _latest_error(trial)

    def forget(self, trial_id: str) -> None:
        """The trial has ended."""
        self._trials.pop(trial_id, None)

    def _count(self, error: Exception | None) -> None:
        cause = getattr(error, "cause", None) or error
        if isinstance(cause, UnreachableError):
            self.unreachable = cause
        elif not isinstance(cause, DeliveryError):  # who has something to deliver has worked
            self._deaths += 1
            self._latest = cause_of(error)
            self._mend = FREE if _is_of_memory(error) else MEND

    def __getstate__(self) -> dict[str, object]:
        """Nothing travels when Tune pickles its callbacks for a snapshot."""
        return {}


def _latest_error(trial: Trial) -> Exception | None:
    # Not trial.get_pickled_error(): that one looks where the file is copied to, some time later.
    if trial.pickled_error_file is None:
        return None
    try:
        error: Exception = cloudpickle.loads(Path(trial.pickled_error_file).read_bytes())
    except Exception as unreadable:  # an error of somebody else's class may need what is not here
        return unreadable
    return error


def cause_of(error: Exception | None) -> str:
    """One line for a record: what ended the process, or what was raised in it."""
    if error is None:
        return UNKNOWN
    if isinstance(error, ProcessLostError):
        error = error.cause
    if isinstance(error, OutOfMemoryError):
        return OUT_OF_MEMORY
    if isinstance(error, ActorUnavailableError):
        return "its node, or the way to it, was lost"
    if isinstance(error, ActorDiedError):
        return _end_of_process(str(error))
    return one_line(getattr(error, "cause", None) or error)


def _is_of_memory(error: Exception | None) -> bool:
    cause = getattr(error, "cause", None) or error
    return cause is not None and (is_out_of_memory(cause) or cause_of(error) == OUT_OF_MEMORY)


def _end_of_process(words: str) -> str:
    if LOW_ON_MEMORY in words:
        return OUT_OF_MEMORY
    if NOT_MADE in words:
        return f"its process could not begin: {words.strip().splitlines()[-1].strip()}"
    if re.search(r"\bnode\b.* (?:died|dead|terminated)", words):
        return "its node was lost"
    if NO_WORD in words:
        return "its process was killed or crashed (memory ran out, a signal, or a fault in native code)"
    code = re.search(r"exit code (-?\d+)", words)
    if code:
        return f"its process ended with exit code {code.group(1)}"
    return UNKNOWN
