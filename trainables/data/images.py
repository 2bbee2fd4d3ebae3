"""From one picture to a uint8 array: decoded, upright, RGB, resized."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError


class Picture(Protocol):
    """Where one picture comes from; `str` names it for people."""

    def open(self) -> Image.Image: ...

    def stamp(self) -> str:
        """Changes when the picture changes; cheap, so not by reading it."""


@dataclass(frozen=True)
class FilePicture:
    """A picture in a file of its own."""

    path: Path

    def open(self) -> Image.Image:
        return Image.open(self.path)

    def stamp(self) -> str:
        try:
            found = self.path.stat()
        except OSError:
            return f"{self.path.absolute()}|missing"
        return f"{self.path.absolute()}|{found.st_size}|{found.st_mtime_ns}"

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, eq=False)
class ArrayPicture:
    """A picture in memory: (H, W) uint8 gray, or (H, W, 3) uint8 RGB."""

    array: np.ndarray
    name: str

    def open(self) -> Image.Image:
        return Image.fromarray(self.array)

    def stamp(self) -> str:
        return self.array.tobytes().hex()

    def __str__(self) -> str:
        return self.name


def pixels(picture: Picture, size: tuple[int, int] | None = None) -> np.ndarray:
    """Decode a picture, turn it upright by its EXIF orientation, and resize it.

    Args:
        size: (height, width), reached by Pillow's bilinear filter, which averages over all source pixels when it
            shrinks; None for the picture's own size. A large JPEG is decoded at a half, a quarter or an eighth, as long
            as that is at least twice `size`, where the difference is hardly visible (`reducing_gap` in Pillow's
            documentation).

    Returns:
        (H, W, 3) uint8, RGB. Transparency is dropped, 16-bit gray scaled to 8 bits.

    Raises:
        Exception: whatever Pillow raises for files that are damaged, cut short or no picture; see `reason`.
    """
    with picture.open() as image:
        if size is not None:
            image.draft(None, _as_stored(image, (2 * size[1], 2 * size[0])))
        rgb = _rgb(ImageOps.exif_transpose(image))
        if size is not None:
            rgb = rgb.resize((size[1], size[0]), Image.Resampling.BILINEAR)
        return np.asarray(rgb)


def reason(error: Exception) -> str:
    """Why `pixels` failed, in a few words."""
    if isinstance(error, UnidentifiedImageError):
        return "in no image format that Pillow knows"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).splitlines() or [type(error).__name__])[0]


def _as_stored(image: Image.Image, upright: tuple[int, int]) -> tuple[int, int]:
    """(width, height) before the orientation is applied, which swaps them where it turns the picture by 90 degrees."""
    turned = image.getexif().get(ExifTags.Base.Orientation) in (5, 6, 7, 8)
    return upright[::-1] if turned else upright


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):  # Pillow would clip at 255
        return Image.fromarray((np.asarray(image) // 257).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise ValueError(f"32-bit pixels, mode {image.mode}, have no agreed range")
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert("RGB")
