"""BetterCNN: the small network of the seed study, trained from scratch.

conv 5x5 to 30 - ReLU - max-pool 2 - conv 3x3 to 15 - ReLU - max-pool 2 - dropout 0.2 - linear 128 - ReLU - linear 50 -
ReLU - linear to the classes; no padding; pixels in [0, 1]. At 30 x 100 the first linear layer sees 1,725 values. The
published configuration is Adam at a learning rate of 0.001, batches of 128, 10 epochs.

The layers here pool before the ReLU, which then has a quarter of the values to go through. In either order the same
value of a window passes, or, where none is positive, zero without a gradient: all numbers are the same to the bit.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import nn

from trainables.approach import Example, Hyperparameters, ImageSize, Settings, Task
from trainables.batches import augmentation, to_float
from trainables.errors import HyperparameterError
from trainables.precision import in_bfloat16
from trainables.training import GradientApproach, Training, TrainingHyperparameters

SMALLEST = 12  # pixels: what the two convolutions and poolings need to leave one value
LARGEST_AREA = 2**21  # pixels, 1024 x 2048: the first linear layer then has 250 million weights, 1 GB


class BetterCNNSettings(Settings):
    """The size of the images; the published one is 30 x 100."""

    image_size: ImageSize = (30, 100)


class BetterCNNHyperparameters(TrainingHyperparameters):
    """Beside the training's, two that change the images, and one that changes the network.

    Attributes:
        dropout: share of the values that are set to zero behind the second max-pooling.
        flip: mirror the images at random.
        crop: shift the images at random by up to so many pixels.
    """

    dropout: float = Field(0.2, ge=0, lt=1)
    flip: bool = False
    crop: int = Field(0, ge=0)


SHORT = BetterCNNHyperparameters(epochs=3, batch_size=7, schedule="cosine", flip=True, crop=2)


class BetterCNN(GradientApproach):
    """A small convolutional network from scratch."""

    summary = "the seed study's small convolutional network, from scratch"
    settings_type = BetterCNNSettings
    hyperparameters_type = BetterCNNHyperparameters
    examples: ClassVar = {
        "float32": Example(BetterCNNSettings(image_size=(16, 16), precision="float32"), SHORT),
        "bfloat16": Example(BetterCNNSettings(image_size=(16, 16), precision="bfloat16"), SHORT),
    }

    def __init__(
        self, task: Task, settings: Settings, hyperparameters: Hyperparameters, *, seed: int, device: torch.device
    ) -> None:
        assert isinstance(settings, BetterCNNSettings)
        assert isinstance(hyperparameters, BetterCNNHyperparameters)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = build(settings.image_size, task.classes, dropout=hyperparameters.dropout)
        self.training = Training(
            network,
            task.train,
            hyperparameters,
            prepare=to_float,
            augment=augmentation(flip=hyperparameters.flip, crop=hyperparameters.crop),
            seed=seed,
            device=device,
            bfloat16=in_bfloat16(settings, device),
        )

    @staticmethod
    def learns_from(settings: Settings) -> Literal["images", "features"]:
        return "images"


def build(image_size: tuple[int, int], classes: int, *, dropout: float = 0.2) -> nn.Sequential:
    """The layers as published, for (B, 3, H, W) images of any size from 12 x 12 to 1024 x 2048 pixels.

    Raises:
        HyperparameterError: the images are smaller or larger than that.
    """
    height, width = image_size
    if min(height, width) < SMALLEST:
        raise HyperparameterError(
            f"better_cnn: images of {height} x {width} pixels are too small for its layers; "
            f"set image_size to at least {SMALLEST} x {SMALLEST}"
        )
    if height * width > LARGEST_AREA:
        raise HyperparameterError(
            f"better_cnn: images of {height} x {width} pixels make its first linear layer larger than 1 GB; "
            f"set image_size to at most {LARGEST_AREA:,} pixels in all, such as 1024 x 2048"
        )
    left = [((side - 4) // 2 - 2) // 2 for side in image_size]  # after each 5x5, pool, 3x3, pool
    return nn.Sequential(
        nn.Conv2d(3, 30, 5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(30, 15, 3),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Flatten(),
        nn.Linear(15 * left[0] * left[1], 128),
        nn.ReLU(),
        nn.Linear(128, 50),
        nn.ReLU(),
        nn.Linear(50, classes),
    )
