"""Pictures decoded in parallel, once for each size, and kept on disk.

The cache is addressed by how the pictures look from outside (name, size, time of change) and sealed by the SHA-256 of
their pixels, so that a damaged file in it is noticed and made again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import PIL
from filelock import FileLock

from trainables.cache import cache_dir, passing
from trainables.data.images import MOST_PIXELS, Picture, pixels, pixels_and_depth, reason
from trainables.errors import DataError, shown

_log = logging.getLogger(__name__)
_BLOCK = 1024  # results that may wait in memory to be written
_FACTS = 2  # raised when more is learnt of a picture: what was learnt before is learnt anew
T = TypeVar("T")
Watcher = Callable[[str, int, int], None]  # told what is being done, how many are done, and of how many
_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)  # of this thread


@dataclass(frozen=True)
class Facts:
    """What is learnt of a picture when it is decoded.

    Attributes:
        height, width: its own, in pixels.
        digest: SHA-1 of its RGB pixels at that size.
        lowest, highest: its values, where it has 16 bits for each.
    """

    height: int
    width: int
    digest: str
    lowest: int | None = None
    highest: int | None = None

    @property
    def pixels(self) -> tuple[int, int, str]:
        """The same for pictures that are the same pixel for pixel."""
        return self.height, self.width, self.digest


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Tell this watcher of all pictures that are read or decoded while the context lasts."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def inspect(pictures: Mapping[str, Picture]) -> tuple[dict[str, Facts], dict[str, str]]:
    """Decode every picture at its own size, or recall what was learnt then; unreadable ones are always tried anew.

    Returns:
        The facts of the readable pictures, and the reasons why the others are not readable, by identifier.

    Raises:
        DataError: the cache cannot be written.
    """
    with _folder("facts") as folder:
        path = folder / f"{_key(pictures, learnt=_FACTS)}.json"
        facts = _read_facts(path)
        unknown = [name for name in pictures if name not in facts]
        looked_at = _counted(_in_parallel(_facts, [pictures[name] for name in unknown]), "reading images", len(unknown))
        found = dict(zip(unknown, looked_at, strict=True))
        new = {name: seen for name, seen in found.items() if isinstance(seen, Facts)}
        if new:
            facts |= new
            with passing(folder) as part:
                part.write_text(json.dumps({name: asdict(known) for name, known in facts.items()}))
                part.replace(path)
    return facts, {name: why for name, why in found.items() if isinstance(why, str)}


def decoded(pictures: Mapping[str, Picture], size: tuple[int, int], *, data: str = "") -> tuple[np.ndarray, str]:
    """All pictures at one size, (height, width), in their order; decoded if they are not in the cache.

    Args:
        data: what they are, in words, for the list of what the cache holds.

    Returns:
        (N, H, W, 3) uint8, read-only and memory-mapped, and the SHA-256 of its bytes.

    Raises:
        DataError: a picture cannot be read, or the cache cannot be written.
    """
    shape = (len(pictures), *size, 3)
    _refuse_size(size)
    with _folder("images") as folder:
        key = _key(pictures, size)
        with FileLock(folder / f"{key}.lock"):  # two studies that start together decode once
            for path in folder.glob(f"{key}-*.npy"):
                if (found := _load_sealed(path, shape)) is not None:
                    return found
            _refuse_what_has_no_room(folder, shape)
            _log.info("decoding %d images at %d x %d", *shape[:3])
            began = time.monotonic()
            what = f"decoding images at {size[0]} x {size[1]}"
            resized = _counted(_resized(list(pictures.values()), size), what, len(pictures))
            path = _write_sealed(folder, key, resized, shape)
            with passing(folder) as part:
                part.write_text(json.dumps({"data": data, "took_s": time.monotonic() - began}))
                part.replace(folder / f"{key}.json")
    return np.lib.format.open_memmap(path, mode="r"), _seal(path)


def _refuse_size(size: tuple[int, int]) -> None:
    if min(size) < 1 or size[0] * size[1] > MOST_PIXELS:
        raise DataError(
            f"images cannot be resized to {shown(size[0], 30)} x {shown(size[1], 30)} pixels; give 1 to "
            f"{MOST_PIXELS / 1e6:.0f} million"
        )


def _refuse_what_has_no_room(folder: Path, shape: tuple[int, ...]) -> None:
    needed, free = math.prod(shape), shutil.disk_usage(folder).free
    if needed > free:
        count, height, width, _ = shape
        raise DataError(
            f"{folder}: {count:,} images of {height} x {width} pixels take {needed / 1e9:,.1f} GB, and "
            f"{free / 1e9:,.1f} are free; lower image_size, make room, or set TRANSFER_STUDY_CACHE to another folder"
        )


def _key(pictures: Mapping[str, Picture], size: tuple[int, int] | None = None, *, learnt: int | None = None) -> str:
    stamps = [[name, picture.stamp()] for name, picture in pictures.items()]
    about = [PIL.__version__, size or learnt, stamps]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:32]


def _facts(picture: Picture) -> Facts | str:
    try:
        found, depth = pixels_and_depth(picture)
    except Exception as error:  # Pillow's decoders raise a dozen kinds
        return reason(error)
    digest = hashlib.sha1(found.reshape(-1).data, usedforsecurity=False).hexdigest()
    lowest, highest = depth or (None, None)
    return Facts(found.shape[0], found.shape[1], digest, lowest, highest)


def _resized(pictures: Sequence[Picture], size: tuple[int, int]) -> Iterator[np.ndarray]:
    def resize(picture: Picture) -> np.ndarray:
        try:
            return pixels(picture, size)
        except Exception as error:
            raise DataError(
                f"{picture}: became unreadable ({reason(error)}); restore the file and run again"
            ) from error

    return _in_parallel(resize, pictures)


def _in_parallel(work: Callable[[Picture], T], pictures: Sequence[Picture]) -> Iterator[T]:
    """Results in order. Threads suffice: Pillow decodes and resizes without holding the interpreter's lock."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(pictures), _BLOCK):
            yield from pool.map(work, pictures[start : start + _BLOCK])


