"""Small picture files for the tests: each seed another picture."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

THREE_SPLITS = {"train": 4, "valid": 2, "test": 3}


def picture(seed: int, size: tuple[int, int] = (12, 20)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8))


def save(path: Path, seed: int, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture(seed).save(path, **options)
    return path


def image_folder(
    root: Path, splits: Mapping[str, int] = THREE_SPLITS, classes: tuple[str, ...] = ("cat", "dog")
) -> Path:
    """`root`/<split>/<class>/<number>.png, so many in each class of each split."""
    seed = 0
    for split, count in splits.items():
        for name in classes:
            for number in range(count):
                save(root / split / name / f"{number:02d}.png", seed := seed + 1)
    return root


def class_folders(root: Path, counts: Mapping[str, int]) -> Path:
    """`root`/<class>/<number>.png."""
    seed = 0
    for name, count in counts.items():
        for number in range(count):
            save(root / name / f"{number:03d}.png", seed := seed + 1)
    return root
