"""An approach that learns nothing in no time, so that a study of it measures everything but the training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
from pydantic import Field

from trainables.approach import Approach, Hyperparameters, Predictions, Settings, Step, Task


class Choice(Hyperparameters):
    """Four hyperparameters, as many as a small network's, of which `guess` alone has an effect; and so many steps."""

    guess: float = Field(0.0, ge=0, lt=1)
    lr: float = 1e-3
    weight_decay: float = 0.0
    batch_size: int = 32
    steps: int = 1


class NoOp(Approach):
    """Says the same class of every image, which one by `guess`."""

    summary = "the same class for every image, by chance"
    settings_type = Settings
    hyperparameters_type = Choice

    def __init__(
        self, task: Task, settings: Settings, hyperparameters: Hyperparameters, *, seed: int, device: torch.device
    ) -> None:
        assert isinstance(hyperparameters, Choice)
        self._guess, self._classes = int(hyperparameters.guess * task.classes), task.classes
        self._steps, self._done = hyperparameters.steps, 0

    @staticmethod
    def learns_from(settings: Settings) -> Literal["images", "features"]:
        return "images"

    @property
    def epoch(self) -> float:
        return float(self._done)

    @property
    def epochs(self) -> int:
        return self._steps

    def step(self) -> Step:
        self._done += 1
        return Step(loss=0.0, examples=1)

    def predict(self, inputs: np.ndarray) -> Predictions:
        probabilities = np.zeros((len(inputs), self._classes), np.float32)
        probabilities[:, self._guess] = 1.0
        return Predictions(np.full(len(inputs), self._guess), probabilities)

    def model_state(self) -> Mapping[str, object]:
        return {}

    def load_model_state(self, state: Mapping[str, object]) -> None:
        pass

    def training_state(self) -> Mapping[str, object]:
        return {}

    def load_training_state(self, state: Mapping[str, object]) -> None:
        pass
