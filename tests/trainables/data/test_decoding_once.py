"""Opening a data set with the sizes that will be wanted decodes each image once, and gives the same images."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image, ImageFile

from tests.support.pictures import image_folder, picture, save
from trainables.cache import cache_dir
from trainables.data import image_cache
from trainables.data.dataset import Dataset, open_dataset
from trainables.data.digits import DigitsData
from trainables.data.folders import FolderData
from trainables.data.images import FilePicture, decode_once, pixels
from trainables.data.splits import SPLITS

pytestmark = pytest.mark.usefixtures("own_cache")
SIZES = ((6, 10), (9, 5))


@pytest.fixture
def root(tmp_path) -> Path:
    return image_folder(tmp_path / "pets")


@pytest.fixture
def decodes(monkeypatch) -> Counter[str]:
    """How often Pillow decoded the pixels of each file: counted in Pillow, where nothing here can go past."""
    counts: Counter[str] = Counter()
    load_prepare = ImageFile.ImageFile.load_prepare

    def counted(self):
        counts[str(self.filename)] += 1
        return load_prepare(self)

    monkeypatch.setattr(ImageFile.ImageFile, "load_prepare", counted)
    return counts


def content(dataset: Dataset) -> dict[tuple[str, tuple[int, int]], np.ndarray]:
    return {(split, size): np.array(dataset.images(split, size)) for split in SPLITS for size in SIZES}


def the_same_in_another_cache(config, tmp_path, monkeypatch) -> Dataset:
    """Opened without sizes, so that every size is decoded by itself."""
    monkeypatch.setenv("TRANSFER_STUDY_CACHE", str(tmp_path / "another"))
    return open_dataset(config)


def assert_the_same(dataset: Dataset, reference: Dataset) -> None:
    found, expected = content(dataset), content(reference)
    for key, images in expected.items():
        np.testing.assert_array_equal(found[key], images)
    assert dataset.facts == reference.facts
    assert dataset.fingerprint(SIZES) == reference.fingerprint(SIZES)


def test_every_file_is_decoded_once_for_facts_and_all_sizes(root, decodes):
    dataset = open_dataset(FolderData(path=str(root)), SIZES)
    content(dataset)
    dataset.fingerprint(SIZES)
    assert len(decodes) == sum(map(len, dataset.splits.values()))
    assert set(decodes.values()) == {1}


def test_the_images_facts_and_fingerprint_are_those_of_decoding_for_each_size(root, tmp_path, monkeypatch):
    config = FolderData(path=str(root))
    once = open_dataset(config, SIZES)
    kept = content(once)
    assert kept
    assert_the_same(once, the_same_in_another_cache(config, tmp_path, monkeypatch))


def test_images_that_are_divided_here_are_kept_in_the_order_of_their_split(tmp_path, decodes, monkeypatch):
    root = tmp_path / "undivided"
    for number in range(12):
        for name in ("cat", "dog"):
            save(root / name / f"{number}.png", picture(10 * number + len(name) + ord(name[0])))
    config = FolderData(path=str(root))
    once = open_dataset(config, SIZES)
    content(once)
    assert set(decodes.values()) == {1}
    assert_the_same(once, the_same_in_another_cache(config, tmp_path, monkeypatch))


def test_images_in_memory_are_the_same_as_well(tmp_path, monkeypatch):
    config = DigitsData(train_per_class=3, valid_per_class=2)
    once = open_dataset(config, SIZES)
    content(once)
    assert_the_same(once, the_same_in_another_cache(config, tmp_path, monkeypatch))


def test_a_jpeg_that_pillow_decodes_smaller_is_decoded_again_and_stays_the_same_image(tmp_path, decodes, monkeypatch):
    root = tmp_path / "photos"
    for seed, (split, name) in enumerate((split, name) for split in SPLITS for name in ("cat", "dog")):
        for number in range(3):
            save(root / split / name / f"{number}.jpg", picture(7 * seed + number, (64, 80)))
    config = FolderData(path=str(root))
    once = open_dataset(config, SIZES)  # at 6 x 10 a quarter of 64 x 80 is still twice as large
    content(once)
    assert set(decodes.values()) == {3}
    assert_the_same(once, the_same_in_another_cache(config, tmp_path, monkeypatch))


def test_where_one_is_unreadable_nothing_is_kept_but_what_is_readable_in_the_end(root, tmp_path, monkeypatch):
    (root / "train/cat/00.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    config = FolderData(path=str(root), skip_corrupt=True)
    once = open_dataset(config, SIZES)
    assert once.skipped == ("train/cat/00.png",)
    assert not list((cache_dir() / "images").glob("*.npy"))
    content(once)
    assert_the_same(once, the_same_in_another_cache(config, tmp_path, monkeypatch))


def test_what_was_kept_is_left_as_it_is_when_the_data_set_is_opened_again(root, decodes):
    content(open_dataset(FolderData(path=str(root)), SIZES))
    files = {path: path.stat().st_mtime_ns for path in (cache_dir() / "images").glob("*.npy")}
    assert len(files) == len(SPLITS) * len(SIZES)
    decodes.clear()
    content(open_dataset(FolderData(path=str(root)), SIZES))
    assert not decodes
    assert {path: path.stat().st_mtime_ns for path in (cache_dir() / "images").glob("*.npy")} == files


def test_the_second_of_two_studies_that_start_together_decodes_nothing(root, decodes, monkeypatch):
    """The first opens the data set while the second waits for its first lock."""
    locks: list[Path] = []

    def after_the_first(path):
        locks.append(Path(path))
        if len(locks) == 1:
            content(open_dataset(FolderData(path=str(root)), SIZES))
            decodes.clear()
        return FileLock(path)

    monkeypatch.setattr(image_cache, "FileLock", after_the_first)
    second = open_dataset(FolderData(path=str(root)), SIZES)
    content(second)
    assert locks
    assert not decodes


def test_images_that_another_study_makes_while_their_lock_is_waited_for_are_left_as_they_are(root, monkeypatch):
    """It has decoded the validation images alone, at one size."""
    config = FolderData(path=str(root))
    made: list[Path] = []

    def after_another(path):
        if Path(path).parent.name == "images" and not made:
            made.append(Path(path))
            reference.images("valid", SIZES[0])
            made.extend((cache_dir() / "images").glob("*.npy"))
            times.extend(one.stat().st_ino for one in made[1:])
        return FileLock(path)

    times: list[int] = []
    reference = open_dataset(config)
    for path in (cache_dir() / "facts").iterdir():
        path.unlink()
    monkeypatch.setattr(image_cache, "FileLock", after_another)
    open_dataset(config, SIZES)
    assert len(made) == 2
    assert [one.stat().st_ino for one in made[1:]] == times


def test_results_that_wait_in_memory_are_no_more_than_their_bytes_allow(root, monkeypatch):
    asked: list[int] = []
    in_parallel = image_cache._in_parallel

    def counted(work, pictures, block):
        asked.append(block)
        return in_parallel(work, pictures, block)

    monkeypatch.setattr(image_cache, "_in_parallel", counted)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    open_dataset(FolderData(path=str(root)), [(1000, 1000)])
    assert asked == [2**28 // 3_000_000]


def test_a_picture_turned_by_its_orientation_is_turned_at_every_size(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.jpg"
    picture(1, (200, 120)).save(path, exif=exif)
    source = FilePicture(path)
    seen = decode_once(source, [(40, 60), (10, 12)])
    for size, found in seen.resized.items():
        np.testing.assert_array_equal(found, pixels(source, size))
