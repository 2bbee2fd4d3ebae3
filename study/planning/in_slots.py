"""Timing in the slots of a cluster, where trials will run, after the frozen features are made and before the search.

Whatever goes wrong there is a line, and never ends a study: an approach that cannot be timed may still be searched. But
one whose state could not be kept is refused, before it has cost anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ray

from study.config.approaches import ApproachConfig
from study.config.models import StudyConfig
from study.planning.timing import Timing, Untimed, seconds_each, time_approach
from trainables.checkpoints import StateError
from trainables.errors import one_line
from trainables.process.memory import keep_freed_memory
from trainables.spec import Inputs, Slot, pin_threads

PATIENCE_S = 60.0  # for all of them, building networks and starting processes included


def time_in_slots(
    config: StudyConfig, inputs: Mapping[str, Inputs], slot: Slot, *, features_s: Mapping[str, float]
) -> tuple[Timing | Untimed, ...]:
    """Time every approach in a slot; several at a time where there are several slots.

    Args:
        inputs: as trials get them, by approach.
        features_s: what the frozen features of an approach cost.

    Raises:
        StateError: as for `time_approach`.
    """
    # Said here and not with options(), so that Ray ends a process that has held a GPU, and with it the memory it keeps.
    task = ray.remote(num_cpus=slot.cpus, num_gpus=slot.gpus, max_retries=0)(_time)
    within_s = seconds_each(len(config.approaches))
    shared = ray.put(dict(inputs))  # once: approaches share images
    pending = {
        name: task.remote(name, approach, shared, slot, within_s, features_s.get(name, 0.0))
        for name, approach in config.approaches.items()
    }
    done, late = ray.wait(list(pending.values()), num_returns=len(pending), timeout=PATIENCE_S)
    for one in late:
        ray.cancel(one, force=True)
    return tuple(_collected(name, one, done) for name, one in pending.items())


def _time(
    name: str, config: ApproachConfig, inputs: Mapping[str, Inputs], slot: Slot, within_s: float, features_s: float
) -> Timing | Untimed:
    pin_threads(slot.cpus)
    keep_freed_memory()
    return time_approach(name, config, inputs[name], device=slot.device, within_s=within_s, features_s=features_s)


def _collected(name: str, one: ray.ObjectRef, done: list[Any]) -> Timing | Untimed:
    if one not in done:
        return Untimed(name, f"it took more than {PATIENCE_S:g} s")
    try:
        timing: Timing | Untimed = ray.get(one)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, StateError):
            raise error.cause from None
        return Untimed(name, one_line(error))
    except ray.exceptions.WorkerCrashedError:
        return Untimed(name, "its process was killed or crashed")
    except ray.exceptions.RayError as error:
        return Untimed(name, one_line(error))
    return timing
