"""k-nearest neighbours on frozen features: an approach to begin with. Change it into yours.

An approach trains by bounded steps, says how far it is, predicts, and gives back its state. It never reads the clock;
trainables/approach.py has the whole contract, and the test beside this file checks it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from sklearn.neighbors import KNeighborsClassifier

from trainables.approach import (
    Approach,
    Example,
    Hyperparameters,
    Predictions,
    Probabilities,
    Settings,
    Step,
    Task,
)
from trainables.backbones.networks import GLYPHS, Backbone


class NearestNeighboursSettings(Settings):
    """What the study file fixes, beside the size of the images: the frozen network that gives the features."""

    backbone: Backbone


class NearestNeighboursHyperparameters(Hyperparameters):
    """What the search varies. Every hyperparameter needs a default.

    Attributes:
        neighbours: how many of the nearest training images vote.
        weights: of a vote: the same for all (`uniform`), or one over the distance.
    """

    neighbours: int = Field(5, ge=1)
    weights: Literal["uniform", "distance"] = "uniform"


class NearestNeighbours(Approach):
    """The class that most of the nearest training images have. Nothing is learned: one step remembers them all."""

    summary = "k-nearest neighbours on a frozen network's features"
    settings_type = NearestNeighboursSettings
    hyperparameters_type = NearestNeighboursHyperparameters
    examples: ClassVar = {  # its forms, as small as can be: what the check of the contract trains
        "uniform": Example(
            NearestNeighboursSettings(image_size=(16, 16), backbone=GLYPHS), NearestNeighboursHyperparameters()
        ),
        "by distance": Example(
            NearestNeighboursSettings(image_size=(16, 16), backbone=GLYPHS),
            NearestNeighboursHyperparameters(neighbours=3, weights="distance"),
        ),
    }
    by_chance = False  # another seed changes nothing; leave this out where it does

    def __init__(
        self, task: Task, settings: Settings, hyperparameters: Hyperparameters, *, seed: int, device: torch.device
    ) -> None:
        assert isinstance(hyperparameters, NearestNeighboursHyperparameters)
        self._train = task.train
        self._hyperparameters = hyperparameters
        self._classifier: KNeighborsClassifier | None = None

    @staticmethod
    def learns_from(settings: Settings) -> Literal["images", "features"]:
        return "features"

    @property
    def probabilities(self) -> Probabilities:
        return "none"  # as `predict` gives none; see FeatureSVM for calibrated ones

    @property
    def epoch(self) -> float:
        return 0.0 if self._classifier is None else 1.0

    @property
    def epochs(self) -> int:
        return 1

    def step(self) -> Step:
        self._remember(self._train.inputs, self._train.labels)
        return Step(loss=None, examples=len(self._train))

    def predict(self, inputs: np.ndarray) -> Predictions:
        assert self._classifier is not None, "predict before the first step"
        return Predictions(labels=self._classifier.predict(inputs), probabilities=None)

    def model_state(self) -> Mapping[str, object]:
        """Arrays, not the classifier: a state holds nothing that would have to be pickled (see Approach)."""
        return {"inputs": self._train.inputs, "labels": self._train.labels}

    def load_model_state(self, state: Mapping[str, Any]) -> None:
        self._remember(state["inputs"], state["labels"])

    def training_state(self) -> Mapping[str, object]:
        return {
            "trained": self._classifier is not None
        }  # all that a step needs is the training images, and they are there

    def load_training_state(self, state: Mapping[str, Any]) -> None:
        if state["trained"]:
            self.step()

    def _remember(self, X: np.ndarray, y: np.ndarray) -> None:
        """(N, D) features, (N,) labels."""
        neighbours = min(self._hyperparameters.neighbours, len(y))
        self._classifier = KNeighborsClassifier(neighbours, weights=self._hyperparameters.weights).fit(X, y)
