"""Small image folders: each class a colour, each image different noise."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {"red": (200, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 200)}
SPLITS = {"train": 8, "valid": 4, "test": 6}


def photo(path: Path, colour: tuple[int, int, int], seed: int) -> Path:
    """One 32 x 32 picture: mostly of its colour, now and then of none."""
    rng = np.random.default_rng(seed)
    strength = rng.uniform(0, 1.2)
    pixels = 128 + strength * (np.array(colour) - 128) + rng.normal(0, 60, (32, 32, 3))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
    return path


def image_folder(
    root: Path, splits: Mapping[str, int] = SPLITS, classes: tuple[str, ...] = ("red", "green", "blue")
) -> Path:
    """`root`/<split>/<class>/<group>_<number>.png, so many of each class in each split, two to a group."""
    seed = start = 0
    for split, count in splits.items():
        for name in classes:
            for number in range(start, start + count):  # counted on, so that no group is in two splits
                seed += 1
                photo(root / split / name / f"{name}{number // 2}_{number}.png", COLOURS[name], seed)
        start += count
    return root
