"""Three ways to the same: this, through the approaches' own classes; the lab's; a tuned loop over images in memory.

The tuned loop computes what `trainables/training.py` computes, with the same seeds in the same order, so that its
losses are the same. The lab's way is that of the seed study: files, ImageFolder, a DataLoader with two
workers, float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import count, cycle
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the customary name
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from benchmarks.training.cases import CLASSES, LR, SEED, Case, network_of
from benchmarks.training.meter import Meter
from benchmarks.training.pictures import read
from trainables.approach import Approach, Examples, Task
from trainables.approaches.better_cnn import BetterCNN
from trainables.approaches.fine_tune import FineTune
from trainables.backbones.extraction import extract
from trainables.backbones.networks import IMAGENET_MEAN, IMAGENET_STD

EPOCHS = 1_000_000
# Bytes of images to extract: some sixteen batches of those that trainables/batches.py predicts in.
MUCH = {"cpu": 16 * 16 * 120 * 400 * 3, "cuda": 16 * 1024 * 120 * 400 * 3}
FLOAT32 = torch.device("cpu")  # as on a CPU: no autocast
Way = Callable[[Case, Path, torch.device, Meter], None]


def this(case: Case, folder: Path, device: torch.device, meter: Meter) -> None:
    """The approach's own steps, or the function that extracts a study's features."""
    images, labels = read(folder, case.size)
    if case.trains:
        approach = approach_of(case, Task(Examples(images, labels), None, CLASSES), device)
        while True:
            step = approach.step()
            meter(step.examples, step.loss)
    images = np.concatenate([images] * max(1, round(MUCH[device.type] / images.nbytes)))
    done = 0

    def told(by_now: int) -> None:
        nonlocal done
        meter(by_now - done)
        done = by_now

    extract(case.backbone, images, device=device, bfloat16=device.type == "cuda", told=told)


def approach_of(case: Case, task: Task, device: torch.device) -> Approach:
    """The approach of a case, in the precision that all ways have."""
    kind: type[Approach] = BetterCNN if case.work == "better_cnn" else FineTune
    settings: dict[str, object] = {"image_size": case.size, "precision": precision(device)}
    if case.work == "fine_tune":
        settings["backbone"] = case.backbone
    hyperparameters = kind.hyperparameters_type.model_validate({"lr": LR, "epochs": EPOCHS, "batch_size": case.batch})
    return kind(task, kind.settings_type.model_validate(settings), hyperparameters, seed=SEED, device=device)


def tuned(case: Case, folder: Path, device: torch.device, meter: Meter) -> None:
    """Images as one uint8 array on the device, channels last, nothing else around the arithmetic."""
    arrays, classes = read(folder, case.size)
    images, labels = torch.from_numpy(arrays).to(device), torch.from_numpy(classes).to(device)
    network = network_of(case)
    torch.manual_seed(SEED)
    network = network.to(device).to(memory_format=torch.channels_last)
    prepare = prepared(case, device)
    if not case.trains:
        slices = cycle(_slices(len(images), case.batch))
        _extract(network, (prepare(images[rows]) for rows in slices), device, meter)
        return
    optimizer = torch.optim.Adam(network.parameters(), lr=LR)
    generator = torch.Generator().manual_seed(SEED)
    network.train()
    while True:
        order = torch.randperm(len(images), generator=generator)
        for rows in _slices(len(images), case.batch):
            chosen = order[rows].to(device)
            loss = update(network, optimizer, prepare(images[chosen]), labels[chosen], device)
            meter(len(chosen), loss)


def lab(case: Case, folder: Path, device: torch.device, meter: Meter) -> None:
    """Files read, decoded and resized again in every epoch by two workers, float32, channels first."""
    steps = [transforms.Resize(case.size), transforms.ToTensor()]
    if case.work != "better_cnn":
        steps.append(transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD))
    files = ImageFolder(str(folder / "files"), transforms.Compose(steps))
    loader = DataLoader(files, batch_size=case.batch, shuffle=case.trains, num_workers=2)
    network = network_of(case).to(device)
    if not case.trains:
        _extract(network, (batch.to(device) for _ in count() for batch, _ in loader), FLOAT32, meter)
        return
    optimizer = torch.optim.Adam(network.parameters(), lr=LR)
    network.train()
    while True:
        for batch, labels in loader:
            loss = update(network, optimizer, batch.to(device), labels.to(device), FLOAT32)
            meter(len(batch), loss)


WAYS: dict[str, Way] = {"this": this, "lab": lab, "tuned": tuned}


def precision(device: torch.device) -> str:
    return "bfloat16" if device.type == "cuda" else "float32"


def autocast(device: torch.device) -> AbstractContextManager[object]:
    """bfloat16 on a GPU, float32 on a CPU."""
    return torch.autocast("cuda", dtype=torch.bfloat16) if device.type == "cuda" else nullcontext()


def prepared(case: Case, device: torch.device) -> Callable[[Tensor], Tensor]:
    """(B, H, W, 3) uint8 to (B, 3, H, W) float32 as the network wants it."""
    if case.work == "better_cnn":
        return lambda batch: batch.permute(0, 3, 1, 2).float().div_(255)
    mean, std = (torch.tensor(three, device=device)[:, None, None] for three in (IMAGENET_MEAN, IMAGENET_STD))
    return lambda batch: (batch.permute(0, 3, 1, 2).float().div_(255) - mean) / std


def update(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    batch: Tensor,
    labels: Tensor,
    device: torch.device,
) -> Tensor:
    """One step of training; its loss, which the device may not have reached yet."""
    optimizer.zero_grad(set_to_none=True)
    with autocast(device):
        logits = network(batch)  # (B, C)
    loss = F.cross_entropy(logits.float(), labels)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.detach()


def _extract(network: nn.Module, batches: Iterator[Tensor], device: torch.device, meter: Meter) -> None:
    network.eval()
    with torch.inference_mode(), autocast(device):
        for batch in batches:
            network(batch).float().cpu().numpy()
            meter(len(batch))


def _slices(number: int, size: int) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, number, size))
