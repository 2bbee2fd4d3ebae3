"""What is trained or extracted: the network, the images' size, the batch. Networks are built anew, as published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from trainables.backbones import networks
from trainables.backbones.networks import Backbone

CLASSES = 16
SEED = 0
LR = 1e-3


@dataclass(frozen=True)
class Case:
    """One workload.

    Attributes:
        name: what the table calls it.
        work: train the small network from scratch, fine-tune a whole pretrained one, or extract features with it.
        size: (height, width) of the images in pixels.
        batch: images a step; in an extraction, the lab's and the tuned loop's.
        model: torchvision's name of the network, where it is not BetterCNN. Its weights are random: they cost as much.
    """

    name: str
    work: Literal["better_cnn", "fine_tune", "extract"]
    size: tuple[int, int]
    batch: int
    model: str = ""

    @property
    def backbone(self) -> Backbone:
        return Backbone(model=self.model, weights=None)

    @property
    def trains(self) -> bool:
        return self.work != "extract"


CPU_CASES = {
    "better_cnn": Case("BetterCNN, 30 x 100", "better_cnn", (30, 100), 128),
    "fine_tune": Case("MobileNetV2 fine-tuned, 60 x 200", "fine_tune", (60, 200), 32, "mobilenet_v2"),
    "extract": Case("MobileNetV2 features, 120 x 400", "extract", (120, 400), 32, "mobilenet_v2"),
}


def network_of(case: Case) -> nn.Module:
    """The network with the weights that `SEED` gives it in an approach, on the CPU."""
    if case.work == "better_cnn":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            return _better_cnn(*case.size)
    if case.work == "fine_tune":
        return networks.with_head(case.backbone, CLASSES, seed=SEED)
    return networks.as_feature_extractor(case.backbone)[0]


def _better_cnn(height: int, width: int) -> nn.Sequential:
    left = [((side - 4) // 2 - 2) // 2 for side in (height, width)]
    return nn.Sequential(
        nn.Conv2d(3, 30, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(30, 15, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.2),
        nn.Flatten(),
        nn.Linear(15 * left[0] * left[1], 128),
        nn.ReLU(),
        nn.Linear(128, 50),
        nn.ReLU(),
        nn.Linear(50, CLASSES),
    )
