"""From one picture to a uint8 array: decoded, upright, RGB, resized.

A file is handed to Pillow's readers of photographs and drawings alone, whatever its name: some of the others start
programs (Encapsulated PostScript). Of animations and stacks the first picture is read.
"""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from trainables.errors import cause, shown

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "JPEG2000", "AVIF")
RAW = frozenset({".arw", ".cr2", ".cr3", ".dng", ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2", ".srw"})
MOST_PIXELS = Image.MAX_IMAGE_PIXELS or 89_478_485
# Pillow opens a picture of up to twice that with a warning, and 64 threads would take 34 GB for them.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


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
        if not stat.S_ISREG(os.stat(self.path).st_mode):  # to read a pipe is to wait for ever
            raise ValueError("a pipe, socket or device, not a file")
        if self.path.suffix.lower() in RAW:  # Pillow would take the thumbnail in it
            raise ValueError("a raw photograph; develop it into a JPEG or PNG file")
        return Image.open(self.path, formats=FORMATS)

    def stamp(self) -> str:
        try:
            found = self.path.stat()
        except OSError:
            return f"{self.path.absolute()}|missing"
        return f"{self.path.absolute()}|{found.st_size}|{found.st_mtime_ns}"

    def __str__(self) -> str:
        return shown(self.path)


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
            _draft(image, size)
        rgb = _rgb(ImageOps.exif_transpose(image))
        return np.asarray(rgb) if size is None else _resized(rgb, size)


@dataclass(frozen=True, eq=False)
class Decoded:
    """One picture, decoded once.

    Attributes:
        own: (H, W, 3) uint8 at its own size, as by `pixels`.
        depth: the lowest and highest value, where it has 16 bits for each.
        resized: the same as `pixels` gives at each size that was asked for.
    """

    own: np.ndarray
    depth: tuple[int, int] | None
    resized: dict[tuple[int, int], np.ndarray]


def decode_once(picture: Picture, sizes: Sequence[tuple[int, int]] = ()) -> Decoded:
    """Decode a picture for its own size and for these, (height, width).

    A large JPEG is decoded again where `pixels` would decode it at a half or less: what comes of that is another image.

    Raises:
        Exception: as `pixels`.
    """
    with picture.open() as image:
        reduced = {size for size in sizes if isinstance(image, JpegImageFile) and _is_reduced(picture, size)}
        depth = _depth(image)
        rgb = _rgb(ImageOps.exif_transpose(image))
        resized = {size: pixels(picture, size) if size in reduced else _resized(rgb, size) for size in sizes}
        return Decoded(np.asarray(rgb), depth, resized)


def reason(error: Exception) -> str:
    """Why `pixels` failed, in a few words."""
    if isinstance(error, UnidentifiedImageError):
        return "in no image format that is read here"
    if isinstance(error, Image.DecompressionBombWarning | Image.DecompressionBombError):
        return f"more than {MOST_PIXELS / 1e6:.0f} million pixels, which Pillow takes for a bomb; make it smaller"
    return shown(cause(error), 80)


def _is_reduced(picture: Picture, size: tuple[int, int]) -> bool:
    """Whether Pillow decodes it smaller than it is, for this size; reads its beginning."""
    with picture.open() as image:
        own = image.size
        _draft(image, size)
        return image.size != own


def _draft(image: Image.Image, size: tuple[int, int]) -> None:
    image.draft(None, _as_stored(image, (2 * size[1], 2 * size[0])))


def _resized(rgb: Image.Image, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(rgb.resize((size[1], size[0]), Image.Resampling.BILINEAR))


def _as_stored(image: Image.Image, upright: tuple[int, int]) -> tuple[int, int]:
    """(width, height) before the orientation is applied, which swaps them where it turns the picture by 90 degrees."""
    turned = image.getexif().get(ExifTags.Base.Orientation) in (5, 6, 7, 8)
    return upright[::-1] if turned else upright


def _depth(image: Image.Image) -> tuple[int, int] | None:
    """The range of a picture of 16 bits a value. Of one in colour Pillow keeps 8 bits, so its range is a rough one."""
    if image.mode.startswith("I;16"):
        values = np.asarray(image)
        return int(values.min()), int(values.max())
    if any(";16" in str(tile[3]) for tile in getattr(image, "tile", ())):
        ranges = [channel for channel in image.convert("RGB").getextrema() if isinstance(channel, tuple)]
        return int(257 * min(low for low, _ in ranges)), int(257 * max(high for _, high in ranges))
    return None


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):  # Pillow would clip at 255
        return Image.fromarray((np.asarray(image) // 257).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise ValueError(f"32-bit pixels, mode {image.mode}, have no agreed range")
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert("RGB")
