"""Frozen features: extracted once for each (images, backbone, size), cached by content together with their cost.

The cost travels with the features, so that a study which finds them in the cache charges what they took when they were
made: equal time must not depend on what somebody ran yesterday.
"""

from __future__ import annotations

import hashlib
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from trainables.backbones import networks
from trainables.backbones.networks import Backbone
from trainables.batches import normalised, prediction_batches
from trainables.clock import clock_for


@dataclass(frozen=True)
class Features:
    """Features (N, D) float32, the slot-seconds they took to extract, and whether they came from the cache."""

    values: np.ndarray
    cost_s: float
    cached: bool


def frozen_features(
    backbone: Backbone, images: np.ndarray, *, device: torch.device, bfloat16: bool, cache: Path
) -> Features:
    """Features of (N, H, W, 3) uint8 images by a frozen backbone, from the cache where it has them.

    Two processes that want the same features at the same time extract them once: the second waits for the first.

    Raises:
        BackboneError: the backbone cannot be loaded.
    """
    path = cache / "features" / f"{content_key(backbone, images, device=device, bfloat16=bfloat16)}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        found = _read(path)
        if found is not None:
            return found
        made = extract(backbone, images, device=device, bfloat16=bfloat16)
        part = path.with_suffix(".part")
        save_file({"features": made.values}, part, metadata={"cost_s": repr(made.cost_s)})
        part.replace(path)
        return made


def extract(backbone: Backbone, images: np.ndarray, *, device: torch.device, bfloat16: bool) -> Features:
    """Extract features, timing the work; loading the network is not part of the cost."""
    network, width = networks.as_feature_extractor(backbone)
    network = network.to(device).to(memory_format=torch.channels_last)
    prepare = normalised(*networks.normalise(backbone), device=device)
    precision = torch.autocast(device.type, dtype=torch.bfloat16) if bfloat16 else nullcontext()
    values = np.empty((len(images), width), dtype=np.float32)
    clock = clock_for(device)
    with clock.charging(), torch.inference_mode(), precision:
        for start, stop in prediction_batches(images, device):
            batch = torch.tensor(images[start:stop], device=device)
            values[start:stop] = network(prepare(batch)).float().cpu().numpy()
    return Features(values=values, cost_s=clock.charged_s, cached=False)


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


def _read(path: Path) -> Features | None:
    """The cached features, or None where there are none or the file is damaged."""
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            return Features(file.get_tensor("features"), float(file.metadata()["cost_s"]), cached=True)
    except (SafetensorError, KeyError, ValueError):
        return None
