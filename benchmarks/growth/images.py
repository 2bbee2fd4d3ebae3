"""Opening, decoding and reading so many images, in a process of its own; prints what each cost as JSON.

    python -m benchmarks.growth.images NUMBER

The images are PNG files of 32 x 32 pixels, in ten folders; the cache is a new one. What Pillow alone takes to decode
each file once, in one thread, stands beside. Batches are read at random from the mapped array, as an approach reads
them: from memory, and after the kernel was asked to forget the file, from the disk.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.growth.costs import Cost

SIDE, CLASSES, BATCH = 32, 10, 128
READ = 20  # batches


def main(number: int) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["TRANSFER_STUDY_CACHE"] = f"{temporary}/cache"
        folder = Path(temporary) / "images"
        write(folder, number)
        print(json.dumps({name: vars(cost) for name, cost in costs(folder).items()}))


def write(folder: Path, number: int) -> None:
    """So many different files."""
    rng = np.random.default_rng(0)
    for name in range(CLASSES):
        (folder / f"class-{name}").mkdir(parents=True)
    for index in range(number):
        picture = rng.integers(0, 256, (4, 4, 3)).astype(np.uint8).repeat(SIDE // 4, 0).repeat(SIDE // 4, 1)
        picture[0, :4] = np.frombuffer(index.to_bytes(12, "little"), np.uint8).reshape(4, 3)
        Image.fromarray(picture).save(folder / f"class-{index % CLASSES}" / f"{index:06d}.png", compress_level=1)


def costs(folder: Path) -> dict[str, Cost]:
    """What each step cost, in the order in which a study does them."""
    from trainables.data.dataset import open_dataset
    from trainables.data.folders import FolderData

    config = FolderData(source="folder", path=str(folder), layout="classes")
    found: dict[str, Cost] = {}

    @contextmanager
    def timed(name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
        found[name] = Cost(time.monotonic() - began, peak)

    with timed("images: Pillow alone decodes each once"):
        for path in folder.glob("*/*.png"):
            with Image.open(path) as picture:
                np.asarray(picture.convert("RGB"))
    with timed("images: opening the data set"):
        dataset = open_dataset(config, [(SIDE, SIDE)])  # as a study opens it
        dataset.check()
    with timed("images: arrays of all splits"):
        for split in dataset.splits:
            images = dataset.images(split, (SIDE, SIDE))
    with timed("images: opened again, from the cache"):
        again = open_dataset(config, [(SIDE, SIDE)])
        images = again.images("train", (SIDE, SIDE))
    forget(images)
    with timed(f"images: {READ} batches of {BATCH} at random, from the disk"):
        read(images)
    with timed(f"images: {READ} batches of {BATCH} at random, from memory"):
        read(images)
    return found


def read(images: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    for _ in range(READ):
        images[rng.integers(0, len(images), BATCH)].sum()


def forget(images: np.ndarray) -> None:
    """Ask the kernel to drop what it has in memory of the file behind a mapped array, where it can be asked."""
    mapped: np.ndarray | None = images
    while mapped is not None and not isinstance(mapped, np.memmap):
        mapped = mapped.base
    advise: Callable[..., None] | None = getattr(os, "posix_fadvise", None)
    if mapped is None or advise is None or mapped.filename is None:
        return
    with open(mapped.filename, "rb") as file:
        os.fsync(file.fileno())
        advise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


if __name__ == "__main__":
    main(int(sys.argv[1]))
