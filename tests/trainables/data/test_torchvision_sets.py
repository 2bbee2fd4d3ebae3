"""Torchvision's own readers on small files in each set's own format; nothing is downloaded.

Where a reader compares MD5 sums, its check is replaced by one that the file exists.
"""

import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from torchvision import datasets

from tests.support.pictures import picture, save
from trainables.data.dataset import open_dataset
from trainables.data.torchvision_sets import TorchvisionData
from trainables.errors import DataError

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def without_md5(monkeypatch):
    for module in (datasets.cifar, datasets.flowers102, datasets.svhn):
        monkeypatch.setattr(module, "check_integrity", lambda path, md5=None: Path(path).is_file())


def opened(name: str, root: Path, **options):
    dataset = open_dataset(TorchvisionData(name=name, root=str(root), **options))
    dataset.check()
    return dataset


def refusal(name: str, root: Path) -> str:
    with pytest.raises(DataError) as caught:
        opened(name, root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def cifar10(root: Path) -> np.ndarray:
    """Ten images of each class in every one of the six batches; returns the first batch, (100, 3072)."""
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    batches = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
    content = {name: generator.integers(0, 256, (100, 3072), dtype=np.uint8) for name in batches}
    for name, data in content.items():
        (folder / name).write_bytes(pickle.dumps({"data": data, "labels": [i % 10 for i in range(100)]}))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": [f"class {i}" for i in range(10)]}))
    return content["data_batch_1"]


def fashion_mnist(root: Path) -> None:
    """IDX files (the format is described on the MNIST page): magic number, sizes, then bytes."""
    folder = root / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for name, count in (("train", 100), ("t10k", 30)):
        images = generator.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        (folder / f"{name}-images-idx3-ubyte").write_bytes(struct.pack(">4i", 2051, count, 28, 28) + images.tobytes())
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 2049, count) + labels.tobytes())


def test_cifar10_keeps_its_test_split_and_divides_valid_off(tmp_path, without_md5):
    batch = cifar10(tmp_path)
    dataset = opened("CIFAR10", tmp_path, valid_fraction=0.2)
    assert dataset.classes == tuple(f"class {i}" for i in range(10))
    assert dataset.counts == {"train": (40,) * 10, "valid": (10,) * 10, "test": (10,) * 10}
    assert dataset.splits["test"].ids[7] == "test/000007"
    assert dataset.source == "CIFAR10 of torchvision"

    where = {name: (split, i) for split in ("train", "valid") for i, name in enumerate(dataset.splits[split].ids)}
    split, i = where["train/000042"]
    assert np.array_equal(dataset.images(split, (32, 32))[i], batch[42].reshape(3, 32, 32).transpose(1, 2, 0))
    assert dataset.splits[split].labels[i] == 42 % 10


def test_fashion_mnist_is_gray_repeated_to_rgb(tmp_path):
    fashion_mnist(tmp_path)
    dataset = opened("FashionMNIST", tmp_path)
    assert dataset.classes[0] == "T-shirt/top"
    assert [len(part) for part in dataset.splits.values()] == [80, 20, 30]
    images = dataset.images("test", (28, 28))
    assert (images == images[..., :1]).all()


def test_eurosat_has_no_splits_and_is_divided(tmp_path):
    names = ["AnnualCrop", "Forest", "River"]
    for i, name in enumerate(names * 10):
        save(tmp_path / "eurosat" / "2750" / name / f"{name}_{i}.jpg", i)
    dataset = opened("EuroSAT", tmp_path)
    assert dataset.classes == tuple(names)
    assert dataset.counts == {"train": (6,) * 3, "valid": (2,) * 3, "test": (2,) * 3}
    assert dataset.splits["test"].ids[0].startswith("all/")


@pytest.mark.parametrize(("number", "mend"), [(4, "fetch the data set again"), (9, "or put its files there")])
def test_a_damaged_image_of_a_set_is_refused_with_a_mend_that_there_is(tmp_path, number, mend):
    for i in range(10):
        save(tmp_path / "eurosat" / "2750" / "Forest" / f"Forest_{i}.jpg", i)
    (tmp_path / "eurosat" / "2750" / "Forest" / f"Forest_{number}.jpg").write_bytes(b"no image")
    message = refusal("EuroSAT", tmp_path)  # the last image is opened already to see what the labels are
    assert message.endswith(mend)
    assert "skip_corrupt" not in message


def test_flowers102_keeps_its_three_splits_and_names(tmp_path, without_md5):
    folder = tmp_path / "flowers-102"
    for number in range(1, 307):
        save(folder / "jpg" / f"image_{number:05d}.jpg", number)
    savemat(folder / "imagelabels.mat", {"labels": np.arange(306) % 102 + 1})
    thirds = {name: np.arange(start, start + 102) for name, start in (("trnid", 1), ("valid", 103), ("tstid", 205))}
    savemat(folder / "setid.mat", thirds)
    dataset = opened("Flowers102", tmp_path)
    assert dataset.classes[0] == "pink primrose"
    assert dataset.counts == dict.fromkeys(("train", "valid", "test"), (1,) * 102)
    assert dataset.splits["valid"].ids[0] == "val/000000"


def test_oxford_pets_divide_valid_off_trainval(tmp_path):
    folder = tmp_path / "oxford-iiit-pet"
    (folder / "annotations").mkdir(parents=True)
    for part, count in (("trainval", 10), ("test", 4)):
        names = [(f"{breed}_{part}{i}", label) for label, breed in ((1, "Bengal"), (2, "pug")) for i in range(count)]
        for seed, (name, label) in enumerate(names):
            save(folder / "images" / f"{name}.jpg", 100 * label + seed + 50 * (part == "test"))
        lines = [f"{name} {label} {label} 1\n" for name, label in names]
        (folder / "annotations" / f"{part}.txt").write_text("".join(lines))
    dataset = opened("OxfordIIITPet", tmp_path)
    assert dataset.classes == ("Bengal", "Pug")
    assert dataset.counts == {"train": (8, 8), "valid": (2, 2), "test": (4, 4)}


