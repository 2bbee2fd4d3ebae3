"""Files of trained weights, read without running any code in them: .safetensors, or a pickle that torch vets.

Knows files and state dicts, not which network they are for. What is no such file is called what it is.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import reprlib
import stat
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from trainables.errors import BackboneError, first_line, shown

SUFFIXES = (".pth", ".pt", ".safetensors")
GIVE = "give a state dict saved by torch.save or safetensors"
SAVE = "save the network with torch.save(network.state_dict(), path)"
# What people have instead of weights, by how it begins; and what to do about it.
BEGINNINGS = (
    (rb"\Z", "an empty file", "fetch it again"),
    (rb"version https://git-lfs", "a git-lfs pointer, not the file that it stands for", "run `git lfs pull`"),
    (rb"\s*<[!?a-zA-Z]", "a page of HTML or XML, perhaps of a server that wanted a login", "download the file itself"),
    (rb"\s*[{\[]\s*[\"{}\[\]\d]", "JSON, perhaps a server's answer or a configuration", "download the file itself"),
    (rb"\x89HDF\r\n", "an HDF5 file, as Keras writes them", GIVE),
    (rb"\x1f\x8b|BZh|\xfd7zXZ|7z\xbc\xaf", "a compressed file", "unpack it"),
)
ZIP = b"PK\x03\x04"


def read_state(path: Path) -> dict[str, Tensor]:
    """The state dict in a file, its names as today's torchvision has them.

    Raises:
        BackboneError: the file is missing, unreadable, damaged, holds something else, or numbers that are not finite.
    """
    with _reading(path):
        state = load_file(path) if path.suffix == ".safetensors" else _unpickle(path)
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise BackboneError(f"{shown(path)}: not a state dict; {SAVE}")
    for name, tensor in state.items():
        if problem := _unusable(name, tensor):
            raise BackboneError(f"{shown(path)}: not a usable state dict ({problem}); {SAVE}, of a network that works")
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
    """The first tensor of a state dict that is missing, of another kind, or one too many; None if all fit."""
    for name, tensor in expected.items():
        if name in given and given[name].shape != tensor.shape:
            return f"{name} has the shape {tuple(given[name].shape)} instead of {tuple(tensor.shape)}"
        if name in given and given[name].is_floating_point() != tensor.is_floating_point():
            kinds = (str(one.dtype).removeprefix("torch.") for one in (given[name], tensor))
            return f"{name} is of {' instead of '.join(kinds)}"
        if name not in given and not name.endswith("num_batches_tracked"):  # files of old versions have no such counts
            return f"{name} is missing"
    surplus = next((name for name in given if name not in expected), None)
    return f"{shorten(surplus, 80)} is not in that network" if surplus is not None else None


def _unusable(name: object, tensor: Tensor) -> str | None:
    """Why an entry of a state dict can be no weights of anything, or None."""
    if not isinstance(name, str):
        return f"the key {reprlib.repr(name)} is no name"
    called = reprlib.repr(name)
    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_meta or tensor.is_complex():
        kind = "quantized" if tensor.is_quantized else "complex" if tensor.is_complex() else "sparse"
        return f"{called} is {'without values' if tensor.is_meta else kind}"
    if tensor.is_floating_point() and not (finite := tensor.isfinite()).all():
        return f"{called} has {int((~finite).sum()):,} values of {finite.numel():,} that are not finite"
    return None


def _unpickle(path: Path) -> object:
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of forms that are refused here in any case
        return torch.load(file, map_location="cpu", weights_only=True)


def _current_name(name: str) -> str:
    """torchvision's files of the densenets still say `norm.1` for what the network now calls `norm1`."""
    return re.sub(r"(denselayer\d+\.(?:norm|conv))\.(\d)\.", r"\1\2.", name)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        _refuse_no_file(path)
        yield
    except BackboneError:
        raise
    except FileNotFoundError as error:
        raise BackboneError(f"{shown(path)}: no such weights file; check the path") from error
    except (IsADirectoryError, PermissionError) as error:
        why = error.strerror
        raise BackboneError(f"{shown(path)}: cannot be read ({why}); check the path and its permissions") from error
    except Exception as error:  # a damaged file can raise almost anything
        what, mend = _instead(path, error)
        raise BackboneError(f"{shown(path)}: not a weights file ({what}); {mend}") from error


def _refuse_no_file(path: Path) -> None:
    """A pipe or a device might never end."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise BackboneError(f"{shown(path)}: not a file, but a pipe or a device; check the path")


def _instead(path: Path, error: Exception) -> tuple[str, str]:
    """What a file is that cannot be read, and what to do about it."""
    try:
        with path.open("rb") as file:
            begins = file.read(64)
    except (OSError, ValueError):  # not even its path can be used
        return _first_words(error), "check the path"
    for beginning, what, mend in BEGINNINGS:
        if re.match(beginning, begins):
            return what, mend
    if path.suffix == ".safetensors" and begins.startswith(ZIP):
        return "a file of torch.save under another name", "let its name end in .pth"
    if path.suffix != ".safetensors" and begins[8:9] == b"{":
        return "a safetensors file under another name", "let its name end in .safetensors"
    if "TorchScript" in str(error):
        return "a TorchScript archive, which holds code", SAVE
    if pickled := re.search(r"GLOBAL (\S+)", str(error)):
        return f"a pickle that would run {pickled.group(1)[:80]}, such as a whole model", SAVE
    return _first_words(error), f"fetch it again, or {GIVE}"


def _first_words(error: Exception) -> str:
    told = re.search(r"WeightsUnpickler error:\s*(\S.*)", str(error))  # behind many lines of advice
    return shorten(told.group(1) if told else first_line(error), 100, placeholder=" ...")
