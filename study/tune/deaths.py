"""Deaths of processes that Ray Tune does not expect: they end the process of one trial, and not the study.

Of a process that Ray's own memory monitor has ended, Ray raises OutOfMemoryError, which is no RayActorError. Tune knows
that kind and a task's own errors alone (2.60); at any other it gives up, and everything that runs with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ray.air.execution._internal.actor_manager import RayActorManager
from ray.exceptions import RayActorError, RayError, RayTaskError

from trainables.errors import one_line


class ProcessLostError(RayActorError):  # type: ignore[misc]
    """The process of a trial is gone, or what it said is; `cause` is what Ray raised of that."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(error_msg=one_line(cause))
        self.cause = cause


@contextmanager
def deaths_borne() -> Iterator[None]:
    """Let Tune take all of Ray's errors for the loss of a process, for as long as the context lasts."""
    at_work, at_start = RayActorManager._actor_task_failed, RayActorManager._actor_start_failed

    def failed(manager: RayActorManager, tracked_actor_task: Any, exception: Exception) -> None:
        at_work(manager, tracked_actor_task, _known(exception))

    def not_started(manager: RayActorManager, tracked_actor: Any, exception: Exception) -> None:
        at_start(manager, tracked_actor, _known(exception))

    RayActorManager._actor_task_failed, RayActorManager._actor_start_failed = failed, not_started
    try:
        yield
    finally:
        RayActorManager._actor_task_failed, RayActorManager._actor_start_failed = at_work, at_start


def _known(error: Exception) -> Exception:
    if isinstance(error, RayError) and not isinstance(error, RayActorError | RayTaskError):
        return ProcessLostError(error)
    return error
