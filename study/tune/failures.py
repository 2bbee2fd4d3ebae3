"""Why the process of a trial died, as far as Ray knows it, in one line for the records."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ray import cloudpickle
from ray.exceptions import ActorDiedError, ActorUnavailableError, OutOfMemoryError
from ray.tune import Callback
from ray.tune.experiment import Trial

from trainables.errors import UnreachableError, one_line

UNKNOWN = "its process ended, for a reason that is not known"
# What Ray says of a process that broke its connection off without a word: the system tells Ray no more than that.
NO_WORD = "connection error code"
NOT_MADE = "error raised in its creation task"  # the traceback follows; its last line is the error


class Failures(Callback):  # type: ignore[misc]
    """Knows the latest error of every trial that runs; Tune tells its searcher only that there was one."""

    def __init__(self) -> None:
        self._trials: dict[str, Trial] = {}  # by Tune's own id
        self.unreachable: UnreachableError | None = None  # a trial has waited in vain for what the nodes share

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._trials[trial.trial_id] = trial

    def on_trial_recover(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._trials[trial.trial_id] = trial  # one whose process could not even be made was never said to start
        error = self.error_of(trial.trial_id)
        cause = getattr(error, "cause", None) or error
        if isinstance(cause, UnreachableError):
            self.unreachable = cause

    def error_of(self, trial_id: str) -> Exception | None:
        """The latest error of a trial, or None where there was none."""
        trial = self._trials.get(trial_id)
        # Not trial.get_pickled_error(): that one looks where the file is copied to, some time later.
        if trial is None or trial.pickled_error_file is None:
            return None
        try:
            error: Exception = cloudpickle.loads(Path(trial.pickled_error_file).read_bytes())
        except Exception as unreadable:
            return unreadable
        return error

    def forget(self, trial_id: str) -> None:
        """The trial has ended."""
        self._trials.pop(trial_id, None)

    def __getstate__(self) -> dict[str, object]:
        """Nothing travels when Tune pickles its callbacks for a snapshot."""
        return {}


def cause_of(error: Exception | None) -> str:
    """One line for a record: what ended the process, or what was raised in it."""
    if error is None:
        return UNKNOWN
    if isinstance(error, OutOfMemoryError):
        return "its process was ended by Ray, as the memory of its node ran out"
    if isinstance(error, ActorUnavailableError):
        return "its node, or the way to it, was lost"
    if isinstance(error, ActorDiedError):
        return _end_of_process(str(error))
    return one_line(getattr(error, "cause", None) or error)


def _end_of_process(words: str) -> str:
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
