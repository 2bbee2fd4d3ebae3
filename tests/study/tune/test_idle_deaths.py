"""A process that dies while no trial is in it, and one that cannot take the next trial: with Tune's own controller.

Where these alone fail, Ray has changed: see in the source of `TuneController._schedule_trial_reset` what it does now of
a reset that fails, and ask for the same in study/tune/deaths.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from unittest.mock import Mock

import pytest
from ray.air.execution._internal.tracked_actor import TrackedActor
from ray.exceptions import ActorDiedError, OutOfMemoryError, RayTaskError
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial

from study.tune.deaths import deaths_borne
from study.tune.failures import MAX_FAILURES
from study.tune.scheduler import Handover


@dataclass
class Case:
    """A trial that waits, and some idle processes."""

    tune: TuneController
    trial: Trial
    searcher: Mock

    def keep_idle(self, processes: int) -> None:
        tune = self.tune
        for number in range(processes):
            process = TrackedActor(
                number, on_start=tune._actor_started, on_stop=tune._actor_stopped, on_error=tune._actor_failed
            )
            tune._actor_manager._live_actors_to_ray_actors_resources[process] = (Mock(), Mock())
            tune._actor_cache.cache_object(self.trial.placement_group_factory, process)

    def answer(self, error: Exception) -> None:
        """Let the trial go on in the next idle process, and that one answer so."""
        self.tune._maybe_add_actors()
        events = self.tune._actor_manager._actor_task_events
        (reset,) = events.get_futures()
        _, on_error = events._tracked_futures.pop(reset)
        on_error(error)


@pytest.fixture
def case(monkeypatch, tmp_path) -> Iterator[Case]:
    monkeypatch.setenv("TUNE_MAX_PENDING_TRIALS_PG", "1")  # else Tune asks Ray for it, which does not run here
    monkeypatch.setattr(Trial, "init_local_path", lambda self: None)
    monkeypatch.setattr(Trial, "local_path", str(tmp_path))
    searcher = Mock()
    tune = TuneController(scheduler=Handover(), search_alg=searcher, reuse_actors=True)
    tune._actor_manager._resource_manager = Mock(**{"has_resources_ready.return_value": False})
    trial = Trial("any", stub=True, max_failures=MAX_FAILURES, storage=Mock())
    tune.add_trial(trial)
    monkeypatch.setattr(trial, "get_trainable_cls", Mock())
    monkeypatch.setattr(tune, "_class_cache", Mock())
    with deaths_borne():
        yield Case(tune, trial, searcher)


@pytest.mark.parametrize("error", [ActorDiedError(), OutOfMemoryError("the node was low on memory")])
def test_processes_that_died_idle_are_no_failures_of_the_trial_that_was_to_go_on_in_them(case, error):
    """After one such death the trial had failed for good, and its final run was never made again."""
    case.keep_idle(MAX_FAILURES + 2)
    for _ in range(MAX_FAILURES + 2):
        case.answer(error)
        assert (case.trial.status, case.trial.num_failures) == (Trial.PENDING, 0)
    case.searcher.on_trial_complete.assert_not_called()


def test_the_trial_gets_a_new_process_when_no_idle_one_is_left(case):
    case.keep_idle(1)
    case.answer(ActorDiedError())
    assert case.trial not in case.tune._trial_to_actor
    case.tune._maybe_add_actors()
    assert case.tune._trial_to_actor[case.trial] in case.tune._actor_manager.pending_actors


def test_a_trial_that_an_idle_process_cannot_take_is_started_so_often_and_not_once(case):
    """As where what it needs cannot be fetched. It counts, and Tune had failed the trial for good the first time."""
    case.keep_idle(MAX_FAILURES + 1)
    for failures in range(1, MAX_FAILURES + 1):
        case.answer(RayTaskError("reset", "trace", ValueError("no room")))
        assert (case.trial.status, case.trial.num_failures) == (Trial.PENDING, failures)
        assert case.trial not in case.tune._resetting_trials, "else no process would be given to it"
    case.searcher.on_trial_complete.assert_not_called()
    case.answer(RayTaskError("reset", "trace", ValueError("no room")))
    assert case.trial.status == Trial.ERROR
    case.searcher.on_trial_complete.assert_called_once_with(case.trial.trial_id, error=True)
