"""Frozen features: extracted once for each (images, backbone, size), cached by content together with their cost.

The cost travels with the features, so that a study which finds them in the cache charges what they took when they were
made: equal time must not depend on what somebody ran yesterday. Nor on how busy the machine was then: the study that
made them is charged what they took, as its trials share that machine, but before anybody else is charged a sample is
timed again (see costs.py).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from trainables.backbones import networks
from trainables.backbones.costs import Cost, Price, priced
from trainables.backbones.extraction import (
    Extractor,
    Features,
    chunks,
    extract,
    extractor,
    sample_cost,
    together,
    warm_up,
)
from trainables.backbones.networks import Backbone
from trainables.cache import CacheError, unusable
from trainables.leftovers import passing

MADE = "by folded networks"  # part of every key: changes with whatever changes features beyond their images and network


def frozen_features(
    backbone: Backbone,
    images: np.ndarray,
    *,
    device: torch.device,
    bfloat16: bool,
    cache: Path,
    charged: bool = False,
    data: str = "",
    part_of: str = "",
    at: int = 0,
    told: Callable[[int], None] = lambda done: None,
) -> Features:
    """Features of (N, H, W, 3) uint8 images by a frozen backbone, from the cache where it has them.

    The cache has an entry for each chunk of images. Processes that want the same features at the same time share the
    work: each makes what nobody else is at, and waits for the rest in the end.

    The cost is the sum of the chunks' seconds. Here a network is loaded once, and works through a first batch before
    its time counts: neither is charged, so that the cost of a set of images is the same whether one slot or many have
    made its chunks.

    Args:
        charged: whether somebody is charged their cost. One that was measured on a busy machine, or by a version that
            did not look, is measured again then, by a sample of these images; on a GPU it never is.
        data: what the images are, in words, for the list of what the cache holds.
        part_of, at: for the same, a name of the whole set of images where these are a part, and which is their first.
        told: called after each batch with the number of images that are done; what that takes is no cost.

    Raises:
        BackboneError: the backbone cannot be loaded.
        CacheError: the cache cannot be read or written.
    """
    lot = _Lot(
        backbone=backbone,
        images=images,
        device=device,
        bfloat16=bfloat16,
        cache=cache,
        charged=charged,
        data=data,
        part_of=part_of,
        at=at,
    )
    parts: dict[int, Features] = {}
    for wait in (False, True):
        for start, stop in chunks(images, device):
            if start in parts:
                continue
            before = sum(len(part.values) for part in parts.values())
            part = lot.chunk(start, stop, wait=wait, told=partial(_told_more, told, before))
            if part is not None:
                parts[start] = part
                told(before + stop - start)
    return together([parts[start] for start in sorted(parts)])


def _told_more(told: Callable[[int], None], before: int, here: int) -> None:
    told(before + here)


@dataclass(frozen=True, kw_only=True)
class _Lot:
    """Images whose features are wanted; attributes as for `frozen_features`."""

    backbone: Backbone
    images: np.ndarray
    device: torch.device
    bfloat16: bool
    cache: Path
    charged: bool
    data: str
    part_of: str
    at: int

    def chunk(self, start: int, stop: int, *, wait: bool, told: Callable[[int], None]) -> Features | None:
        """Features of some of the images; None where another process is at them, and this one does not wait."""
        some = self.images[start:stop]
        key = _key(self._weights, some, device=self.device, bfloat16=self.bfloat16)
        path = self.cache / "features" / f"{key}.safetensors"
        with _alone(path, wait=wait) as alone:
            if not alone:
                return None
            return replace(self._found(path, some) or self._made(path, start, some, told), keys=(key,))

    def _made(self, path: Path, start: int, some: np.ndarray, told: Callable[[int], None]) -> Features:
        made = extract(
            self.backbone, some, device=self.device, bfloat16=self.bfloat16, loaded=lambda: self._loaded, told=told
        )
        _write(path, made.values, made.price.cost, self._about | self._place(start) | {"made": repr(time.time())})
        return made

    def _found(self, path: Path, some: np.ndarray) -> Features | None:
        with _usable(path.parent):
            found = _read(path)
        if found is None:
            return None
        values, cost, known = found
        if not self.charged or self.device.type != "cpu":
            return Features(values, Price(cost), cached=True)
        price = priced(cost, lambda: self._sample.of_as_many(len(some) / len(self.images)))
        if price.cost != cost:
            _write(path, values, price.cost, self._about | {"made": repr(path.stat().st_mtime)} | known)
        return Features(values, price, cached=True)

    def _place(self, start: int) -> dict[str, str]:
        """Of a chunk in its set."""
        return {"set": self._set, "at": str(self.at + start)}

    @cached_property
    def _set(self) -> str:
        """There is one for each way in which features are made of the same images."""
        known_by = self.images[:0] if self.part_of else self.images
        return f"{self.part_of}, {_key(self._weights, known_by, device=self.device, bfloat16=self.bfloat16)}"

    @cached_property
    def _weights(self) -> str:
        return networks.content_key(self.backbone)

    @cached_property
    def _loaded(self) -> Extractor:
        forward, width = extractor(self.backbone, self.device, bfloat16=self.bfloat16)
        warm_up(forward, self.images, self.device)
        return forward, width

    @cached_property
    def _sample(self) -> Cost:
        return sample_cost(self.backbone, self.images, device=self.device, bfloat16=self.bfloat16)

    @property
    def _about(self) -> dict[str, str]:
        return {
            "data": self.data,
            "backbone": f"{self.backbone.model} ({self.backbone.weights or 'random weights'})",
            "image_size": f"{self.images.shape[1]} x {self.images.shape[2]}",
            "worker": _worker(self.device),
        }


def _key(weights: str, images: np.ndarray, *, device: torch.device, bfloat16: bool) -> str:
    """A name for one chunk's features and their cost.

    Changes with the images, their size, the network, its weights, the precision and the way in which they are made; and
    with the processor and the number of threads, because what one machine took is no fair charge on another.
    """
    digest = hashlib.sha256(np.ascontiguousarray(images).data)
    digest.update(repr(images.shape).encode())
    digest.update(weights.encode())
    digest.update(MADE.encode())
    digest.update(b"bfloat16" if bfloat16 else b"float32")
    digest.update(_worker(device).encode())
    return digest.hexdigest()[:32]


def _worker(device: torch.device) -> str:
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return f"{torch.cpu.get_capabilities()['cpu_name']}, {torch.get_num_threads()} threads"


@contextmanager
def _alone(path: Path, *, wait: bool) -> Iterator[bool]:
    """Whether no other process is at a file; with `wait`, that is so in the end."""
    lock = FileLock(f"{path}.lock")
    with _usable(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(Timeout):
            lock.acquire(blocking=wait)
    try:
        yield lock.is_locked
    finally:
        lock.release()


@contextmanager
def _usable(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise CacheError(unusable(folder, error)) from error


def _write(path: Path, values: np.ndarray, cost: Cost, about: dict[str, str]) -> None:
    seconds = {"cost_s": cost.seconds, "cpu_s": cost.cpu_s, "waited_s": cost.waited_s}
    told = {name: repr(value) for name, value in seconds.items() if value is not None}
    kept = {name: value for name, value in about.items() if name not in seconds}
    with _usable(path.parent), passing(path.parent) as part:
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
