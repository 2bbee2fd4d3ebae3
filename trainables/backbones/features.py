"""Frozen features: extracted once for each (images, backbone, size), cached by content together with their cost.

The cost travels with the features, so that a study which finds them in the cache charges what they took when they were
made: equal time must not depend on what somebody ran yesterday. Nor on how busy the machine was then: the study that
made them is charged what they took, as its trials share that machine, but before anybody else is charged a sample is
timed again (see costs.py).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from trainables.backbones import networks
from trainables.backbones.costs import Cost, Price, priced
from trainables.backbones.networks import Backbone
from trainables.batches import normalised, prediction_batches
from trainables.cache import passing
from trainables.clock import clock_for

# How much of it is timed again: batches until one of these is reached.
SAMPLE_IMAGES = 64
SAMPLE_S = 2.0


@dataclass(frozen=True)
class Features:
    """Features (N, D) float32, the slot-seconds they took to extract, and whether they came from the cache."""

    values: np.ndarray
    price: Price
    cached: bool

    @property
    def cost_s(self) -> float:
        return self.price.cost.seconds


def frozen_features(
    backbone: Backbone,
    images: np.ndarray,
    *,
    device: torch.device,
    bfloat16: bool,
    cache: Path,
    charged: bool = False,
    data: str = "",
    told: Callable[[int], None] = lambda done: None,
) -> Features:
    """Features of (N, H, W, 3) uint8 images by a frozen backbone, from the cache where it has them.

    Two processes that want the same features at the same time extract them once: the second waits for the first.

    Args:
        charged: whether somebody is charged their cost. One that was measured on a busy machine, or by a version that
            did not look, is measured again then; on a GPU it never is.
        data: what the images are, in words, for the list of what the cache holds.
        told: called after each batch with the number of images that are done; what that takes is no cost.

    Raises:
        BackboneError: the backbone cannot be loaded.
    """
    path = cache / "features" / f"{content_key(backbone, images, device=device, bfloat16=bfloat16)}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {
        "data": data,
        "backbone": f"{backbone.model} ({backbone.weights or 'random weights'})",
        "image_size": f"{images.shape[1]} x {images.shape[2]}",
        "worker": _worker(device),
        "made": repr(time.time()),
    }
    with FileLock(f"{path}.lock"):
        found = _read(path)
        if found is None:
            made = extract(backbone, images, device=device, bfloat16=bfloat16, told=told)
            _write(path, made.values, made.price.cost, about)
            return made
        values, cost, known = found
        if not charged or device.type != "cpu":
            return Features(values, Price(cost), cached=True)
        price = priced(cost, lambda: sample_cost(backbone, images, device=device, bfloat16=bfloat16))
        if price.cost != cost:
            _write(path, values, price.cost, about | {"made": repr(path.stat().st_mtime)} | known)
        return Features(values, price, cached=True)


def extract(
    backbone: Backbone,
    images: np.ndarray,
    *,
    device: torch.device,
    bfloat16: bool,
    told: Callable[[int], None] = lambda done: None,
) -> Features:
    """Extract features, timing the work; loading the network is not part of the cost."""
    forward, width = _extractor(backbone, device, bfloat16=bfloat16)
    values = np.empty((len(images), width), dtype=np.float32)
    clock = clock_for(device)
    for start, stop in prediction_batches(images, device):
        with clock.charging():
            values[start:stop] = forward(images[start:stop])
        told(stop)
    return Features(values, Price(Cost.counted(clock)), cached=False)


def sample_cost(backbone: Backbone, images: np.ndarray, *, device: torch.device, bfloat16: bool) -> Cost:
    """What extracting the features of all images would cost now, by its first batches, after one to warm up."""
    forward, _ = _extractor(backbone, device, bfloat16=bfloat16)
    batches = list(prediction_batches(images, device))
    forward(images[slice(*batches[0])])
    clock, done = clock_for(device), 0
    for start, stop in batches:
        with clock.charging():
            forward(images[start:stop])
        done = stop
        if done >= SAMPLE_IMAGES or clock.charged_s >= SAMPLE_S:
            break
    return Cost.counted(clock).of_as_many(len(images) / done)


def _extractor(
    backbone: Backbone, device: torch.device, *, bfloat16: bool
) -> tuple[Callable[[np.ndarray], np.ndarray], int]:
    """From (B, H, W, 3) uint8 images to (B, D) float32 features; and D."""
    network, width = networks.as_feature_extractor(backbone)
    network = network.to(device).to(memory_format=torch.channels_last)
    prepare = normalised(*networks.normalise(backbone), device=device)

    def forward(images: np.ndarray) -> np.ndarray:
        precision = torch.autocast(device.type, dtype=torch.bfloat16) if bfloat16 else nullcontext()
        with torch.inference_mode(), precision:
            features: np.ndarray = network(prepare(torch.tensor(images, device=device))).float().cpu().numpy()
            return features

    return forward, width


def content_key(backbone: Backbone, images: np.ndarray, *, device: torch.device, bfloat16: bool) -> str:
    """A name for features and their cost.

    Changes with the images, their size, the network, its weights and the precision; and with the processor and the
    number of threads, because what one machine took is no fair charge on another.
    """
    digest = hashlib.sha256(np.ascontiguousarray(images).data)
    digest.update(repr(images.shape).encode())
    digest.update(networks.content_key(backbone).encode())
    digest.update(b"bfloat16" if bfloat16 else b"float32")
    digest.update(_worker(device).encode())
    return digest.hexdigest()[:32]


def _worker(device: torch.device) -> str:
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return f"{torch.cpu.get_capabilities()['cpu_name']}, {torch.get_num_threads()} threads"


def _write(path: Path, values: np.ndarray, cost: Cost, about: dict[str, str]) -> None:
    seconds = {"cost_s": cost.seconds, "cpu_s": cost.cpu_s, "waited_s": cost.waited_s}
    told = {name: repr(value) for name, value in seconds.items() if value is not None}
    kept = {name: value for name, value in about.items() if name not in seconds}
    with passing(path.parent) as part:
        save_file({"features": values}, part, metadata=kept | told)
        part.replace(path)


def _read(path: Path) -> tuple[np.ndarray, Cost, dict[str, str]] | None:
    """The cached features, their cost and what else is known of them; None where there are none or it is damaged."""
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            told = dict(file.metadata())
            cpu_s, waited_s = (float(told[name]) if name in told else None for name in ("cpu_s", "waited_s"))
            return file.get_tensor("features"), Cost(float(told["cost_s"]), cpu_s, waited_s), told
    except (SafetensorError, KeyError, ValueError, TypeError):
        return None
