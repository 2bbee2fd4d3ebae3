"""The checkpoints of running trials: one file each, whole, in a place that all nodes reach.

A file is a checksum, and then safetensors: the numbers of a state, and JSON that says how they belong together. Reading
one runs no code, so that a study which came from somebody else can be resumed. (Nothing is pickled.)
"""

from __future__ import annotations

import hashlib
import json
import logging
import reprlib
from collections.abc import Mapping
from typing import Any, Protocol, TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load, save
from torch import Tensor

from trainables.errors import InputError, UnreachableError, one_line

SUFFIX = ".state"
TREE = "tree"  # the array that holds the JSON; the others are called 0, 1, ...
DIGEST = hashlib.sha256(b"").digest_size  # bytes
HOLDS = "tensors, NumPy arrays, numbers, strings, bytes, None, and lists, tuples and dicts of these"

Bytes = NDArray[np.uint8]
logger = logging.getLogger(__name__)


class StateError(InputError):
    """A state holds something that cannot be kept without pickling it."""


class Files(Protocol):
    """Whole files by name: a reader sees all of a file or none of it, and what fails for a while is tried again."""

    def exists(self, name: str) -> bool: ...
    def read_bytes(self, name: str) -> bytes: ...
    def write_bytes(self, name: str, content: bytes | memoryview) -> None: ...
    def delete(self, name: str) -> None: ...


class CheckpointStore:
    """The checkpoint of one trial, keyed by its name."""

    def __init__(self, files: Files, trial: str) -> None:
        self._files, self._trial = files, trial
        self._name = f"{trial}{SUFFIX}"

    def save(self, state: Mapping[str, Any]) -> None:
        """Replace the last checkpoint. If that fails the trial goes on; only a crash would make it lose something."""
        try:
            self._files.write_bytes(self._name, packed(state))
        except Exception as error:  # whatever the files raise; it says what is wrong
            logger.warning("%s: no checkpoint written (%s)", self._trial, one_line(error))

    def load(self) -> dict[str, Any] | None:
        """The checkpoint, or None where there is none, or none that can be understood.

        Raises:
            UnreachableError: the files cannot be read, so what the trial has done so far is not known.
        """
        try:
            content = self._files.read_bytes(self._name) if self._files.exists(self._name) else None
        except Exception as error:
            raise UnreachableError(f"{self._trial}: checkpoint not read ({one_line(error)})") from error
        if content is None:
            return None
        try:
            return unpacked(content)
        except Exception as error:  # whatever damaged bytes raise; the trial then starts from the beginning
            logger.warning("%s: left out as damaged (%s)", self._name, one_line(error))
            return None

    def delete(self) -> None:
        """Remove it, if there is one. One that stays does no harm: no other trial has its name."""
        try:
            self._files.delete(self._name)
        except Exception as error:
            logger.warning("%s: checkpoint not removed (%s)", self._trial, one_line(error))


def packed(state: Mapping[str, object]) -> bytes:
    """A state as bytes, from which `unpacked` makes an equal one, to the last bit.

    Raises:
        StateError: it holds what cannot be kept; see `check_state`.
    """
    parts: list[Bytes] = []
    tree = json.dumps(_written(state, "state", parts)).encode()
    named = {str(number): part for number, part in enumerate(parts)}
    content: bytes = save(named | {TREE: np.frombuffer(tree, dtype=np.uint8)})
    return b"".join([hashlib.sha256(content).digest(), content])


def unpacked(content: bytes) -> dict[str, Any]:
    """The state in what `packed` made. Its tensors are on the CPU.

    Raises:
        Exception: whatever damaged bytes raise.
    """
    digest, rest = content[:DIGEST], content[DIGEST:]
    if hashlib.sha256(rest).digest() != digest:
        raise ValueError("its checksum is not that of its content")
    parts = load(rest)
    state: dict[str, Any] = _read(json.loads(parts.pop(TREE).tobytes()), parts)
    return state


def check_state(state: Mapping[str, object], name: str = "state") -> None:
    """Refuse a state that cannot be kept, without keeping it.

    Args:
        state: of an approach, say.
        name: what the message calls it.

    Raises:
        StateError: it holds something else than HOLDS; the message names the place.
    """
    _written(state, name, [])


