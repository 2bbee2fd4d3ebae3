"""Tune's own handling of a process that is gone, where the error is of a kind that it does not know."""

from __future__ import annotations

import pickle
from types import SimpleNamespace

import pytest
from ray.air.execution._internal.actor_manager import RayActorManager
from ray.exceptions import ObjectLostError, OutOfMemoryError, RayActorError, RayError, RayTaskError

from study.tune.deaths import ProcessLostError, deaths_borne
from study.tune.failures import OUT_OF_MEMORY, cause_of

LOW = OutOfMemoryError("1 worker(s) were killed due to the node running low on memory.\nand a page more")


def told(error: Exception) -> list[Exception]:
    """What Tune is told of a task of a trial's process that ended with an error."""
    heard: list[Exception] = []
    manager = SimpleNamespace(_failed_actor_ids=set(), _cleanup_actor=lambda tracked_actor: None)
    actor = SimpleNamespace(actor_id=1, _on_error=None)
    task = SimpleNamespace(_tracked_actor=actor, _on_error=lambda actor, error: heard.append(error))
    RayActorManager._actor_task_failed(manager, tracked_actor_task=task, exception=error)  # as Ray calls it
    return heard


def test_a_process_that_ray_has_ended_for_want_of_memory_is_a_lost_process():
    with deaths_borne():
        (error,) = told(LOW)
    assert isinstance(error, RayActorError)
    assert cause_of(error) == OUT_OF_MEMORY
    assert cause_of(pickle.loads(pickle.dumps(error))) == OUT_OF_MEMORY, "as Tune keeps it"


def test_so_is_one_that_is_ended_as_it_begins():
    """Tune wrote nothing down of such an error, and its reason was not known."""
    heard: list[Exception] = []
    manager = SimpleNamespace(_failed_actor_ids=set(), _cleanup_actor=lambda tracked_actor: None)
    actor = SimpleNamespace(actor_id=1, _on_error=lambda actor, error: heard.append(error))
    with deaths_borne():
        RayActorManager._actor_start_failed(manager, tracked_actor=actor, exception=LOW)
    assert [cause_of(error) for error in heard] == [OUT_OF_MEMORY]


def test_so_is_one_of_which_ray_has_lost_an_answer():
    with deaths_borne():
        (error,) = told(ObjectLostError("ab" * 28, None, ""))
    assert isinstance(error, ProcessLostError)
    assert cause_of(error).startswith("ObjectLostError: ")


@pytest.mark.parametrize("error", [RayTaskError("step", "trace", ValueError("mine")), RayActorError()])
def test_what_tune_knows_it_is_told_as_it_is(error):
    with deaths_borne():
        assert told(error) == [error]


def test_by_itself_tune_gives_the_study_up():
    """Where this fails Ray has changed, and deaths.py may go."""
    with pytest.raises(RuntimeError, match="Caught unexpected exception"):
        told(LOW)
    assert isinstance(LOW, RayError)
