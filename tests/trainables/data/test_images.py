"""From files to arrays: decoding against plain Pillow, the cache on disk, the fingerprint."""

import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image

from tests.support.pictures import image_folder, picture, save
from trainables.cache import cache_dir
from trainables.data import image_cache
from trainables.data.dataset import open_dataset
from trainables.data.folders import FolderData
from trainables.data.images import ArrayPicture, FilePicture, decode_once, pixels
from trainables.errors import DataError

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def root(tmp_path) -> Path:
    return image_folder(tmp_path / "pets")


@pytest.fixture
def decodings(monkeypatch) -> list[str]:
    """The names of the pictures decoded so far."""
    seen: list[str] = []

    for function in (pixels, decode_once):

        def counted(source, *size, function=function):
            seen.append(str(source))
            return function(source, *size)

        monkeypatch.setattr(image_cache, function.__name__, counted)
    return seen


def opened(root: Path, **options):
    return open_dataset(FolderData(path=str(root), **options))


def smooth(height: int, width: int) -> Image.Image:
    """A picture that JPEG keeps well."""
    y, x = np.mgrid[0:height, 0:width]
    channels = np.stack([255 * x / width, 255 * y / height, 127 * (1 + np.sin(x / 40 + y / 30))], axis=-1)
    return Image.fromarray(channels.astype(np.uint8))


def test_images_are_resized_as_pillow_does(root):
    (first, *_) = opened(root).images("train", (5, 9))
    assert np.array_equal(first, np.asarray(picture(1).resize((9, 5), Image.Resampling.BILINEAR)))


def test_images_at_their_own_size_are_the_pixels_of_the_file(root):
    assert np.array_equal(opened(root).images("train", (12, 20))[0], np.asarray(picture(1)))


def test_a_large_jpeg_decoded_at_a_fraction_looks_like_the_full_one_resized(tmp_path):
    path = tmp_path / "a.jpg"
    smooth(480, 1600).save(path, quality=95)
    full = np.asarray(Image.open(path).resize((100, 30), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(pixels(FilePicture(path), (30, 100)) - full).max() <= 3


@pytest.mark.parametrize("suffix", ["jpg", "png"])
@pytest.mark.parametrize("size", [None, (20, 10)])
def test_a_photograph_taken_upright_is_turned_upright(tmp_path, suffix, size):
    upright, path = smooth(160, 80), tmp_path / f"a.{suffix}"
    exif = Image.Exif()
    exif[0x0112] = 6  # "rotate by 90 degrees clockwise to show"
    options: dict[str, Any] = {"quality": 95} if suffix == "jpg" else {}
    upright.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, **options)
    expected = upright if size is None else upright.resize(size[::-1], Image.Resampling.BILINEAR)
    found = pixels(FilePicture(path), size).astype(int)
    assert np.abs(found - np.asarray(expected)).mean() < 4


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA", "CMYK"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    picture(1).convert(mode).save(path)
    assert np.array_equal(pixels(FilePicture(path)), np.asarray(picture(1).convert(mode).convert("RGB")))


def test_a_palette_with_transparency_keeps_its_colours(tmp_path):
    path = tmp_path / "a.png"
    picture(1).convert("P").save(path, transparency=bytes(range(256)))
    assert np.array_equal(pixels(FilePicture(path)), np.asarray(picture(1).convert("P").convert("RGB")))


def test_sixteen_bit_gray_is_scaled_not_clipped(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.array([[0, 257, 32896, 65535]], dtype=np.uint16)).save(path)
    assert pixels(FilePicture(path))[0, :, 0].tolist() == [0, 1, 128, 255]


def test_pixels_without_an_agreed_range_are_refused(root):
    Image.fromarray(np.ones((4, 4), dtype=np.float32)).save(root / "train" / "cat" / "a.tif")
    with pytest.raises(DataError, match="32-bit pixels, mode F, have no agreed range"):
        opened(root)


@given(npst.arrays(np.uint8, npst.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9)), st.integers(1, 12))
def test_resizing_never_leaves_the_range_of_the_picture(gray, side):
    found = pixels(ArrayPicture(gray, "gray"), (side, side))
    assert found.shape == (side, side, 3)
    assert gray.min() <= found.min() <= found.max() <= gray.max()


def test_images_are_read_only(root):
    images = opened(root).images("train", (6, 10))
    assert images.dtype == np.uint8
    with pytest.raises(ValueError, match="read-only"):
        images[0] = 0