def _written(value: object, path: str, parts: list[Bytes]) -> object:
    """A value as JSON. Lists and plain values stand for themselves; an object with one key is anything else."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) is list:
        return [_written(one, _inside(path, i), parts) for i, one in enumerate(value)]
    if type(value) is tuple:
        return {"tuple": [_written(one, _inside(path, i), parts) for i, one in enumerate(value)]}
    if isinstance(value, Mapping):
        return {"dict": [[_key(key, path), _written(one, _inside(path, key), parts)] for key, one in value.items()]}
    if isinstance(value, Tensor) and _is_plain(value):
        return {"tensor": _tensor(value, parts)}
    if _is_plain_array(value):
        return {"array" if isinstance(value, np.ndarray) else "scalar": _array(np.asarray(value), parts)}
    if type(value) is bytes:
        return {"bytes": _kept(np.frombuffer(value, dtype=np.uint8), parts)}
    raise StateError(f"{path} is {_kind(value)}, which only a pickle could hold; a state holds {HOLDS}")


def _read(written: Any, parts: Mapping[str, Bytes]) -> Any:
    """What `_written` has written."""
    if isinstance(written, list):
        return [_read(one, parts) for one in written]
    if not isinstance(written, dict):
        return written
    ((kind, about),) = written.items()
    if kind == "tuple":
        return tuple(_read(one, parts) for one in about)
    if kind == "dict":
        return {key: _read(one, parts) for key, one in about}
    if kind == "bytes":
        return parts[about].tobytes()
    part, name, shape, order = (about[key] for key in ("part", "dtype", "shape", "order"))
    back = sorted(range(len(order)), key=order.__getitem__)
    if kind == "tensor":
        dtype = getattr(torch, name)
        return torch.tensor(parts[part]).view(dtype).reshape(shape).permute(back)
    array = parts[part].copy().view(np.dtype(name)).reshape(shape).transpose(back)
    return array if kind == "array" else array[()]


def _tensor(value: Tensor, parts: list[Bytes]) -> dict[str, object]:
    order = _order(value.stride())
    dense = value.detach().cpu().permute(order).contiguous()
    about = {"dtype": str(value.dtype).removeprefix("torch."), "shape": list(dense.shape), "order": order}
    return {"part": _kept(dense.reshape(-1).view(torch.uint8).numpy(), parts), **about}


def _array(value: np.ndarray, parts: list[Bytes]) -> dict[str, object]:
    order = _order(value.strides)
    turned = value.transpose(order)
    flat = np.ascontiguousarray(turned).reshape(-1).view(np.uint8)
    about = {"dtype": value.dtype.str, "shape": list(turned.shape), "order": order}
    return {"part": _kept(flat, parts), **about}


def _order(strides: tuple[int, ...]) -> list[int]:
    """Axes as they lie in memory, the outermost first: sums over an array go on in the same order after a crash."""
    return sorted(range(len(strides)), key=lambda axis: -abs(strides[axis]))


def _kept(part: Bytes, parts: list[Bytes]) -> str:
    parts.append(part)
    return str(len(parts) - 1)


def _key(key: object, path: str) -> object:
    if type(key) not in (str, int):
        raise StateError(f"{path} has the key {reprlib.repr(key)}; the keys of a state are strings or integers")
    return key


def _inside(path: str, key: object) -> str:
    """The place below a place, as short as a message needs it."""
    longer = f"{path}[{reprlib.repr(key)}]"
    return longer if len(longer) < 100 else f"...{longer[-90:]}"


def _is_plain_array(value: object) -> TypeGuard[np.ndarray | np.generic]:
    """Not one with a mask, with named fields or of Python objects."""
    if type(value) not in (np.ndarray, np.memmap) and not isinstance(value, np.generic):
        return False
    return value.dtype.fields is None and not value.dtype.hasobject  # type: ignore[attr-defined]


def _is_plain(value: Tensor) -> bool:
    return value.layout is torch.strided and not value.is_quantized and not value.is_meta


def _kind(value: object) -> str:
    """What a value is, in words: `a KNeighborsClassifier`, `an array of object`."""
    if isinstance(value, np.ndarray | np.generic):
        return f"an array of {reprlib.repr(str(value.dtype))}"
    if isinstance(value, Tensor):
        return f"a tensor that is not plain ({value.layout}, on {value.device})".replace("torch.", "")
    name = type(value).__name__[:40]
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
