"""A data source that is no part of the project: a module in a folder of its own, as a user would write it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tests.support.outside import installed
from trainables.finding import search_in

NPZ_ADDRESS = "npz_source:NpzData"
NPZ_MODULE = '''
"""Images in one .npz file: `images` (N, H, W, 3) uint8, `labels` (N,) positions in `classes`, and perhaps `groups`."""

import numpy as np

from trainables.data.config import Contents, DataSource, DividedSource
from trainables.data.images import ArrayPicture
from trainables.data.splits import SplitIndex


class NpzData(DividedSource):
    path: str

    def read(self) -> Contents:
        with np.load(self.path) as held:
            names = tuple(f"image-{i:04d}" for i in range(len(held["labels"])))
            pictures = tuple(ArrayPicture(image, name) for image, name in zip(held["images"], names))
            groups = tuple(map(str, held["groups"])) if "groups" in held else None
            whole = SplitIndex(names, held["labels"].astype(np.int64), pictures, groups)
            return Contents(self.path, tuple(map(str, held["classes"])), {"train": whole})


class Undivided(DataSource):
    def read(self) -> Contents:
        return Contents("nothing", ("a", "b"), {})


class Unwritten(DataSource):
    """One that cannot be read yet."""
'''


@contextmanager
def stranger(folder: Path) -> Iterator[Path]:
    """A new folder with the module, on Python's path for as long as the context lasts."""
    folder.mkdir()
    (folder / "npz_source.py").write_text(NPZ_MODULE)
    search_in()  # whatever ran before
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield folder
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop("npz_source", None)


def install(folder: Path, package: str = "strangers", **words: str) -> None:
    """As if a package that gives addresses of data sources their words were installed in this folder."""
    installed(folder, package, "transfer_study.data_sources", **words)


def write_images(path: Path, *, per_class: int = 20, **more: np.ndarray) -> np.ndarray:
    """A file for the source, two classes in turn; its images, (N, 8, 10, 3) uint8."""
    images = np.random.default_rng(0).integers(0, 256, (2 * per_class, 8, 10, 3), dtype=np.uint8)
    labels = np.arange(2 * per_class) % 2
    held: dict[str, Any] = {"images": images, "labels": labels, "classes": np.array(["day", "night"]), **more}
    np.savez(path, **held)
    return images
