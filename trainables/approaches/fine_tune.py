"""Fine-tuning: a pretrained torchvision network with a new last layer.

`frozen` says what stays as it is: `backbone` trains the new layer alone, on cached features; `none` trains everything;
`head` freezes the NEW layer and trains all others, which is what the published run of the seed study did. Frozen parts
stay in eval mode, so that their batch-norm statistics do not move either.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from trainables.approach import Epochs, Hyperparameters, Settings, Task
from trainables.approaches.training import GradientApproach, Training
from trainables.backbones import networks
from trainables.backbones.networks import Backbone
from trainables.batches import augmentation, in_bfloat16, normalised
from trainables.errors import HyperparameterError


class FineTuneSettings(Settings):
    """What is fixed: the pretrained network, and which part of it is frozen."""

    backbone: Backbone
    frozen: Literal["head", "backbone", "none"] = "none"


class FineTuneHyperparameters(Epochs):
    """Beside the training's: `flip` mirrors at random, `crop` shifts by up to so many pixels."""

    batch_size: int = Field(32, ge=1)
    flip: bool = False
    crop: int = Field(0, ge=0)


class FineTune(GradientApproach):
    """A pretrained network trained further."""

    name = "fine_tune"
    settings_type = FineTuneSettings
    hyperparameters_type = FineTuneHyperparameters

    def __init__(
        self, task: Task, settings: Settings, hyperparameters: Hyperparameters, *, seed: int, device: torch.device
    ) -> None:
        assert isinstance(settings, FineTuneSettings)
        assert isinstance(hyperparameters, FineTuneHyperparameters)
        on_features = settings.frozen == "backbone"
        if on_features and (hyperparameters.flip or hyperparameters.crop):
            raise HyperparameterError(
                "fine_tune: flip and crop change images, but with frozen: backbone the head is trained on cached "
                "features; leave them out or use frozen: none"
            )
        self.training = Training(
            _head(task, seed) if on_features else _network(settings, task.classes, seed),
            task.train,
            hyperparameters,
            prepare=Tensor.float if on_features else normalised(*networks.normalise(settings.backbone), device=device),
            augment=augmentation(flip=hyperparameters.flip, crop=hyperparameters.crop),
            seed=seed,
            device=device,
            bfloat16=in_bfloat16(settings, device) and not on_features,
        )

    @staticmethod
    def learns_from(settings: Settings) -> Literal["images", "features"]:
        assert isinstance(settings, FineTuneSettings)
        return "features" if settings.frozen == "backbone" else "images"


def _head(task: Task, seed: int) -> nn.Linear:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Linear(task.train.inputs.shape[1], task.classes)


def _network(settings: FineTuneSettings, classes: int, seed: int) -> nn.Module:
    network = networks.with_head(settings.backbone, classes, seed=seed)
    if settings.frozen == "head":
        network.get_submodule(networks.head_name(network)).requires_grad_(False)
    return network
