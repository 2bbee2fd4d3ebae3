"""Which trial that waits gets the process of one that has ended.

Left to itself, Tune gives it to the one that has waited longest, even where a process is being made for that one on
another slot: this process it then ends, and begins to make the next. With trials that are shorter than a process takes
to start, that goes on for ever: one slot does all the work, and the other stays idle. (Measured with trials of 0.2 s on
two nodes, one of which joined late: that one got none of 276 trials; with what is here it works after 4 s.)

One case is left to Tune. Where every trial that waits has a process coming, `choose_trial_to_run` names none, and Tune
gives a free process to any of them and ends the one that was being made for it (the third step of its
`TuneController._maybe_add_actors`). As one trial more is handed out than there are slots, it comes to that only when
there is no further trial to hand out: towards the end of the search, when what is left of the budgets is reserved, and
at the end of the final runs.

Left to itself, Tune also ends all but one of the processes for which no trial waits. Each slot's comes to that at the
end of the search, when the others' last trials still run, and the final runs would have to make new ones.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler

ALL = 1_000_000


class Handover(FIFOScheduler):  # type: ignore[misc]
    """A Ray Tune scheduler that starts trials in order, but leaves each to the process that is being made for it.

    It knows the live trials only. Tune's own looks for the next one among all that ever were: 12 ms after 10,000.
    """

    def __init__(self) -> None:
        super().__init__()
        self._trials: dict[str, Trial] = {}  # that have not ended, in order, by Tune's own id
        self._keeping = False

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        self._trials[trial.trial_id] = trial
        if not self._keeping:
            self._keeping = True
            _keep_processes(tune_controller, trial)

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        self._trials.pop(trial.trial_id, None)  # it is added again if it is to start again

    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> None:
        self._trials.pop(trial.trial_id, None)

    def on_trial_remove(self, tune_controller: Any, trial: Trial) -> None:
        self._trials.pop(trial.trial_id, None)

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """The first trial that waits and has no process coming; to it goes any process that is free.

        None where there is none: then Tune gives a free process to any that waits (see above).
        """
        waiting = (trial for trial in self._trials.values() if trial.status == Trial.PENDING)
        return next((trial for trial in waiting if not _has_process(tune_controller, trial)), None)


def _keep_processes(tune_controller: Any, trial: Trial) -> None:
    """Have as many idle processes kept as there are, until Tune has ended; all trials hold the same slot."""
    with suppress(AttributeError):  # another version of Ray names things otherwise: then processes are made anew
        tune_controller._tune_controller._actor_cache.increase_max(trial.placement_group_factory, by=ALL)


def _has_process(tune_controller: Any, trial: Trial) -> bool:
    """Whether a slot is held for this trial, where its process is being made, or made already."""
    try:
        controller = tune_controller._tune_controller  # it tells a scheduler no such thing
        actor = controller._trial_to_actor.get(trial)
        return actor is not None and bool(controller._actor_manager.is_actor_started(actor))
    except AttributeError:  # another version of Ray names things otherwise: then trials start as Tune has it
        return False
