"""What the tests here share: an approach whose time and accuracy are dictated, and tiny tasks for the real ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from trainables.approach import Approach, Examples, Hyperparameters, Predictions, Settings, Step, Task
from trainables.clock import Clock
from trainables.driver import Driver, Report

CLASSES = 3
SIDE = 16  # pixels
VALID = Examples(np.zeros((100, 1), dtype=np.float32), np.zeros(100, dtype=np.int64))  # for a FakeApproach


@dataclass
class Ticker:
    """A clock that only moves when somebody works."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


class FakeApproach(Approach):
    """Takes the seconds it is told to and is as accurate as it is told; its only parameter counts its steps.

    Args:
        ticker: moved on by every step and prediction.
        step_s: seconds of each step, repeated from the start when they run out.
        predict_s: seconds of each prediction, likewise.
        accuracy: of the model after so many steps, in hundredths exactly.
        losses: of single steps, by number from 0.
    """

    settings_type = Settings
    hyperparameters_type = Hyperparameters

    def __init__(
        self,
        ticker: Ticker,
        *,
        epochs: int = 4,
        steps_per_epoch: int = 3,
        step_s: Sequence[float] = (1.0,),
        predict_s: Sequence[float] = (0.5,),
        accuracy: Callable[[int], float] = lambda steps: steps / 100,
        losses: Mapping[int, float] | None = None,
        costs: Sequence[float] = (1.0,),
        examples: int = 100,
    ) -> None:
        self.ticker = ticker
        self.steps_per_epoch = steps_per_epoch
        self.model = 0  # steps that made the model which predicts
        self._epochs = epochs
        self._done = 0
        self._predictions = 0
        self._step_s, self._predict_s, self._costs = step_s, predict_s, costs
        self._accuracy, self._losses, self._examples = accuracy, losses or {}, examples

    @staticmethod
    def learns_from(settings: Settings) -> Literal["images", "features"]:
        return "images"

    @property
    def epoch(self) -> float:
        return self._done / self.steps_per_epoch

    @property
    def epochs(self) -> int:
        return self._epochs

    @property
    def next_cost(self) -> float:
        return self._costs[self._done % len(self._costs)]

    def step(self) -> Step:
        self.ticker.now += self._step_s[self._done % len(self._step_s)]
        loss = self._losses.get(self._done, 1.0)
        self._done += 1
        self.model = self._done
        return Step(loss=loss, accuracy=0.5, lr=0.1, examples=self._examples)

    def predict(self, inputs: np.ndarray) -> Predictions:
        self.ticker.now += self._predict_s[self._predictions % len(self._predict_s)]
        self._predictions += 1
        right = round(self._accuracy(self.model) * len(inputs))
        return Predictions((np.arange(len(inputs)) >= right).astype(np.int64), None)

    def model_state(self) -> Mapping[str, object]:
        return {"model": self.model}

    def load_model_state(self, state: Mapping[str, Any]) -> None:
        self.model = state["model"]

    def training_state(self) -> Mapping[str, object]:
        return {"model": self.model, "done": self._done, "predictions": self._predictions}

    def load_training_state(self, state: Mapping[str, Any]) -> None:
        self.model, self._done, self._predictions = state["model"], state["done"], state["predictions"]


def driver_of(approach: FakeApproach, allowance_s: float = 1e9, valid: Examples | None = VALID) -> Driver:
    """With a machine that always has a CPU, but counts every second as waited for one too."""
    clock = Clock(approach.ticker, cpu=approach.ticker, waited=approach.ticker)
    return Driver(approach, valid, allowance_s=allowance_s, clock=clock)


def run(driver: Driver, *, for_s: float = float("inf")) -> list[Report]:
    """All reports until the trial has ended."""
    reports = [driver.advance(for_s=for_s)]
    while not reports[-1].done:
        reports.append(driver.advance(for_s=for_s))
    return reports


def images(count: int = 24, *, seed: int = 0, side: int = SIDE) -> Examples:
    """Noise that is brighter from class to class, so that there is something to learn."""
    labels = np.arange(count) % CLASSES
    noise = np.random.default_rng(seed).integers(0, 80, (count, side, side, 3))
    return Examples((noise + 80 * labels[:, None, None, None]).astype(np.uint8), labels)


def features(count: int = 60, *, seed: int = 0, width: int = 8, spread: float = 1.0) -> Examples:
    """Clouds around one corner for each class."""
    labels = np.arange(count) % CLASSES
    noise = np.random.default_rng(seed).normal(size=(count, width)) * spread
    return Examples((noise + 2 * np.eye(width)[labels]).astype(np.float32), labels)


def image_task(**options: Any) -> Task:
    return Task(images(**options), images(12, seed=1), CLASSES)


def feature_task(count: int = 60, **options: Any) -> Task:
    return Task(features(count, **options), features(30, seed=1, **options), CLASSES)
