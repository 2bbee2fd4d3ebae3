"""Arrays of bytes in the cache, each file with the SHA-256 of its content in its name: <key>-<seal>.npy.

So a file that was damaged is noticed, and what an array holds is known without reading it.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from trainables.leftovers import passing

_log = logging.getLogger(__name__)


class Sealing:
    """An .npy file in the making; `path` is where it lies when it is whole, the SHA-256 of its content in its name."""

    path: Path

    def __init__(self, stream: BinaryIO, shape: tuple[int, ...]) -> None:
        self._stream, self.seal = stream, hashlib.sha256()
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, header)

    def add(self, array: np.ndarray) -> None:
        """The next array, uint8; all together have the shape that the file was begun with."""
        self.seal.update(array.reshape(-1).data)
        self._stream.write(array.data)


@contextmanager
def sealing(folder: Path, key: str, shape: tuple[int, ...]) -> Iterator[Sealing]:
    """Write arrays, together of this shape, to a file in the cache; if anything is raised meanwhile there is none."""
    with passing(folder) as part:
        with part.open("wb") as stream:
            sealed = Sealing(stream, shape)
            yield sealed
        sealed.path = part.replace(folder / f"{key}-{sealed.seal.hexdigest()}.npy")


def load_sealed(path: Path, shape: tuple[int, ...]) -> tuple[np.ndarray, str] | None:
    """The array and its seal, or None, and the file removed, if it is not what was written."""
    try:
        array = np.lib.format.open_memmap(path, mode="r")
        if array.shape == shape and hashlib.sha256(array.reshape(-1).data).hexdigest() == seal(path):
            return array, seal(path)
    except (ValueError, EOFError):  # cut short, or not NumPy's format
        pass
    _log.warning("%s is damaged and made again", path)
    path.unlink()
    return None


def seal(path: Path) -> str:
    """The SHA-256 of what was written to a file, by its name."""
    return path.stem.partition("-")[2]
