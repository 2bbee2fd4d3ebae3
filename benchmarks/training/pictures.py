"""Photographs that nobody took: smooth colours and some noise, 240 x 800 like those of the seed study.

The lab's way reads them from JPEG files in folders, one a class; the others have them in memory at the size they need,
as this program does after it has decoded them once.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.training.cases import CLASSES

ORIGINAL = (240, 800)
DISTINCT, TIMES = 256, 8  # files that differ, and how often each stands there: an epoch is longer than what is measured


def write(folder: Path, sizes: Iterable[tuple[int, int]], *, distinct: int = DISTINCT, times: int = TIMES) -> None:
    """Write the files, and an array for each size."""
    rng = np.random.default_rng(0)
    pictures = [_picture(rng, number % CLASSES) for number in range(distinct)]
    for number, picture in enumerate(pictures):
        home = folder / "files" / f"class-{number % CLASSES:02d}"
        home.mkdir(parents=True, exist_ok=True)
        path = home / f"{number:04d}-0.jpg"
        picture.save(path, quality=90)
        for copy in range(1, times):
            (home / f"{number:04d}-{copy}.jpg").hardlink_to(path)
    for height, width in set(sizes):
        small = [np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR)) for picture in pictures]
        np.save(array_path(folder, (height, width)), np.tile(np.stack(small), (times, 1, 1, 1)))


def read(folder: Path, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """(N, H, W, 3) uint8 images and (N,) int64 labels."""
    images = np.load(array_path(folder, size))
    distinct = len(set((folder / "files").glob("*/*-0.jpg")))
    return images, np.tile(np.arange(distinct) % CLASSES, len(images) // distinct)


def array_path(folder: Path, size: tuple[int, int]) -> Path:
    return folder / f"{size[0]}x{size[1]}.npy"


def _picture(rng: np.random.Generator, label: int) -> Image.Image:
    """Smooth colours of which a class prefers one, with noise on them."""
    coarse = rng.integers(0, 256, (6, 20, 3)).astype(np.uint8)
    coarse[..., label % 3] //= 1 + label // 3
    smooth = Image.fromarray(coarse).resize(ORIGINAL[::-1], Image.Resampling.BICUBIC)
    noisy = np.asarray(smooth) + rng.normal(0, 8, (*ORIGINAL, 3))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
