"""Extraction of frozen features, timed: batches through a network without its last layer, in chunks of many batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch

from trainables.backbones import networks
from trainables.backbones.costs import Cost, Price, summed
from trainables.backbones.folding import folded
from trainables.backbones.networks import Backbone
from trainables.batches import in_batches, normalised, prediction_batches
from trainables.clock import Clock, clock_for

# How much of it is timed again: batches until one of these is reached.
SAMPLE_IMAGES = 64
SAMPLE_S = 2.0

# A chunk is what one process extracts and keeps at a time: 256 images of 120 x 400 on a CPU, some seconds of
# MobileNetV2 on a core; 16,384 on a GPU, where to start another process takes longer than fewer.
BATCHES_A_CHUNK = 16

Extractor = tuple[Callable[[np.ndarray], np.ndarray], int]
"""From (B, H, W, 3) uint8 images to (B, D) float32 features; and D."""


@dataclass(frozen=True)
class Features:
    """Features (N, D) float32, the slot-seconds they took to extract, and whether they came from the cache.

    Attributes:
        keys: their names in the cache, one for each chunk of images; none where they are in no cache.
    """

    values: np.ndarray
    price: Price
    cached: bool
    keys: tuple[str, ...] = ()

    @property
    def cost_s(self) -> float:
        return self.price.cost.seconds


def extract(
    backbone: Backbone,
    images: np.ndarray,
    *,
    device: torch.device,
    bfloat16: bool,
    loaded: Callable[[], Extractor] | None = None,
    told: Callable[[int], None] = lambda done: None,
) -> Features:
    """Extract features, timing the work; loading the network is not part of the cost.

    Args:
        loaded: gives the network where it is loaded already.
        told: as in `frozen_features`.
    """
    forward, width = loaded() if loaded else extractor(backbone, device, bfloat16=bfloat16)
    values = np.empty((len(images), width), dtype=np.float32)
    clock = clock_for(device)
    for start, stop, found in in_batches(_charged(forward, images, clock), images, device):
        values[start:stop] = found
        told(stop)
    return Features(values, Price(Cost.counted(clock)), cached=False)


def sample_cost(backbone: Backbone, images: np.ndarray, *, device: torch.device, bfloat16: bool) -> Cost:
    """What extracting the features of all images would cost now, by its first batches, after one to warm up."""
    forward, _ = extractor(backbone, device, bfloat16=bfloat16)
    warm_up(forward, images, device)
    clock, done = clock_for(device), 0
    for _, stop, _ in in_batches(_charged(forward, images, clock), images, device):
        done = stop
        if done >= SAMPLE_IMAGES or clock.charged_s >= SAMPLE_S:
            break
    return Cost.counted(clock).of_as_many(len(images) / done)


def warm_up(forward: Callable[[np.ndarray], np.ndarray], images: np.ndarray, device: torch.device) -> None:
    """Work through the first batch, which takes several times as long as it will when it is done again."""
    next(in_batches(lambda start, stop: forward(images[start:stop]), images, device))


def _charged(
    forward: Callable[[np.ndarray], np.ndarray], images: np.ndarray, clock: Clock
) -> Callable[[int, int], np.ndarray]:
    def charged(start: int, stop: int) -> np.ndarray:
        with clock.charging():
            return forward(images[start:stop])

    return charged


def extractor(backbone: Backbone, device: torch.device, *, bfloat16: bool) -> Extractor:
    """From (B, H, W, 3) uint8 images to (B, D) float32 features; and D."""
    network, width = networks.as_feature_extractor(backbone)
    network = folded(network).to(device).to(memory_format=torch.channels_last)
    prepare = normalised(*networks.normalise(backbone), device=device)

    def forward(images: np.ndarray) -> np.ndarray:
        precision = torch.autocast(device.type, dtype=torch.bfloat16) if bfloat16 else nullcontext()
        with torch.inference_mode(), precision:
            features: np.ndarray = network(prepare(torch.tensor(images, device=device))).float().cpu().numpy()
            return features

    return forward, width


def chunks(images: np.ndarray, device: torch.device) -> list[tuple[int, int]]:
    """Start and end of each chunk of images: so many batches, whoever extracts them, with the same batches in all."""
    batches = list(prediction_batches(images, device))
    firsts = batches[::BATCHES_A_CHUNK]
    return [(start, min(start + BATCHES_A_CHUNK * (stop - start), len(images))) for start, stop in firsts]


def divided(parts: Sequence[tuple[int, int]], among: int) -> list[tuple[int, int]]:
    """Start and end of runs of parts (start, end) that follow one another: as even as it goes, none without a part."""
    runs = np.array_split(np.asarray(parts), min(among, len(parts)))
    return [(int(run[0, 0]), int(run[-1, 1])) for run in runs]


def together(parts: Sequence[Features]) -> Features:
    """The features of several lots of images as one, with the sum of their costs."""
    if len(parts) == 1:
        return parts[0]
    return Features(
        np.concatenate([part.values for part in parts]),
        summed([part.price for part in parts]),
        cached=all(part.cached for part in parts),
        keys=tuple(key for part in parts for key in part.keys),
    )
