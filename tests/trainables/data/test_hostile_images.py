"""Images that are odd, damaged or made to harm: each is read as expected, or refused by name in one line."""

from __future__ import annotations

import io
import os
import shutil
import socket
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tests.support.pictures import class_folders, image_folder, picture, save
from trainables.data.config import Contents
from trainables.data.dataset import Dataset, open_dataset
from trainables.data.description import describe
from trainables.data.folders import FolderData
from trainables.data.images import ArrayPicture, FilePicture, pixels
from trainables.data.splits import SplitIndex
from trainables.errors import DataError

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def root(tmp_path) -> Path:
    return image_folder(tmp_path / "pets")


def opened(root: Path, **options: object) -> Dataset:
    return open_dataset(FolderData.model_validate({"path": str(root), **options}))


def refusal(root: Path, **options: object) -> str:
    """The one line with which a folder is refused."""
    with pytest.raises(DataError) as caught:
        opened(root, **options).check()
    assert len(str(caught.value)) <= 300
    assert str(caught.value).isprintable()
    return str(caught.value)


def written(image: Image.Image, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format=form, **options)
    return stream.getvalue()


def png(width: int, height: int, rows: bytes = b"", *, depth: int = 8, colour: int = 0) -> bytes:
    """A PNG file by its definition: header, pixels, end."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def pipe(path: Path) -> None:
    os.mkfifo(path)


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        here = os.open(path.parent, os.O_RDONLY)  # a socket's path may have 107 bytes
        try:
            made.bind(f"/proc/self/fd/{here}/{path.name}")
        finally:
            os.close(here)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [pipe, listening, device])
def test_a_pipe_a_socket_or_a_device_is_refused_and_never_waited_for(root, make):
    make(root / "train" / "cat" / "x.png")
    assert refusal(root).startswith(
        f"{root}/train/cat/x.png: not a readable image (a pipe, socket or device, not a file); mend the files"
    )
    assert opened(root, skip_corrupt=True).skipped == ("train/cat/x.png",)


@pytest.mark.parametrize("make", [pipe, listening, device])
def test_a_pipe_that_is_not_called_an_image_is_left_out(root, make):
    make(root / "train" / "cat" / "x")
    (left,) = describe(opened(root)).left_out
    assert (left.why, left.first) == ("no images", "train/cat/x")


BOMB = (b"\0" * 10_001) * 10_000
DAMAGED: dict[str, tuple[Callable[[], bytes], str]] = {
    "of no bytes": (lambda: b"", "in no image format that is read here"),
    "a header alone": (lambda: png(10, 10)[:33], ""),
    "of more pixels than Pillow takes": (lambda: png(10_000, 10_000, BOMB), "more than 89 million pixels"),
    "of many more": (lambda: png(2**31 - 1, 2**31 - 1), "more than 89 million pixels"),
    "cut short, JPEG": (lambda: written(picture(1, (200, 200)), "JPEG")[:-4000], "image file is truncated"),
    "cut short, PNG": (lambda: written(picture(1, (200, 200)), "PNG")[:-4000], ""),
    "cut short, GIF": (lambda: written(picture(1, (200, 200)), "GIF")[:-4000], ""),
    "cut short, WebP": (lambda: written(picture(1, (200, 200)), "WEBP")[:-2000], ""),
    "cut short, TIFF": (lambda: written(picture(1, (200, 200)), "TIFF")[:-4000], ""),
    "cut short, BMP": (lambda: written(picture(1, (200, 200)), "BMP")[:-4000], ""),
    "PostScript": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "in no image format that is read"),
    "an icon": (lambda: written(picture(1, (16, 16)), "ICO"), "in no image format that is read here"),
    "HTML": (lambda: b"<html>sign in</html>", "in no image format that is read here"),
    "float pixels": (lambda: written(Image.new("F", (4, 4)), "TIFF"), "32-bit pixels, mode F, have no agreed range"),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_what_cannot_be_read_is_refused_by_name_and_can_be_left_out(root, kind):
    make, why = DAMAGED[kind]
    (root / "train" / "cat" / "x.png").write_bytes(make())
    assert refusal(root).startswith(f"{root}/train/cat/x.png: not a readable image ({why}")
    dataset = opened(root, skip_corrupt=True)
    dataset.check()
    assert dataset.skipped == ("train/cat/x.png",)


def frames(form: str, **options: object) -> bytes:
    return written(picture(1), form, save_all=True, append_images=[picture(2), picture(3)], **options)


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return written(picture(1).transpose(Image.Transpose.ROTATE_90), "PNG", exif=exif)


ODD: dict[str, tuple[Callable[[], bytes], Callable[[], Image.Image]]] = {
    "of one pixel": (lambda: png(1, 1, b"\0\x80"), lambda: Image.new("RGB", (1, 1), (128, 128, 128))),
    "very wide": (lambda: png(100_000, 1, bytes(100_001)), lambda: Image.new("RGB", (100_000, 1))),
    "very high": (lambda: png(1, 100_000, bytes(200_000)), lambda: Image.new("RGB", (1, 100_000))),
    "animated, PNG": (lambda: frames("PNG"), lambda: picture(1)),
    "animated, WebP": (lambda: frames("WEBP", lossless=True), lambda: picture(1)),
    "of several pages": (lambda: frames("TIFF"), lambda: picture(1)),
    "animated, GIF": (
        lambda: frames("GIF"),
        lambda: Image.open(io.BytesIO(written(picture(1), "GIF"))),
    ),
    "CMYK": (
        lambda: written(picture(1).convert("CMYK"), "TIFF"),
        lambda: picture(1).convert("CMYK"),
    ),
    "with a palette": (lambda: written(picture(1).convert("P"), "PNG"), lambda: picture(1).convert("P")),
    "see-through": (lambda: written(picture(1).convert("RGBA"), "PNG"), lambda: picture(1)),
    "gray and see-through": (lambda: written(picture(1).convert("LA"), "PNG"), lambda: picture(1).convert("L")),
    "black and white": (lambda: written(picture(1).convert("1"), "PNG"), lambda: picture(1).convert("1")),
    "turned": (turned, lambda: picture(1)),
    "of another format than its name says": (lambda: written(picture(1), "BMP"), lambda: picture(1)),
}


@pytest.mark.parametrize("kind", ODD)
def test_what_is_merely_odd_is_read_as_people_see_it(tmp_path, kind):
    """Of several pictures the first."""
    make, seen = ODD[kind]
    (tmp_path / "x.png").write_bytes(make())
    assert np.array_equal(pixels(FilePicture(tmp_path / "x.png")), np.asarray(seen().convert("RGB")))
    assert pixels(FilePicture(tmp_path / "x.png"), (30, 40)).shape == (30, 40, 3)


def sixteen_bits(root: Path, lowest: int, highest: int, *, colour: bool = False) -> Path:
    """A data set of 16-bit PNGs with these values; every pixel its own, so that no two images are the same."""
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        for number in range(20):
            values = rng.integers(lowest, highest, (8, 9 * (3 if colour else 1)), endpoint=True)
            values[0, :2] = lowest, highest
            rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
            path = root / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(9, 8, rows, depth=16, colour=2 if colour else 0))
    return root


@pytest.mark.parametrize(
    ("lowest", "highest", "greys"), [(1000, 1300, 3), (0, 4095, 16), (0, 1023, 4), (40_000, 41_000, 5)]
)
def test_16_bit_images_of_which_few_greys_would_be_left_are_refused_with_their_range(tmp_path, lowest, highest, greys):
    root = sixteen_bits(tmp_path / "scans", lowest, highest)
    message = refusal(root, allow_duplicates=True)
    assert f"16-bit images have values from {lowest:,} to {highest:,} only, {greys} of the 256 greys" in message
    assert (
        f"16-bit images with values from {lowest:,} to {highest:,} of 65,535, scaled to 8 bits"
        in describe(opened(root)).oddities
    )


def test_16_bit_colour_is_judged_by_what_is_left_of_it(tmp_path):
    assert "16-bit images have values from" in refusal(
        sixteen_bits(tmp_path / "scans", 1000, 1300, colour=True), allow_duplicates=True
    )


@pytest.mark.parametrize(("lowest", "highest"), [(0, 65_535), (0, 16_383), (20_000, 50_000)])
def test_16_bit_images_that_use_their_bits_are_read(tmp_path, lowest, highest):
    dataset = opened(sixteen_bits(tmp_path / "scans", lowest, highest))
    dataset.check()
    assert dataset.depth == (lowest, highest)


def test_the_range_of_16_bit_images_is_that_of_all_together(tmp_path):
    """A dark slice among bright ones is no reason to refuse."""
    root = sixteen_bits(tmp_path / "scans", 0, 65_535)
    Image.fromarray(np.full((8, 9), 12, dtype=np.uint16)).save(root / "cat" / "dark.png")
    opened(root).check()


def test_images_of_8_bits_have_no_depth_to_speak_of(root):
    assert opened(root).depth is None
    assert describe(opened(root)).oddities == []


@pytest.mark.parametrize("size", [(100_000, 100_000), (0, 10), (-32, 32), (10**400, 1)])
def test_sizes_that_nothing_can_be_resized_to_are_refused(root, size):
    with pytest.raises(DataError, match="images cannot be resized to") as caught:
        opened(root).images("train", size)
    assert len(str(caught.value)) <= 300


def test_images_that_do_not_fit_the_disk_are_refused_before_they_are_decoded(root, monkeypatch):

    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1))
    with pytest.raises(DataError, match=r"8 images of 9000 x 9000 pixels take 1\.9 GB, and 0\.0 are free; lower"):
        opened(root).images("train", (9000, 9000))


def index(labels: np.ndarray) -> SplitIndex:
    blank = ArrayPicture(np.zeros((1, 1), dtype=np.uint8), "blank")
    names = tuple(f"{i}" for i in range(len(labels)))
    return SplitIndex(names, labels, (blank,) * len(names))


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        (np.array([500_000, 700_000, 900_000]), "label 500000, but 3 classes"),
        (np.array([0, 10_000, 20_000]), "label 10000, but 3 classes"),
        (np.array([0, -1, 1]), "label -1, but 3 classes"),
        (np.array([0, 2**63], dtype=np.uint64), "label 9223372036854775808, but 3 classes"),
        (np.array([0.0, 1e19, 1.0]), "labels of shape (3,) and type float64"),
        (np.array([0, np.inf, 1]), "labels of shape (3,) and type float64"),
        (np.array(["a", "b", "c"]), "labels of shape (3,) and type <U1"),
        (np.array([[0], [1], [2]]), "labels of shape (3, 1) and type int64"),
        (np.array([0, None, 1], dtype=object), "labels of shape (3,) and type object"),
        (np.array([True, False, True]), "labels of shape (3,) and type bool"),
    ],
)
def test_labels_of_a_source_that_are_no_indices_of_its_classes_are_refused(labels, problem):
    with pytest.raises(DataError) as caught:
        Contents("shoe box", ("a", "b", "c"), {"train": index(labels)})
    assert problem in str(caught.value)
    assert str(caught.value).endswith("; mend `read` of the source")


@pytest.mark.parametrize("classes", [("a", "caf\udce9", "c"), ("a", "b", "\ud800")])
def test_names_of_a_source_that_are_not_utf8_are_refused_as_no_record_could_hold_them(classes):
    with pytest.raises(DataError, match=r"the name '(caf\\xe9|\\ud800)' is not UTF-8; mend"):
        Contents("shoe box", classes, {"train": index(np.array([0, 1, 2]))})


def test_a_data_set_of_odd_images_alone_is_read(tmp_path):
    root = class_folders(tmp_path / "odd", {"cat": 9, "dog": 9})
    for number, (make, _) in enumerate(ODD.values()):
        path = save(root / "cat" / f"odd{number}.png", 0)
        path.write_bytes(make())
    opened(root, allow_duplicates=True).check()