def _counted(things: Iterable[T], what: str, among: int) -> Iterator[T]:
    """These things, each counted as done when the next one is asked for."""
    watcher = _watcher.get()
    if watcher is None:
        yield from things
        return
    watcher(what, 0, among)
    for done, thing in enumerate(things, 1):
        yield thing
        watcher(what, done, among)


@contextmanager
def _folder(name: str) -> Iterator[Path]:
    folder = cache_dir() / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
    except OSError as error:
        cause = error.strerror or type(error).__name__
        raise DataError(
            f"{folder}: the cache cannot be used ({cause}); make room, or set TRANSFER_STUDY_CACHE to another folder"
        ) from error


def _read_facts(path: Path) -> dict[str, Facts]:
    try:
        return {name: Facts(**fields) for name, fields in json.loads(path.read_text()).items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError):
        _log.warning("%s is damaged and made again", path)
        return {}


def _seal(path: Path) -> str:
    return path.stem.partition("-")[2]


def _load_sealed(path: Path, shape: tuple[int, ...]) -> tuple[np.ndarray, str] | None:
    """The array and its seal, or None, and the file removed, if it is not what was written."""
    try:
        array = np.lib.format.open_memmap(path, mode="r")
        if array.shape == shape and hashlib.sha256(array.reshape(-1).data).hexdigest() == _seal(path):
            return array, _seal(path)
    except (ValueError, EOFError):  # cut short, or not NumPy's format
        pass
    _log.warning("%s is damaged and made again", path)
    path.unlink()
    return None


def _write_sealed(folder: Path, key: str, arrays: Iterable[np.ndarray], shape: tuple[int, ...]) -> Path:
    """Write arrays, together of this shape, to one .npy file with the SHA-256 of its pixels in its name."""
    seal = hashlib.sha256()
    with passing(folder) as part:
        with part.open("wb") as stream:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(stream, header)
            for array in arrays:
                seal.update(array.reshape(-1).data)
                stream.write(array.data)
        return part.replace(folder / f"{key}-{seal.hexdigest()}.npy")
