"""Pictures decoded in parallel, once, and kept on disk at each size that is asked for.

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
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import PIL
from filelock import FileLock

from trainables.cache import cache_dir, unusable
from trainables.data.images import MOST_PIXELS, Picture, decode_once, pixels, reason
from trainables.data.sealed import Sealing, load_sealed, seal, sealing
from trainables.errors import DataError, shown
from trainables.leftovers import passing

_log = logging.getLogger(__name__)
_BLOCK = 1024  # results that may wait in memory to be written,
_BLOCK_BYTES = 2**28  # or fewer, where they are large
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


@dataclass(frozen=True)
class Wanted:
    """Pictures that will be wanted at one size, with the words for the list of what the cache holds; see `decoded`."""

    pictures: Mapping[str, Picture]
    size: tuple[int, int]
    data: str = ""


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Tell this watcher of all pictures that are read or decoded while the context lasts."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def inspect(pictures: Mapping[str, Picture], wanted: Sequence[Wanted] = ()) -> tuple[dict[str, Facts], dict[str, str]]:
    """Decode every picture at its own size, or recall what was learnt then; unreadable ones are always tried anew.

    Args:
        wanted: what `decoded` will be asked for, should all be readable: where nothing is known of the pictures yet,
            they are resized and kept while they are in memory.

    Returns:
        The facts of the readable pictures, and the reasons why the others are not readable, by identifier.

    Raises:
        DataError: the cache cannot be written.
    """
    with _folder("facts") as folder:
        path = folder / f"{_key(pictures, learnt=_FACTS)}.json"
        facts = _read_facts(path)
        if pictures.keys() <= facts.keys():
            _looked_at({}, (), [])  # whoever watches is told that nothing is to be read
            return facts, {}
        with FileLock(f"{path}.lock"):  # two studies that start together decode once
            facts = _read_facts(path)
            found = _learnt({name: pictures[name] for name in pictures if name not in facts}, pictures, wanted)
            new = {name: seen for name, seen in found.items() if isinstance(seen, Facts)}
            if new:
                facts |= new
                with passing(folder) as part:
                    part.write_text(json.dumps({name: asdict(known) for name, known in facts.items()}))
                    part.replace(path)
    return facts, {name: why for name, why in found.items() if isinstance(why, str)}


def _learnt(
    unknown: Mapping[str, Picture], pictures: Mapping[str, Picture], wanted: Sequence[Wanted]
) -> dict[str, Facts | str]:
    if wanted and len(unknown) == len(pictures):
        return _looked_at_and_kept(pictures, wanted)
    return _looked_at(unknown, (), [])


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
                if (found := load_sealed(path, shape)) is not None:
                    return found
            _refuse_what_has_no_room(folder, shape)
            _log.info("decoding %d images at %d x %d", *shape[:3])
            began = time.monotonic()
            what = f"decoding images at {size[0]} x {size[1]}"
            with sealing(folder, key, shape) as sealed:
                for array in _counted(_resized(list(pictures.values()), size), what, len(pictures)):
                    sealed.add(array)
            _write_about(folder, key, data, began)
    return np.lib.format.open_memmap(sealed.path, mode="r"), seal(sealed.path)


class _IncompleteError(Exception):
    """Not all pictures are readable, so what was to be kept of them would not be what is wanted."""


def _looked_at_and_kept(pictures: Mapping[str, Picture], wanted: Sequence[Wanted]) -> dict[str, Facts | str]:
    """The facts of the pictures, and whatever is wanted of them in the cache where all are readable."""
    found: dict[str, Facts | str] = {}
    began = time.monotonic()
    with suppress(_IncompleteError), _folder("images") as folder, ExitStack() as stack:
        by_key = {_key(one.pictures, one.size): one for one in wanted if _in_their_order(one.pictures, pictures)}
        missing = _without(by_key, folder)
        shapes = {key: (len(one.pictures), *one.size, 3) for key, one in missing.items()}
        for size in {one.size for one in missing.values()}:
            _refuse_size(size)
        if sum(map(math.prod, shapes.values())) > shutil.disk_usage(folder).free:
            missing = {}  # `decoded` will say so
        for key in missing:
            stack.enter_context(FileLock(folder / f"{key}.lock"))
        missing = _without(missing, folder)  # another study may have made them before it gave the lock back
        into = [(one, stack.enter_context(sealing(folder, key, shapes[key]))) for key, one in missing.items()]
        found = _looked_at(pictures, sorted({one.size for one in missing.values()}), into)
        if any(isinstance(seen, str) for seen in found.values()):
            raise _IncompleteError
        for key, one in missing.items():
            _write_about(folder, key, one.data, began)
    return found


def _without(by_key: Mapping[str, Wanted], folder: Path) -> dict[str, Wanted]:
    """Those of which there are no images, in the order in which they are locked."""
    return {key: one for key, one in sorted(by_key.items()) if not any(folder.glob(f"{key}-*.npy"))}


def _looked_at(
    pictures: Mapping[str, Picture], sizes: Sequence[tuple[int, int]], into: Sequence[tuple[Wanted, Sealing]]
) -> dict[str, Facts | str]:
    """What is learnt of each picture, or why it is not readable; at each of these sizes it goes where it is wanted."""
    found: dict[str, Facts | str] = {}
    each = 3 * sum(height * width for height, width in sizes)  # bytes of a picture at all sizes
    seen = _in_parallel(partial(_look, sizes=sizes), list(pictures.values()), _block(each))
    for name, (learnt, resized) in zip(pictures, _counted(seen, "reading images", len(pictures)), strict=True):
        found[name] = learnt
        for one, sealed in into:
            if name in one.pictures and resized:
                sealed.add(resized[one.size])
    return found


def _look(picture: Picture, sizes: Sequence[tuple[int, int]]) -> tuple[Facts | str, dict[tuple[int, int], np.ndarray]]:
    try:
        seen = decode_once(picture, sizes)
    except Exception as error:  # Pillow's decoders raise a dozen kinds
        return reason(error), {}
    digest = hashlib.sha1(seen.own.reshape(-1).data, usedforsecurity=False).hexdigest()
    lowest, highest = seen.depth or (None, None)
    return Facts(seen.own.shape[0], seen.own.shape[1], digest, lowest, highest), seen.resized


def _in_their_order(some: Mapping[str, Picture], pictures: Mapping[str, Picture]) -> bool:
    """Whether some pictures stand in the order of all: a file is written from its beginning."""
    return [name for name in pictures if name in some] == list(some)


def _block(each: int) -> int:
    """How many results of so many bytes may wait in memory."""
    return max(os.cpu_count() or 1, min(_BLOCK, _BLOCK_BYTES // max(1, each)))


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


def _resized(pictures: Sequence[Picture], size: tuple[int, int]) -> Iterator[np.ndarray]:
    def resize(picture: Picture) -> np.ndarray:
        try:
            return pixels(picture, size)
        except Exception as error:
            raise DataError(
                f"{picture}: became unreadable ({reason(error)}); restore the file and run again"
            ) from error

    return _in_parallel(resize, pictures, _block(3 * size[0] * size[1]))


def _in_parallel(work: Callable[[Picture], T], pictures: Sequence[Picture], block: int) -> Iterator[T]:
    """Results in order. Threads suffice: Pillow decodes and resizes without holding the interpreter's lock."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(pictures), block):
            yield from pool.map(work, pictures[start : start + block])


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
        raise DataError(unusable(folder, error)) from error


def _read_facts(path: Path) -> dict[str, Facts]:
    try:
        return {name: Facts(**fields) for name, fields in json.loads(path.read_text()).items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError):
        _log.warning("%s is damaged and made again", path)
        return {}


def _write_about(folder: Path, key: str, data: str, began: float) -> None:
    with passing(folder) as part:
        part.write_text(json.dumps({"data": data, "took_s": time.monotonic() - began}))
        part.replace(folder / f"{key}.json")
