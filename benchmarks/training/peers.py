"""What else a GPU is fed with: timm's model, loader and optimizer; and the tuned loop compiled, or as CUDA graphs."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import chain, cycle, islice, repeat
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from benchmarks.training.cases import CLASSES, LR, SEED, Case, network_of
from benchmarks.training.meter import Meter
from benchmarks.training.pictures import read
from benchmarks.training.ways import autocast, prepared, update

WORKERS = 8  # of timm's loader
MANY = 1_000_000_000
TIMM_NAMES = {"vit_b_16": "vit_base_patch16_224"}


def timm_loop(case: Case, folder: Path, device: torch.device, meter: Meter) -> None:
    """As timm's train.py does: its model, its prefetching loader over files, its AdamW, autocast.

    Raises:
        ImportError: timm is not there.
    """
    import timm  # type: ignore[import-not-found] # no dependency of this project
    from timm.data import ImageDataset, create_loader  # type: ignore[import-not-found]
    from timm.optim import create_optimizer_v2  # type: ignore[import-not-found]

    sized = {"img_size": case.size} if case.model.startswith("vit") else {}
    network = timm.create_model(TIMM_NAMES.get(case.model, case.model), num_classes=CLASSES, **sized).to(device)
    network = network.to(memory_format=torch.channels_last)
    loader: Any = create_loader(
        ImageDataset(str(folder / "files")),
        input_size=(3, *case.size),
        batch_size=case.batch,
        is_training=case.trains,
        no_aug=True,
        num_workers=WORKERS if device.type == "cuda" else 1,
        device=device,
        use_prefetcher=True,
        persistent_workers=True,
    )
    if not case.trains:
        network.eval().reset_classifier(0)
        with torch.inference_mode(), autocast(device):
            for batch, _ in chain.from_iterable(repeat(loader)):
                network(batch.contiguous(memory_format=torch.channels_last)).float().cpu()
                meter(len(batch))
        return
    optimizer = create_optimizer_v2(network, opt="adamw", lr=LR)
    network.train()
    while True:
        for batch, labels in loader:
            loss = update(network, optimizer, batch.contiguous(memory_format=torch.channels_last), labels, device)
            meter(len(batch), loss)


Faster = Callable[[nn.Module, Tensor], nn.Module]  # of a network and a batch of its inputs


def compiled(*, graphs: bool, backend: str = "inductor") -> Faster:
    """By torch.compile, which also makes CUDA graphs of it where asked to."""
    options: dict[str, Any] = {"mode": "reduce-overhead"} if graphs else {}
    return lambda network, sample: cast(nn.Module, torch.compile(network, backend=backend, **options))


def graphed(network: nn.Module, sample: Tensor) -> nn.Module:
    """Forward and backward as CUDA graphs, without a compiler."""
    with torch.autocast("cuda", dtype=torch.bfloat16, cache_enabled=False):  # what is cached cannot be captured
        return cast(nn.Module, torch.cuda.make_graphed_callables(network, (sample,)))


def made_faster(
    case: Case, folder: Path, device: torch.device, faster: Faster
) -> tuple[Callable[[Meter], None], float]:
    """The tuned loop with a network that was made faster, and the seconds that this took, three batches included."""
    arrays, classes = read(folder, case.size)
    images, labels = torch.from_numpy(arrays).to(device), torch.from_numpy(classes).to(device)
    torch.manual_seed(SEED)
    network = network_of(case).to(device).to(memory_format=torch.channels_last).train()
    prepare = prepared(case, device)
    starts = range(0, len(images) - case.batch + 1, case.batch)  # graphs know batches of one size

    def loop(meter: Meter | None, most: int) -> None:
        for start in islice(cycle(starts), most):
            rows = slice(start, start + case.batch)
            loss = update(network, optimizer, prepare(images[rows]), labels[rows], device)
            if meter is not None:
                meter(case.batch, loss)

    began = time.monotonic()
    with autocast(device):
        network = faster(network, prepare(images[: case.batch]))
    optimizer = torch.optim.Adam(network.parameters(), lr=LR)
    loop(None, 3)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return lambda meter: loop(meter, MANY), time.monotonic() - began
