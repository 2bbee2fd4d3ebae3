"""Approaches made for these tests: one keeps a diary of what its process did, one kills its process.

As a script it is the command line, `transfer-study`, on GPUs that are there in name only.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal
from unittest import mock

import numpy as np
import torch

from trainables.approach import Hyperparameters, Predictions, Settings, Step, Task
from trainables.approaches.better_cnn import BetterCNN
from trainables.spec import Slot
from trainables.trainable import ApproachTrainable

DIARY = "STUDY_DIARY"  # the environment variable that names the folder of the diaries
HOLD = "hold"  # while a file of this name lies in that folder, no trial gets ready to train
STEP_S = 0.02  # a step takes at least so long, as on a slow device: trials last, and the machine has little to do


@dataclass(frozen=True, kw_only=True)
class Note:
    """One entry of a diary.

    Attributes:
        seed, size: of the trial and its images; no other trial of the study has the same.
        did: a `step` or a `validation` that took `seconds`; `saved` and `loaded` are checkpoints.
        steps: trained by the trial when it was done.
        time: seconds since 1970 when it was done.
        devices, threads: what the process was given.
    """

    seed: int
    size: tuple[int, int]
    did: Literal["step", "validation", "saved", "loaded"]
    steps: int
    seconds: float
    time: float
    pid: int
    devices: str | None
    threads: int


class Diarist(BetterCNN):
    """BetterCNN, slowed down, which notes every step, validation and checkpoint at once."""

    def __init__(
        self, task: Task, settings: Settings, hyperparameters: Hyperparameters, *, seed: int, device: torch.device
    ) -> None:
        super().__init__(task, settings, hyperparameters, seed=seed, device=device)
        self._seed, self._size = seed, settings.image_size
        self._rehearsed = task.valid is None  # or timed, before the search: no trial, and it waits for nothing
        while not self._rehearsed and (Path(os.environ[DIARY]) / HOLD).exists():  # getting ready is not charged
            time.sleep(0.02)

    def step(self) -> Step:
        began = time.monotonic()
        step = super().step()
        time.sleep(max(0.0, STEP_S - (time.monotonic() - began)))
        self._note("step", time.monotonic() - began)
        return step

    def predict(self, inputs: np.ndarray) -> Predictions:
        began = time.monotonic()
        predictions = super().predict(inputs)
        self._note("validation", time.monotonic() - began)
        return predictions

    def training_state(self) -> Mapping[str, object]:
        self._note("saved")
        return super().training_state()

    def load_training_state(self, state: Mapping[str, object]) -> None:
        super().load_training_state(state)
        self._note("loaded")

    def _note(self, did: Literal["step", "validation", "saved", "loaded"], seconds: float = 0.0) -> None:
        if self._rehearsed:
            return
        note = Note(
            seed=self._seed,
            size=self._size,
            did=did,
            steps=round(self.epoch * self.training.steps_per_epoch),
            seconds=seconds,
            time=time.time(),
            pid=os.getpid(),
            devices=os.environ.get("CUDA_VISIBLE_DEVICES"),
            threads=torch.get_num_threads(),
        )
        with open(Path(os.environ[DIARY]) / f"{os.getpid()}.jsonl", "a") as diary:
            diary.write(json.dumps(asdict(note)) + "\n")


class Deadly(BetterCNN):
    """Its first step is the last of its process, as when the memory runs out."""

    def step(self) -> Step:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("not reached")


class OnPretendedGPUs(ApproachTrainable):
    """Holds the GPUs of its slot as any trial does, but computes on the CPU, as the GPUs are not there."""

    def setup(self, config: dict[str, Any], *_: Any, **given: Any) -> None:
        super().setup(config, **given | {"slot": Slot(given["slot"].cpus, gpus=0.0)})


def read_diaries(folder: Path) -> list[Note]:
    """All notes, in the order of their time. A last line that a kill left unfinished is left out."""
    lines = [line for file in folder.glob("*.jsonl") for line in file.read_text().splitlines(keepends=True)]
    notes = [json.loads(line) for line in lines if line.endswith("\n")]
    return sorted((Note(**note | {"size": tuple(note["size"])}) for note in notes), key=lambda note: note.time)


if __name__ == "__main__":
    from study import cli
    from tests.cluster import pretenders  # not __main__, which the processes of trials could not import

    mock.patch("study.tune.searcher.ApproachTrainable", pretenders.OnPretendedGPUs).start()
    cli.main()
