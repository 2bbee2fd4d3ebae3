"""Deaths of processes that Ray Tune does not expect: they end the process of one trial, and not the study or the trial.

Of a process that Ray's own memory monitor has ended, Ray raises OutOfMemoryError, which is no RayActorError. Tune knows
that kind and a task's own errors alone (2.60); at any other it gives up, and everything that runs with it.

A process that is kept idle for the next trial may die meanwhile, which shows when that trial is to go on in it. Tune
counts this as two failures of a trial that has never begun there, fails it for good after one such death, and
would not start it again if it did not (it stays among those that wait for their process). Here it is no failure at
all: the trial gets another process, as often as an idle one has died.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ray.air.execution._internal.actor_manager import RayActorManager
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial

from trainables.errors import one_line


class ProcessLostError(RayActorError):  # type: ignore[misc]
    """The process of a trial is gone, or what it said is; `cause` is what Ray raised of that."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(error_msg=one_line(cause))
        self.cause = cause


@contextmanager
def deaths_borne() -> Iterator[None]:
    """Let Tune take all of Ray's errors for the loss of a process, and bear those of idle ones, until the end."""
    at_work, at_start = RayActorManager._actor_task_failed, RayActorManager._actor_start_failed
    of_actor, of_trial = TuneController._actor_failed, TuneController._trial_task_failure

    def failed(manager: RayActorManager, tracked_actor_task: Any, exception: Exception) -> None:
        at_work(manager, tracked_actor_task, _known(exception))

    def not_started(manager: RayActorManager, tracked_actor: Any, exception: Exception) -> None:
        at_start(manager, tracked_actor, _known(exception))

    def actor_failed(controller: TuneController, tracked_actor: Any, exception: Exception) -> None:
        _take_for_running(controller, controller._actor_to_trial[tracked_actor])
        of_actor(controller, tracked_actor, exception)  # the process alone, then; the trial comes next

    def task_failed(controller: TuneController, trial: Trial, exception: Exception) -> None:
        _take_for_running(controller, trial)
        was_resetting = trial in controller._resetting_trials
        controller._resetting_trials.discard(trial)
        if was_resetting and isinstance(exception, RayActorError):
            controller._set_trial_status(trial, Trial.PENDING)
        else:
            of_trial(controller, trial, exception)

    RayActorManager._actor_task_failed, RayActorManager._actor_start_failed = failed, not_started
    TuneController._actor_failed, TuneController._trial_task_failure = actor_failed, task_failed
    try:
        yield
    finally:
        RayActorManager._actor_task_failed, RayActorManager._actor_start_failed = at_work, at_start
        TuneController._actor_failed, TuneController._trial_task_failure = of_actor, of_trial


def _take_for_running(controller: TuneController, trial: Trial) -> None:
    """A trial that was to go on in an idle process: Tune sees to those that run once, and to those that wait twice."""
    if trial in controller._resetting_trials and trial.status == Trial.PENDING:
        controller._unstage_trial_with_resources(trial)
        controller._set_trial_status(trial, Trial.RUNNING)


def _known(error: Exception) -> Exception:
    if isinstance(error, RayError) and not isinstance(error, RayActorError | RayTaskError):
        return ProcessLostError(error)
    return error
