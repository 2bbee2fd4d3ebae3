"""Batches of images for a network: indexed from one array, augmented, normalised.

The images of a split are one array; a batch is an index into it, and augmentation is done on the whole batch at once,
so there are no loader processes whose time nobody would be charged for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from trainables.errors import is_out_of_memory

T = TypeVar("T")
# Values of the input that one batch holds when nothing is trained. Measured with MobileNetV2 on one core of an EPYC: 16
# images of 120 x 400 at a time are classified 1.4 times as fast as 64, which no longer fit the core's caches.
PREDICT_VALUES = {"cpu": 16 * 120 * 400 * 3, "cuda": 1024 * 120 * 400 * 3}


class Batches:
    """Rows of an array as tensors on the device; the whole array moves there once if half the room is enough."""

    def __init__(self, inputs: np.ndarray, device: torch.device) -> None:
        self.device = device
        fits = device.type == "cuda" and inputs.nbytes < torch.cuda.mem_get_info(device)[0] // 2
        self._inputs: np.ndarray | Tensor = torch.tensor(inputs, device=device) if fits else inputs

    def __getitem__(self, rows: Tensor) -> Tensor:
        if isinstance(self._inputs, Tensor):
            return self._inputs[rows.to(self.device)]
        return torch.from_numpy(self._inputs[rows.numpy()]).to(self.device)


def prediction_batches(inputs: np.ndarray, device: torch.device) -> Iterator[tuple[int, int]]:
    """Start and end of each batch in which (N, ...) inputs are best worked through without training."""
    size = max(1, PREDICT_VALUES[device.type] // math.prod(inputs.shape[1:]))
    return ((start, min(start + size, len(inputs))) for start in range(0, len(inputs), size))


def in_batches(work: Callable[[int, int], T], inputs: np.ndarray, device: torch.device) -> Iterator[tuple[int, int, T]]:
    """Work from start to end of each of `prediction_batches`: these two, and what came of it.

    A batch for which memory runs out is halved, and so are those after it: the same but for rounding.

    Raises:
        torch.OutOfMemoryError, RuntimeError, MemoryError: a single one does not fit; or whatever `work` raises.
    """
    ends = prediction_batches(inputs, device)
    start, size = 0, next(ends, (0, 0))[1]
    while start < len(inputs):
        stop = min(start + size, len(inputs))
        try:
            done = work(start, stop)
        except (RuntimeError, MemoryError) as error:
            if stop - start == 1 or not is_out_of_memory(error):
                raise
        else:
            yield start, stop, done
            start = stop
            continue
        size = math.ceil((stop - start) / 2)
        if device.type == "cuda":
            torch.cuda.empty_cache()


def to_float(images: Tensor) -> Tensor:
    """(B, H, W, 3) uint8 to (B, 3, H, W) float32 in [0, 1], channels last in memory."""
    return images.permute(0, 3, 1, 2).float().div_(255)


def normalised(
    mean: tuple[float, float, float], std: tuple[float, float, float], *, device: torch.device
) -> Callable[[Tensor], Tensor]:
    """`to_float`, then (x - mean) / std for each colour channel."""
    means, stds = (torch.tensor(values, device=device)[:, None, None] for values in (mean, std))  # (3, 1, 1)
    return lambda images: (to_float(images) - means) / stds


def augmentation(*, flip: bool, crop: int) -> Callable[[Tensor, torch.Generator], Tensor] | None:
    """Random mirroring left to right, and random shifts by up to `crop` pixels (edges repeated); None for neither."""
    if not flip and not crop:
        return None

    def augment(images: Tensor, generator: torch.Generator) -> Tensor:
        if flip:
            mirrored = torch.rand(len(images), generator=generator) < 0.5
            images = torch.where(mirrored.to(images.device)[:, None, None, None], images.flip(2), images)
        return shifted(images, crop, generator) if crop else images

    return augment


def shifted(images: Tensor, by: int, generator: torch.Generator) -> Tensor:
    """Shift each of (B, H, W, 3) images by its own random offset of up to `by` pixels, repeating the edge pixels."""
    count, height, width, _ = images.shape
    offsets = torch.randint(-by, by + 1, (2, count, 1), generator=generator)
    rows = (torch.arange(height) + offsets[0]).clamp(0, height - 1).to(images.device)  # (B, H)
    columns = (torch.arange(width) + offsets[1]).clamp(0, width - 1).to(images.device)  # (B, W)
    image = torch.arange(count, device=images.device)
    return images[image[:, None, None], rows[:, :, None], columns[:, None, :]]  # (B, H, W, 3)
