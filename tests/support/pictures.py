"""Small picture files for the tests: noise, each seed another picture, and photos whose colour tells their class."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

THREE_SPLITS = {"train": 4, "valid": 2, "test": 3}
COLOURS = {"red": (200, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 200)}
PHOTO_SPLITS = {"train": 8, "valid": 4, "test": 6}  # of each colour


def picture(seed: int, size: tuple[int, int] = (12, 20)) -> Image.Image:
    """Noise."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8))


def photo(colour: tuple[int, int, int], seed: int) -> Image.Image:
    """32 x 32 pixels mostly of a colour, now and then of none."""
    rng = np.random.default_rng(seed)
    strength = rng.uniform(0, 1.2)
    pixels = 128 + strength * (np.array(colour) - 128) + rng.normal(0, 60, (32, 32, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def save(path: Path, image: int | Image.Image) -> Path:
    """Write an image, or the picture of a seed, into a folder that need not be there yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    (picture(image) if isinstance(image, int) else image).save(path)
    return path


def image_folder(
    root: Path, splits: Mapping[str, int] = THREE_SPLITS, classes: tuple[str, ...] = ("cat", "dog")
) -> Path:
    """`root`/<split>/<class>/<number>.png, so many pictures in each class of each split."""
    seed = 0
    for split, count in splits.items():
        for name in classes:
            for number in range(count):
                save(root / split / name / f"{number:02d}.png", seed := seed + 1)
    return root


def photo_folder(root: Path, classes: tuple[str, ...] = tuple(COLOURS)) -> Path:
    """`root`/<split>/<class>/<group>_<number>.png, the photos of each colour, two to a group."""
    seed = start = 0
    for split, count in PHOTO_SPLITS.items():
        for name in classes:
            for number in range(start, start + count):  # counted on, so that no group is in two splits
                seed += 1
                save(root / split / name / f"{name}{number // 2}_{number}.png", photo(COLOURS[name], seed))
        start += count
    return root


def digit_folder(root: Path, splits: Mapping[str, int]) -> Path:
    """`root`/<split>/<digit>/<number>.png: scikit-learn's handwritten digits, so many of each in each split."""
    digits = load_digits()
    for label in range(10):
        images = iter(digits.images[digits.target == label])
        for split, count in splits.items():
            for number in range(count):
                save(
                    root / split / str(label) / f"{number:02d}.png",
                    Image.fromarray((next(images) * 15).astype(np.uint8)),
                )
    return root


def class_folders(root: Path, counts: Mapping[str, int]) -> Path:
    """`root`/<class>/<number>.png."""
    seed = 0
    for name, count in counts.items():
        for number in range(count):
            save(root / name / f"{number:03d}.png", seed := seed + 1)
    return root
