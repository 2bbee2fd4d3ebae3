"""The contract that every approach keeps.

An approach turns training images into predictions by bounded steps. It never reads the clock, knows neither budget nor
Ray, and never sees the test split: the driver owns loop and clock, so equal time is measured in one place for all.

To add one, write a file with a subclass of `Approach` and nothing else: in trainables/approaches/, where its name is
that of the file, or anywhere (`approach: module:Class` in a study file; an entry point of `transfer_study.approaches`).
`transfer-study new-approach NAME` writes one to begin with, and trainables/contract.py checks that it keeps all this.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

Probabilities = Literal["softmax", "calibrated_on_validation", "none"]
LARGEST_SIDE = 4096  # pixels: one such image has 48 MB, and no network here was made for larger ones
_SIDE = {"type": "integer", "minimum": 1, "maximum": LARGEST_SIDE}


def _square(size: object) -> object:
    return (size, size) if isinstance(size, int) and not isinstance(size, bool) else size


Side = Annotated[int, Field(ge=1, le=LARGEST_SIDE)]
ImageSize = Annotated[
    tuple[Side, Side],
    BeforeValidator(_square),
    WithJsonSchema({"anyOf": [{"type": "array", "items": [_SIDE, _SIDE], "minItems": 2, "maxItems": 2}, _SIDE]}),
]
"""(height, width) in pixels; one number is a square."""


class Settings(BaseModel):
    """What the study file fixes for an approach. Every approach extends it.

    Attributes:
        image_size: (height, width) in pixels to which the images are resized; one number is a square.
        precision: in which networks compute; `auto` takes bfloat16 where the device has it. On a CPU a tiny network on
            tiny images is faster in float32, and gives the same results on every machine.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    image_size: ImageSize
    precision: Literal["auto", "float32", "bfloat16"] = "auto"


class Hyperparameters(BaseModel):
    """What the search varies. Every approach extends it; ranges are checked here, whoever gave the value."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True)
class Example:
    """One form of an approach, so small that it trains in a second: what the tests of the contract run.

    Attributes:
        settings: with a few pixels, and a backbone that comes with the program where one is needed.
        hyperparameters: with two or three epochs, and whatever may go wrong turned on (augmentation, dropout).
    """

    settings: Settings
    hyperparameters: Hyperparameters


@dataclass(frozen=True)
class Examples:
    """Inputs and labels of one split.

    Attributes:
        inputs: (N, H, W, 3) uint8 images, or (N, D) float32 frozen features.
        labels: (N,) int64 class indices.
    """

    inputs: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, positions: np.ndarray, others: Examples) -> Examples:
        """The examples at these positions of `self` and `others` one behind the other, in this order, as a copy."""
        own, after = self.inputs, others.inputs
        inputs = np.empty((len(positions), *own.shape[1:]), dtype=own.dtype)
        mine = positions < len(self)
        inputs[mine], inputs[~mine] = own[positions[mine]], after[positions[~mine] - len(self)]
        return Examples(inputs, np.concatenate([self.labels, others.labels])[positions])


@dataclass(frozen=True)
class Task:
    """What an approach learns from.

    Attributes:
        train: what it trains on.
        valid: what it is validated on; None when the validation images are trained on too (`refit: train_and_valid`).
        classes: number of classes.
    """

    train: Examples
    valid: Examples | None
    classes: int


@dataclass(frozen=True)
class Step:
    """What one step did.

    Attributes:
        loss: mean loss of the step's examples; not finite when the training has diverged; None if there is no loss.
        accuracy: fraction of the step's examples classified correctly, before the update.
        lr: the learning rate used.
        examples: how many examples the step used.
        micro_batch: how many of them went through the network at a time, where all did not fit the device's memory.
    """

    loss: float | None
    accuracy: float | None = None
    lr: float | None = None
    examples: int = 0
    micro_batch: int | None = None


@dataclass(frozen=True)
class Predictions:
    """Predicted classes, (N,) int64, and class probabilities, (N, C) float32, or None where there are none."""

    labels: np.ndarray
    probabilities: np.ndarray | None


class Approach(ABC):
    """One way to classify images. The constructor prepares everything; then `step` until `done`.

    A state (`model_state`, `training_state`) is a dict of tensors, NumPy arrays, numbers, strings, bytes, None, and
    lists, tuples and dicts of these, with strings or integers as keys. It is kept without pickle (checkpoints.py), so
    an object of another kind is refused: hand over its arrays. Tensors come back on the CPU; a generator is kept by
    its state.

    Class attributes:
        summary: what it is, in one line of the documentation.
        settings_type, hyperparameters_type: what it needs, validated; every hyperparameter has a default.
        examples: its forms, by what is special about each; see `Example`.
        by_chance: whether another seed makes another model.
        learns_from: `images`, or `features` of a frozen backbone; may depend on the settings.
    """

    summary: ClassVar[str]
    settings_type: ClassVar[type[Settings]]
    hyperparameters_type: ClassVar[type[Hyperparameters]]
    examples: ClassVar[Mapping[str, Example]]
    by_chance: ClassVar[bool] = True

    @abstractmethod
    def __init__(
        self, task: Task, settings: Settings, hyperparameters: Hyperparameters, *, seed: int, device: torch.device
    ) -> None: ...

    @staticmethod
    @abstractmethod
    def learns_from(settings: Settings) -> Literal["images", "features"]: ...

    @property
    @abstractmethod
    def epoch(self) -> float:
        """Epochs trained so far; a whole number when one has just ended."""

    @property
    @abstractmethod
    def epochs(self) -> int:
        """Epochs after which the training is done."""

    @property
    def probabilities(self) -> Probabilities:
        """What `predict` gives beside the hard decisions."""
        return "softmax"

    def allowed(self, allowance_s: float) -> None:  # noqa: B027 - most approaches train in the same steps anyhow
        """Told once, before the first step and before any state is loaded: how many charged seconds there are.

        For an approach that can divide its work into fewer steps where there is time for large ones.
        """

    @property
    def next_cost(self) -> float:
        """Work of the next step, in any unit that stays the same within the trial.

        The driver predicts the step's seconds from it and from the steps before.
        """
        return 1.0

    @abstractmethod
    def step(self) -> Step:
        """Do the next bounded piece of training; not to be called when `epoch` has reached `epochs`."""

    @abstractmethod
    def predict(self, inputs: np.ndarray) -> Predictions:
        """Classify (N, H, W, 3) uint8 images or (N, D) float32 features, whichever the approach learns from."""

    def calibrate(self) -> None:  # noqa: B027 - most approaches have nothing to do here
        """Make `predict` give probabilities, for an approach that trains without them; called before the test split."""

    @abstractmethod
    def model_state(self) -> Mapping[str, object]:
        """What `predict` needs: the learned parameters. A copy, which further steps do not change."""

    @abstractmethod
    def load_model_state(self, state: Mapping[str, object]) -> None: ...

    @abstractmethod
    def training_state(self) -> Mapping[str, object]:
        """What `step` needs to go on exactly as if never interrupted: parameters, optimizer, position, generators."""

    @abstractmethod
    def load_training_state(self, state: Mapping[str, object]) -> None: ...
