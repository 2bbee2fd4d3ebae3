"""Fine-tuning: a pretrained torchvision network with a new last layer.

`frozen` says what stays as it is: `backbone` trains the new layer alone, on cached features; `none` trains everything;
`head` freezes the NEW layer and trains all others, which is what the published run of the seed study did. Frozen parts
stay in eval mode, so that their batch-norm statistics do not move either.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from trainables.approach import Example, Hyperparameters, Settings, Task
from trainables.backbones import networks
from trainables.backbones.networks import Backbone
from trainables.batches import augmentation, normalised
from trainables.errors import HyperparameterError
from trainables.precision import in_bfloat16
from trainables.training import GradientApproach, Training, TrainingHyperparameters


class FineTuneSettings(Settings):
    """What is fixed.

    Attributes:
        backbone: the pretrained network.
        frozen: what keeps its weights: `none`; `backbone`, all but the new last layer, which is then trained on cached
            features; or `head`, the new last layer alone.
    """

    backbone: Backbone
    frozen: Literal["head", "backbone", "none"] = "none"


class FineTuneHyperparameters(TrainingHyperparameters):
    """Beside the training's, two that change the images.

    Attributes:
        flip: mirror the images at random; not with `frozen: backbone`.
        crop: shift the images at random by up to so many pixels; not with `frozen: backbone`.
    """

    batch_size: int = Field(32, ge=1)
    flip: bool = False
    crop: int = Field(0, ge=0)


SMALL = FineTuneSettings(image_size=(16, 16), backbone=networks.GLYPHS)
SHORT = FineTuneHyperparameters(epochs=3, batch_size=7, schedule="cosine")
SHORT_AND_VARIED = SHORT.model_copy(update={"flip": True, "crop": 2})


class FineTune(GradientApproach):
    """A pretrained network trained further."""

    summary = (
        "any torchvision classification network with a new last layer; `frozen: none`, `backbone` (the layer alone is "
        "trained, on cached features) or `head` (everything but the layer, as the published run did)"
    )
    settings_type = FineTuneSettings
    hyperparameters_type = FineTuneHyperparameters
    examples: ClassVar = {
        "float32": Example(SMALL.model_copy(update={"precision": "float32"}), SHORT_AND_VARIED),
        "bfloat16": Example(SMALL.model_copy(update={"precision": "bfloat16"}), SHORT),
        "head frozen": Example(SMALL.model_copy(update={"frozen": "head"}), SHORT),
        "backbone frozen": Example(SMALL.model_copy(update={"frozen": "backbone"}), SHORT),
    }

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
