"""Which waiting trial is given the process of one that has ended, with stand-ins for Tune's trials and controller."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from unittest.mock import create_autospec, patch

import pytest
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler

from study.tune.scheduler import Handover


@dataclass(eq=False)
class Waiting:
    trial_id: str
    status: str = Trial.PENDING


@dataclass
class Case:
    """Trials a, b, c that were handed out in this order and wait; for those of `starting` a process is being made."""

    starting: str = ""
    trials: dict[str, Waiting] = field(default_factory=lambda: {name: Waiting(name) for name in "abc"})
    handover: Handover = field(default_factory=Handover)

    def __post_init__(self) -> None:
        for trial in self.trials.values():
            self.handover.on_trial_add(None, trial)

    @property
    def chosen(self) -> str | None:
        controller = SimpleNamespace(
            # For every trial a process is requested, whether there is a slot for it yet or not.
            _trial_to_actor={trial: f"process of {name}" for name, trial in self.trials.items()},
            _actor_manager=SimpleNamespace(
                is_actor_started={f"process of {name}" for name in self.starting}.__contains__
            ),
        )
        chosen = self.handover.choose_trial_to_run(SimpleNamespace(_tune_controller=controller))
        return None if chosen is None else chosen.trial_id


@pytest.mark.parametrize(("starting", "chosen"), [("", "a"), ("a", "b"), ("ab", "c"), ("b", "a")])
def test_the_first_trial_that_has_no_process_coming_goes_on_in_the_free_one(starting, chosen):
    assert Case(starting).chosen == chosen


def test_where_each_has_a_process_coming_none_is_moved():
    assert Case("abc").chosen is None


def test_a_trial_that_runs_waits_for_nothing():
    case = Case()
    case.trials["a"].status = Trial.RUNNING
    assert case.chosen == "b"


def test_a_trial_that_has_ended_is_forgotten():
    case = Case()
    case.handover.on_trial_complete(None, case.trials["a"], {})
    case.handover.on_trial_remove(None, case.trials["b"])
    assert case.chosen == "c"


def test_a_trial_that_is_to_start_again_waits_behind_the_others():
    case = Case()
    case.handover.on_trial_error(None, case.trials["a"])
    case.handover.on_trial_add(None, case.trials["a"])
    assert case.chosen == "b"


def test_a_version_of_ray_that_does_not_tell_starts_trials_in_order():
    case = Case("a")
    chosen = case.handover.choose_trial_to_run(SimpleNamespace())
    assert chosen is case.trials["a"]


def test_the_installed_ray_tells_for_which_trial_a_process_is_being_made(monkeypatch):
    """With Tune's own controller. Where this alone fails, Ray has changed, and a slot that joins late stays idle again.

    Then see in the source of `TuneController._maybe_add_actors` how it knows now which trial has an actor and whether
    that is started, ask for the same in `_has_process` of study/tune/scheduler.py and here, and run
    `pytest -m cluster tests/cluster/test_joining.py`, which shows whether a late slot gets work.
    """
    monkeypatch.setenv("TUNE_MAX_PENDING_TRIALS_PG", "1")  # else Tune asks Ray for it, which does not run here
    scheduler = create_autospec(FIFOScheduler, instance=True)
    tune, trial = TuneController(scheduler=scheduler), Trial("any", stub=True)
    tune.add_trial(trial)
    given, _ = scheduler.on_trial_add.call_args.args  # what Tune lets a scheduler see of its controller
    handover = Handover()
    handover.on_trial_add(given, trial)
    assert handover.choose_trial_to_run(given) is trial

    with patch.object(type(tune._actor_manager), "is_actor_started", autospec=True, return_value=True):
        assert trial not in tune._trial_to_actor
        tune._trial_to_actor[trial] = "its process"
        assert handover.choose_trial_to_run(given) is None


def test_the_installed_ray_keeps_a_process_for_which_no_trial_waits(monkeypatch):
    """With Tune's own controller. Where this alone fails, Ray has changed, and final runs start in new processes.

    Then see how `TuneController._maybe_cache_trial_actor` decides now, and ask for the same in `_keep_processes`.
    """
    monkeypatch.setenv("TUNE_MAX_PENDING_TRIALS_PG", "1")  # else Tune asks Ray for it, which does not run here
    trial = Trial("any", stub=True)
    kept = {}
    for scheduler in (FIFOScheduler(), Handover()):
        tune = TuneController(scheduler=scheduler, reuse_actors=True)
        tune.add_trial(trial)
        cache = tune._actor_cache
        for process in ("one", "other", "third"):
            cache.cache_object(trial.placement_group_factory, process)
        evicted = set(cache.flush_cached_objects())
        kept[type(scheduler)] = cache.num_cached_objects
        assert evicted == set()
    assert kept == {FIFOScheduler: 1, Handover: 3}
