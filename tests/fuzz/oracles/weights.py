"""What a file of weights holds by a plain reading, and what a network must do that was loaded from it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

from tests.fuzz.outcomes import WrongNumber

Statistics = tuple[float, ...]
KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I8": "|i1", "BOOL": "|b1"}


def same_tensors(path: Path, network: nn.Module) -> None:
    """The tensors of the file are those of the network."""
    given = plainly_read(path)
    for name, tensor in network.state_dict().items():
        values = tensor.numpy()
        if name in given and not np.array_equal(given[name].astype(values.dtype), values, equal_nan=True):
            raise WrongNumber(f"weights read as others: {name}")


def finite_answer(network: nn.Module, mean: Statistics, std: Statistics) -> None:
    """An image, normalised, has a finite answer."""
    if not np.isfinite([*mean, *std]).all() or min(std) <= 0:
        raise WrongNumber(f"odd statistics accepted: mean {mean}, std {std}")
    image = torch.linspace(0, 1, 3 * 32 * 32).reshape(1, 3, 32, 32)
    with torch.no_grad():
        answer = network((image - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None])
    if not answer.isfinite().all():
        raise WrongNumber("answers that are no numbers: weights were accepted, and an image has no finite answer")


def plainly_read(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a file that was accepted; those of a .safetensors file from its bytes."""
    if path.suffix != ".safetensors":
        return {str(name): tensor.numpy() for name, tensor in torch.load(path, weights_only=True).items()}
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    read = {}
    for name, about in json.loads(content[8:start]).items():
        if name != "__metadata__" and about["dtype"] in KINDS:
            begin, end = (start + offset for offset in about["data_offsets"])
            read[name] = np.frombuffer(content[begin:end], KINDS[about["dtype"]]).reshape(about["shape"])
    return read