def test_the_same_images_are_the_same_object_so_that_an_object_store_keeps_them_once(root):
    dataset = opened(root)
    images = dataset.images("train", (6, 10))
    assert type(images) is np.ndarray
    assert dataset.images("train", (6, 10)) is images


def test_images_are_decoded_once_for_each_size(root, decodings):
    first = opened(root)
    assert len(decodings) == 18, "opening looks at every image"
    first.images("train", (6, 10))
    assert len(decodings) == 18 + 8

    again = opened(root)
    assert np.array_equal(again.images("train", (6, 10)), first.images("train", (6, 10)))
    assert len(decodings) == 18 + 8
    again.images("train", (3, 5))
    assert len(decodings) == 18 + 16


def test_two_that_want_the_same_images_at_once_do_not_collide(root):
    together = threading.Barrier(3)

    def ask(_: int) -> tuple[str, bytes]:
        together.wait()
        dataset = open_dataset(FolderData(path=str(root)))
        return dataset.fingerprint([(6, 10)]), dataset.images("train", (6, 10)).tobytes()

    with ThreadPoolExecutor(3) as pool:
        answers = set(pool.map(ask, range(3)))
    assert len(answers) == 1
    assert not list(cache_dir().rglob("*.part"))
    assert len(list((cache_dir() / "images").glob("*.npy"))) == 3, "one for each split"


def test_a_changed_image_is_decoded_again(root):
    before = opened(root).images("train", (6, 10))[0].copy()
    path = save(root / "train" / "cat" / "00.png", 99)
    os.utime(path, ns=(1, 1))
    assert not np.array_equal(opened(root).images("train", (6, 10))[0], before)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: content[:50],
        lambda content: b"",
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: b"something else entirely",
    ],
)
def test_a_damaged_cache_is_made_again(root, damage, caplog):
    expected = np.array(opened(root).images("train", (6, 10)))
    (path,) = (cache_dir() / "images").glob("*.npy")
    path.write_bytes(damage(path.read_bytes()))
    assert np.array_equal(opened(root).images("train", (6, 10)), expected)
    assert "is damaged and made again" in caplog.text


@pytest.mark.parametrize("content", ["", "[1]", '{"train/cat/00.png": {"height": 3}}'])
def test_damaged_facts_are_gathered_again(root, content, caplog):
    expected = opened(root).facts
    (path,) = (cache_dir() / "facts").glob("*.json")
    path.write_text(content)
    assert opened(root).facts == expected
    assert "is damaged and made again" in caplog.text


def test_an_interrupted_decoding_leaves_nothing_behind(root, monkeypatch):
    dataset = opened(root)
    (root / "train" / "dog" / "03.png").unlink()
    with pytest.raises(DataError, match=r"03.png: became unreadable \(No such file or directory\); restore the file"):
        dataset.images("train", (6, 10))
    assert [path.suffix for path in (cache_dir() / "images").iterdir()] in ([], [".lock"])


def test_a_cache_that_cannot_be_written_is_named_with_the_mend(root, monkeypatch):
    monkeypatch.setenv("TRANSFER_STUDY_CACHE", str(root / "train" / "cat" / "00.png"))
    with pytest.raises(DataError, match=r"the cache cannot be used \(Not a directory\); .*TRANSFER_STUDY_CACHE"):
        opened(root)


def test_the_fingerprint_is_the_same_wherever_the_images_lie(root, tmp_path, monkeypatch):
    first = opened(root).fingerprint([(6, 10), (3, 5)])
    shutil.copytree(root, tmp_path / "elsewhere", copy_function=shutil.copyfile)
    monkeypatch.setenv("TRANSFER_STUDY_CACHE", str(tmp_path / "other cache"))
    assert opened(tmp_path / "elsewhere").fingerprint([(3, 5), (6, 10), (6, 10)]) == first
    assert len(first) == 64


@pytest.mark.parametrize(
    "change",
    [
        lambda root: save(root / "test" / "cat" / "00.png", 99),
        lambda root: (root / "test" / "cat" / "00.png").rename(root / "test" / "cat" / "0.png"),
        lambda root: (root / "test" / "cat" / "00.png").rename(root / "test" / "dog" / "x.png"),
        lambda root: (root / "test" / "cat" / "00.png").rename(root / "train" / "cat" / "x.png"),
        lambda root: [(root / split / "dog").rename(root / split / "yak") for split in ("train", "valid", "test")],
    ],
    ids=["pixels", "name", "label", "split", "class"],
)
def test_the_fingerprint_changes_with_the_data(root, change):
    before = opened(root).fingerprint([(6, 10)])
    change(root)
    assert opened(root).fingerprint([(6, 10)]) != before
