"""How long a step and a validation of an approach take, and by that its whole schedule.

A few steps are taken as a trial takes them, and what is left of the schedule is reckoned from these. Nobody is charged
for it. Knows neither Ray nor where the examples come from.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch

from study.config.approaches import ApproachConfig
from study.planning.configurations import configurations
from trainables.approach import Approach, Examples, Task
from trainables.backbones.costs import Cost, in_all
from trainables.checkpoints import StateError, check_state
from trainables.clock import Clock, clock_for
from trainables.driver import VALIDATIONS
from trainables.errors import one_line
from trainables.spec import Inputs

WITHIN_S = 5.0  # of work for one approach
ALL_WITHIN_S = 15.0  # of work for all of them together
ENOUGH_S, ENOUGH_STEPS = 1.0, 50  # of steps behind the first; whichever comes first
FIRST_IMAGES = 32  # of a validation; then twice as many, and so on
SEED = 0


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """What one configuration would be charged for its whole schedule.

    Attributes:
        epochs: of the schedule.
        step_s: one step, the median of those taken; the last where steps grow.
        training_s: all steps.
        validation_s: one look at the validation split.
    """

    epochs: int
    step_s: float
    training_s: float
    validation_s: float

    @property
    def whole_s(self) -> float:
        """All steps, and as many validations as the driver makes on the way."""
        return self.training_s + math.ceil(self.epochs / math.ceil(self.epochs / VALIDATIONS)) * self.validation_s

    def epochs_in(self, seconds: float) -> float:
        """How many epochs so many seconds buy."""
        return self.epochs * seconds / self.whole_s


@dataclass(frozen=True, kw_only=True)
class Timing:
    """One approach, timed.

    Attributes:
        median, published: its configurations; see configurations.py.
        features_s: what its frozen features cost.
        factor: how many times as long its work took as with a CPU at all times; None where nobody could tell.
    """

    approach: str
    median: Schedule
    published: Schedule | None = None
    features_s: float = 0.0
    factor: float | None = None


@dataclass(frozen=True)
class Untimed:
    """An approach that could not be timed, and why."""

    approach: str
    reason: str


def seconds_each(approaches: int) -> float:
    """Seconds of work for timing each of so many approaches."""
    return min(WITHIN_S, ALL_WITHIN_S / approaches)


def time_approach(
    name: str,
    config: ApproachConfig,
    inputs: Inputs,
    *,
    device: torch.device,
    within_s: float,
    features_s: float = 0.0,
    clock: Callable[[torch.device], Clock] = clock_for,
) -> Timing | Untimed:
    """Time the published and the median configuration. An approach that raises comes back as Untimed.

    Args:
        inputs: as its trials get them.
        within_s: seconds of work after which no further step is begun; a step that takes longer is seen to its end.
        features_s: what its frozen features cost, where that is known.

    Raises:
        StateError: it hands over a state that cannot be kept, as its trials would find out at their first checkpoint.
    """
    try:
        chosen = configurations(config)
        clocks = {which: clock(device) for which in chosen}
        timed = {
            which: _timed(inputs, params, clocks[which], device, within_s / len(chosen))
            for which, params in chosen.items()
        }
    except StateError as error:
        raise StateError(f"approaches.{name}: {inputs.kind.__name__}.{error}") from None
    except Exception as error:  # whatever somebody else's class does
        return Untimed(name, one_line(error))
    return Timing(
        approach=name,
        median=timed["median"],
        published=timed.get("published"),
        features_s=features_s,
        factor=in_all(map(Cost.counted, clocks.values())).factor,
    )


def time_schedule(approach: Approach, valid: Examples, *, clock: Clock, within_s: float) -> Schedule:
    """Take a few steps of an approach, look at some of the validation images, and reckon the rest."""
    steps = _steps(approach, clock, 0.7 * within_s)
    dearest = max(step.cost for step in steps)
    later = steps[1:] or steps  # the very first warms caches up
    s_per_cost = median(step.took_s / step.cost for step in later if step.cost == dearest or len(later) == 1)
    training_s = sum(step.took_s for step in later) + s_per_cost * _cost_left(approach, steps)
    if later is not steps:
        training_s += min(steps[0].took_s, s_per_cost * steps[0].cost)
    return Schedule(
        epochs=approach.epochs,
        step_s=s_per_cost * steps[-1].cost,
        training_s=training_s,
        validation_s=_validation_s(approach, valid, clock, 0.3 * within_s),
    )


@dataclass(frozen=True)
class _Step:
    cost: float
    took_s: float


def _timed(inputs: Inputs, params: object, clock: Clock, device: torch.device, within_s: float) -> Schedule:
    # Without validation images, as in the rehearsal: what an approach waits for or writes down in trials, it need not.
    task = Task(inputs.task.train, None, inputs.task.classes)
    hyperparameters = inputs.kind.hyperparameters_type.model_validate(params)
    approach = inputs.kind(task, inputs.settings, hyperparameters, seed=SEED, device=device)
    assert inputs.task.valid is not None, "a search validates"
    schedule = time_schedule(approach, inputs.task.valid, clock=clock, within_s=within_s)
    check_state(approach.model_state(), "model_state()")
    check_state(approach.training_state(), "training_state()")
    return schedule


def _steps(approach: Approach, clock: Clock, within_s: float) -> list[_Step]:
    """The first steps: always one, further ones while they fit."""
    steps: list[_Step] = []
    while approach.epoch < approach.epochs and not _enough(steps):
        cost, before_s = approach.next_cost, clock.charged_s
        if steps and before_s + cost * steps[-1].took_s / steps[-1].cost > within_s:
            break
        with clock.charging():
            approach.step()
        steps.append(_Step(cost, clock.charged_s - before_s))
    return steps


def _enough(steps: list[_Step]) -> bool:
    return len(steps) > ENOUGH_STEPS or (len(steps) > 3 and sum(step.took_s for step in steps[1:]) >= ENOUGH_S)


def _cost_left(approach: Approach, steps: list[_Step]) -> float:
    """Cost of the steps to the end of the schedule: each as much more than the one before as the next one is."""
    left = round((approach.epochs - approach.epoch) / (approach.epoch / len(steps)))
    if left <= 0:
        return 0.0
    growth = approach.next_cost / steps[-1].cost
    if not 0.5 < growth < 2 and left <= 10:  # the stages of an SVM, of which there are few
        return approach.next_cost * sum(growth**k for k in range(left))
    return approach.next_cost * left


def _validation_s(approach: Approach, valid: Examples, clock: Clock, within_s: float) -> float:
    """Seconds for the whole split, from the largest part of it that fits."""
    images, took_s, spent_s = FIRST_IMAGES, 0.0, 0.0
    while True:
        images, before_s = min(images, len(valid)), clock.charged_s
        with clock.charging():
            approach.predict(valid.inputs[:images])
        took_s = clock.charged_s - before_s
        spent_s += took_s
        if images == len(valid) or spent_s + 2 * took_s > within_s:
            return took_s * len(valid) / images
        images *= 2
