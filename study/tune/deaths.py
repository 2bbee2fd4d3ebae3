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
    before = RayActorManager._actor_task_failed

    def failed(manager: RayActorManager, tracked_actor_task: Any, exception: Exception) -> None:
        if isinstance(exception, RayError) and not isinstance(exception, RayActorError | RayTaskError):
            exception = ProcessLostError(exception)
        before(manager, tracked_actor_task, exception)

    RayActorManager._actor_task_failed = failed
    try:
        yield
    finally:
        RayActorManager._actor_task_failed = before
