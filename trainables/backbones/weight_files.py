"""Files of trained weights, read without running any code in them: .safetensors, or a pickle that torch vets.

Knows files and state dicts, not which network they are for.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from trainables.errors import BackboneError, first_line

SUFFIXES = (".pth", ".pt", ".safetensors")


def read_state(path: Path) -> dict[str, Tensor]:
    """The state dict in a file, its names as today's torchvision has them.

    Raises:
        BackboneError: the file is missing, unreadable, damaged, or holds something else.
    """
    with _reading(path):
        state = load_file(path) if path.suffix == ".safetensors" else _unpickle(path)
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise BackboneError(f"{path}: not a state dict; save the network with torch.save(network.state_dict(), path)")
    return {_current_name(name): tensor for name, tensor in state.items()}


def read_metadata(path: Path) -> dict[str, str]:
    """What a .safetensors file says about itself; nothing for other files.

    Raises:
        BackboneError: the file is missing, unreadable or damaged.
    """
    if path.suffix != ".safetensors":
        return {}
    with _reading(path), safe_open(path, framework="pt") as file:
        return dict(file.metadata() or {})


def content_digest(path: Path) -> bytes:
    """SHA-256 of the file's bytes.

    Raises:
        BackboneError: the file is missing or unreadable.
    """
    with _reading(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def misfit(expected: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str | None:
    """The first tensor of a state dict that is missing, has another shape, or is one too many; None if all fit."""
    for name, tensor in expected.items():
        if name in given and given[name].shape != tensor.shape:
            return f"{name} has the shape {tuple(given[name].shape)} instead of {tuple(tensor.shape)}"
        if name not in given and not name.endswith("num_batches_tracked"):  # files of old versions have no such counts
            return f"{name} is missing"
    surplus = next((name for name in given if name not in expected), None)
    return f"{surplus} is not in that network" if surplus else None


def _unpickle(path: Path) -> object:
    with path.open("rb") as file:
        return torch.load(file, map_location="cpu", weights_only=True)


def _current_name(name: str) -> str:
    """torchvision's files of the densenets still say `norm.1` for what the network now calls `norm1`."""
    return re.sub(r"(denselayer\d+\.(?:norm|conv))\.(\d)\.", r"\1\2.", name)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise BackboneError(f"{path}: no such weights file; check the path") from error
    except (IsADirectoryError, PermissionError) as error:
        raise BackboneError(f"{path}: cannot be read ({error.strerror}); check the path and its permissions") from error
    except Exception as error:  # a damaged file can raise almost anything
        raise BackboneError(
            f"{path}: not a weights file ({first_line(error)}); give a state dict saved by torch.save or safetensors"
        ) from error
