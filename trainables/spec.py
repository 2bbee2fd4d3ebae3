"""What a trial is given: which approach, with what, for how long, in which slot. Knows no Ray."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import torch
from threadpoolctl import threadpool_limits

from trainables.approach import Approach, Examples, Predictions, Probabilities, Settings, Task
from trainables.backbones.networks import Backbone
from trainables.data.splits import Division


@dataclass(frozen=True, kw_only=True)
class TrialSpec:
    """One trial or final run: which approach, with what, for how long. Attributes as in a TrialEvent."""

    trial: str
    approach: str
    phase: Literal["search", "final"]
    replicate: int = 0
    index: int
    params: Mapping[str, bool | int | float | str]
    seed: int
    allowance_s: float
    precharged_s: float = 0.0


@dataclass(frozen=True)
class Inputs:
    """What the trials of one approach need.

    Attributes:
        divisions: of each replicate, where training and validation are divided anew for each (`data.resplit`).
        test: images and labels of the test split in the final phase, None in the search, which cannot see it.
        backbone: the frozen network that turns test images into features, for an approach that learns from features.
    """

    kind: type[Approach]
    settings: Settings
    task: Task
    test: Examples | None = None
    backbone: Backbone | None = None
    divisions: tuple[Division, ...] = ()

    def task_of(self, replicate: int) -> Task:
        """What the trials of one replicate learn from."""
        train, valid = self.task.train, self.task.valid
        if not self.divisions or valid is None or replicate == 0:  # the first has the splits as they are
            return self.task
        division = self.divisions[replicate]
        return replace(self.task, train=train.take(division.train, valid), valid=train.take(division.valid, valid))


@dataclass(frozen=True)
class Slot:
    """What one trial holds: CPUs and GPUs (possibly a fraction of one)."""

    cpus: int
    gpus: float

    @property
    def device(self) -> torch.device:
        """Where networks compute in it."""
        return torch.device("cuda" if self.gpus else "cpu")


@dataclass(frozen=True)
class Pace:
    """How often a trial reports where it stands, and how often it saves a checkpoint, in charged seconds.

    What a crash can take from a trial is what it did since its last checkpoint; what it can leave unrecorded is what it
    did since its last report. Both happen between two steps, so a long step puts them off.
    """

    heartbeat_s: float = 10.0
    checkpoint_s: float = 30.0


DEFAULT_PACE = Pace()


class DeliveryError(Exception):
    """The predictions of a final run could not be written; the run is fine, so it is tried again."""


Deliver = Callable[[TrialSpec, Predictions, Probabilities], None]


@dataclass(frozen=True)
class Supplies:
    """What the processes of trials are given in one phase.

    Attributes:
        inputs: by approach.
        deliver: called with the predictions of each final run, where it runs.
    """

    inputs: Mapping[str, Inputs]
    deliver: Deliver | None = None


class Stored(Protocol):
    """Supplies that lie somewhere, from where each process fetches them once."""

    def fetch(self) -> Supplies: ...


def pin_threads(cpus: int) -> None:
    """Hold this process to its slot's CPUs: two trials of two threads each on two cores run at a third of the speed."""
    os.environ["OMP_NUM_THREADS"] = str(cpus)
    torch.set_num_threads(cpus)
    threadpool_limits(cpus)