def test_gtsrb_gives_labels_with_paths_and_no_class_names(tmp_path):
    folder = tmp_path / "gtsrb"
    lines = ["Filename;ClassId"]
    for label in range(2):
        for i in range(10):
            save(folder / "GTSRB" / "Training" / f"{label:05d}" / f"{i:05d}.ppm", 20 * label + i)
        save(folder / "GTSRB" / "Final_Test" / "Images" / f"{label:05d}.ppm", 100 + label)
        lines.append(f"{label:05d}.ppm;{label}")
    (folder / "GT-final_test.csv").write_text("\n".join(lines))
    dataset = opened("GTSRB", tmp_path)
    assert dataset.classes == ("0", "1")
    assert dataset.counts == {"train": (8, 8), "valid": (2, 2), "test": (1, 1)}


def test_svhn_ignores_its_extra_split(tmp_path, without_md5):
    for seed, (name, count) in enumerate((("train", 40), ("test", 20))):
        images = np.random.default_rng(seed).integers(0, 256, (32, 32, 3, count), dtype=np.uint8)
        savemat(tmp_path / f"{name}_32x32.mat", {"X": images, "y": np.arange(count)[:, None] % 10 + 1})
    dataset = opened("SVHN", tmp_path, valid_fraction=0.25)
    assert dataset.classes == tuple("0123456789")
    assert [len(part) for part in dataset.splits.values()] == [30, 10, 20]


def test_caltech101_is_divided_and_named_by_its_categories(tmp_path):
    for label, name in enumerate(("ant", "bass")):
        for i in range(1, 11):
            save(
                tmp_path / "caltech101" / "101_ObjectCategories" / name / f"image_{i:04d}.jpg",
                20 * label + i,
            )
    (tmp_path / "caltech101" / "101_ObjectCategories" / "BACKGROUND_Google").mkdir()
    dataset = opened("Caltech101", tmp_path)
    assert dataset.classes == ("ant", "bass")
    assert dataset.counts["test"] == (2, 2)


def test_a_changed_file_of_the_set_is_decoded_again(tmp_path):
    fashion_mnist(tmp_path)
    before = np.array(opened("FashionMNIST", tmp_path).images("test", (28, 28)))
    path = tmp_path / "FashionMNIST" / "raw" / "t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:16] + bytes(255 - byte for byte in path.read_bytes()[16:]))
    assert np.array_equal(opened("FashionMNIST", tmp_path).images("test", (28, 28)), 255 - before)


@pytest.mark.parametrize(("name", "guess"), [("Cifar10", "CIFAR10"), ("EuroSet", "EuroSAT"), ("Qwxyz", "CIFAR10")])
def test_an_unknown_set_is_answered_with_close_names(tmp_path, name, guess):
    assert refusal(name, tmp_path).startswith(f"torchvision has no data set '{name}'; try ")
    assert guess in refusal(name, tmp_path)


@pytest.mark.parametrize("name", ["CIFAR10", "FashionMNIST", "EuroSAT", "Flowers102", "OxfordIIITPet", "GTSRB", "SVHN"])
def test_missing_files_are_told_with_the_mend(tmp_path, name):
    message = refusal(name, tmp_path)
    assert message.startswith(f"{name} cannot be opened under {tmp_path} (")
    assert message.endswith("set download: true, or put its files there")


def test_a_set_that_needs_another_argument_is_refused(tmp_path):
    assert refusal("EMNIST", tmp_path).startswith("EMNIST cannot be opened without split; write it to an image folder")


class Unusual(datasets.VisionDataset):
    """Labels in no attribute that torchvision's own sets use, and one string where a class should be."""

    answer: dict[int, object] = {}  # noqa: RUF012

    def __init__(self, root: str) -> None:
        super().__init__(root)

    def __len__(self) -> int:
        return 20

    def __getitem__(self, index: int):
        return picture(index), self.answer.get(index, index % 2)


@pytest.fixture
def unusual(monkeypatch):
    monkeypatch.setattr(datasets, "Unusual", Unusual, raising=False)
    monkeypatch.setattr(datasets, "__all__", (*datasets.__all__, "Unusual"))
    return Unusual


def test_labels_that_no_attribute_holds_are_read_from_the_items(tmp_path, unusual):
    assert opened("Unusual", tmp_path).counts == {"train": (6, 6), "valid": (2, 2), "test": (2, 2)}


@pytest.mark.parametrize("answer", [{"boxes": [1, 2]}, "a caption", [0, 1], None])
def test_a_set_whose_targets_are_no_classes_is_refused(tmp_path, unusual, monkeypatch, answer):
    monkeypatch.setattr(unusual, "answer", dict.fromkeys(range(20), answer))
    assert refusal("Unusual", tmp_path).startswith("Unusual is no classification data set")


def test_an_attribute_that_contradicts_the_items_is_not_taken_for_the_labels(tmp_path, unusual, monkeypatch):
    monkeypatch.setattr(unusual, "targets", [5] * 20, raising=False)
    assert opened("Unusual", tmp_path).classes == ("0", "1")


def test_a_set_whose_reader_unpickles_a_file_that_anybody_may_have_left_is_refused(tmp_path):
    with pytest.raises(DataError, match="LSUN unpickles a file of the current folder"):
        TorchvisionData(name="LSUN", root=str(tmp_path)).read()
