"""Opening, checking and describing data sets that lie in folders."""

import os
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from tests.support.pictures import class_folders, image_folder, picture, save
from trainables.data.config import SOURCES, Contents, DataSource
from trainables.data.dataset import open_dataset
from trainables.data.description import describe
from trainables.data.folders import FolderData
from trainables.data.splits import SPLITS
from trainables.errors import DataError

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def root(tmp_path) -> Path:
    return image_folder(tmp_path / "pets")


def opened(root: Path, **options):
    return open_dataset(FolderData(path=str(root), **options))


def refusal(root: Path, **options) -> str:
    """The one line with which a folder is refused."""
    with pytest.raises(DataError) as caught:
        opened(root, **options).check()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_three_folders_become_three_splits_with_sorted_classes_and_relative_names(root):
    dataset = opened(root)
    dataset.check()
    assert dataset.classes == ("cat", "dog")
    assert dataset.counts == {"train": (4, 4), "valid": (2, 2), "test": (3, 3)}
    assert dataset.splits["valid"].ids == (
        "valid/cat/00.png",
        "valid/cat/01.png",
        "valid/dog/00.png",
        "valid/dog/01.png",
    )
    assert dataset.splits["valid"].labels.tolist() == [0, 0, 1, 1]
    assert dataset.splits["valid"].labels.dtype == np.int64
    assert dataset.splits["valid"].groups is None


@pytest.mark.parametrize("name", ["val", "validation"])
def test_the_validation_folder_may_have_its_other_names(root, name):
    (root / "valid").rename(root / name)
    assert opened(root).counts["valid"] == (2, 2)


@pytest.mark.parametrize("change", [str.capitalize, str.upper])
def test_the_folders_of_the_splits_may_be_written_in_capitals(root, change):
    for name in ("train", "valid", "test"):
        (root / name).rename(root / change(name))
    dataset = opened(root)
    assert dataset.classes == ("cat", "dog")
    assert dataset.counts == {"train": (4, 4), "valid": (2, 2), "test": (3, 3)}
    assert dataset.splits["valid"].ids[0] == f"{change('valid')}/cat/00.png"


def test_a_train_folder_alone_may_be_written_in_capitals(tmp_path):
    assert opened(image_folder(tmp_path / "pets", {"Train": 20})).classes == ("cat", "dog")


def test_two_folders_for_the_validation_split_are_refused(root):
    (root / "val").mkdir()
    assert "more than one folder for the same split (val, valid); keep one" in refusal(root)


def test_stray_files_are_ignored_and_nested_images_count(root):
    (root / "train" / "split.groovy").write_text("def split")
    (root / "train" / ".DS_Store").write_bytes(b"\0")
    (root / "train" / "cat" / ".hidden.png").write_bytes(b"\0")
    (root / "train" / "cat" / "Thumbs.db").write_bytes(b"\0")
    save(root / "train" / "cat" / "2013" / "x.png", 99)
    dataset = opened(root)
    assert dataset.counts["train"] == (5, 4)
    assert "train/cat/2013/x.png" in dataset.splits["train"].ids


def test_an_image_outside_the_class_folders_is_refused(root):
    save(root / "train" / "lost.png", 99)
    assert refusal(root) == f"{root}/train/lost.png: an image outside the class folders; move it into one"


def test_train_and_test_without_valid_divide_valid_off_the_training_images(tmp_path):
    root = image_folder(tmp_path / "pets", {"train": 20, "test": 3})
    dataset = opened(root, valid_fraction=0.25)
    dataset.check()
    assert dataset.counts == {"train": (15, 15), "valid": (5, 5), "test": (3, 3)}
    assert all(name.startswith("train/") for name in dataset.splits["valid"].ids)


def test_a_folder_of_classes_is_divided_by_class_and_by_seed(tmp_path):
    root = class_folders(tmp_path / "pets", {"cat": 40, "dog": 20, "yak": 3})
    dataset = opened(root)
    dataset.check()
    assert dataset.counts == {"train": (26, 13, 1), "valid": (6, 3, 1), "test": (8, 4, 1)}
    assert opened(root).splits["test"].ids == dataset.splits["test"].ids
    assert opened(root, split_seed=1).splits["test"].ids != dataset.splits["test"].ids


def test_a_class_that_happens_to_be_called_train_is_a_class(tmp_path):
    root = class_folders(tmp_path / "vehicles", {"bus": 5, "car": 5, "train": 5})
    assert opened(root).classes == ("bus", "car", "train")


def test_a_class_too_small_to_divide_is_named(tmp_path):
    root = class_folders(tmp_path / "pets", {"cat": 10, "yak": 2})
    assert "class 'yak' has 2 images, too few to be in each of the 3 splits" in refusal(root)


def test_groups_come_from_the_file_name_and_are_never_divided(tmp_path):
    root = tmp_path / "boats"
    for seed in range(60):
        save(root / f"class{seed % 2}" / f"boat{seed // 5:02d}_frame{seed}.png", seed)
    dataset = opened(root, groups=r"^(boat\d+)_")
    members = {split: set(dataset.splits[split].groups) for split in SPLITS}
    assert set.union(*members.values()) == {f"boat{i:02d}" for i in range(12)}
    assert sum(map(len, members.values())) == 12
    assert opened(root, groups=r"boat\d+").splits["test"].groups[0].startswith("boat")


@pytest.mark.parametrize(("groups", "belong"), [(r"^(\d)", "one group"), (r"^00|^0", "2 groups")])
def test_a_test_split_of_fewer_than_three_groups_is_refused(root, groups, belong):
    message = refusal(root, groups=groups, allow_shared_groups=True)
    assert message.startswith(f"{root}: all test images belong to {belong} ('0")
    assert message.endswith("the group is the unit of the statistics, so at least 3 are needed: change groups")


def test_groups_in_more_than_one_of_the_given_splits_are_refused_unless_allowed(root):
    message = refusal(root, groups=r"^(\d\d)")  # 00 and 01 are in all splits, 02 in train and test
    assert message == (
        f"{root}: 3 groups are in more than one split, first '00' in train and valid and test; keep each in one split, "
        "change groups, or set allow_shared_groups: true"
    )
    opened(root, groups=r"^(\d\d)", allow_shared_groups=True).check()


def test_files_without_a_group_are_named_and_counted(root):
    message = refusal(root, groups=r"boat(\d+)")
    assert message == (
        f"{root}/test/cat/00.png and 17 more: its name does not match groups: 'boat(\\d+)'; change the expression or "
        "the name"
    )


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (lambda root: None, "no such folder"),
        (lambda root: root.write_text(""), "not a folder"),
        (lambda root: root.mkdir(), "no class folders in it"),
        (lambda root: (root / "cat").mkdir(parents=True), "no images in its class folders"),
        (lambda root: image_folder(root, {"valid": 1, "test": 1}), "test and valid, but no train folder"),
        (lambda root: image_folder(root, classes=("cat",)), "one class only, 'cat'"),
    ],
)
def test_a_folder_that_is_no_data_set_is_refused_in_one_line(tmp_path, make, cause):
    make(tmp_path / "pets")
    message = refusal(tmp_path / "pets")
    assert message.startswith(f"{tmp_path}/pets: {cause}")
    assert ";" in message, "a message ends with the mend"


@pytest.mark.parametrize(
    ("kept", "absent"), [("train", "valid and test"), ("test", "train and valid"), ("valid", "train and test")]
)
def test_a_class_in_one_split_only_is_named_with_the_splits_it_lacks(root, kept, absent):
    save(root / kept / "yak" / "0.png", 99)
    assert f"class 'yak' has no images in {absent}; every class must be in every split" in refusal(root)


@pytest.mark.parametrize("groups", [None, r"\d\d"])
def test_training_images_that_are_missing_cannot_be_divided(tmp_path, groups):
    root = image_folder(tmp_path / "pets", {"test": 3})
    for name in ("cat", "dog"):
        (root / "train" / name).mkdir(parents=True)
    assert "no images in the split 'train' to take valid from; add some of every class" in refusal(root, groups=groups)


def test_what_the_system_refuses_to_list_is_named(root, monkeypatch):
    assert "File name too long" in refusal(Path("x" * 300))

    def scandir(path, listing=os.scandir):
        if Path(path) == root / "train" / "cat":
            raise PermissionError(13, "Permission denied", str(path))
        return listing(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert refusal(root) == (
        f"{root}/train/cat: cannot be read (Permission denied); check the path and its permissions"
    )


def test_an_empty_split_is_refused(root):
    for image in (root / "valid").rglob("*.png"):
        image.unlink()
    assert "no images in the split 'valid'" in refusal(root)


def test_a_truncated_image_is_refused_by_name_and_can_be_skipped(root):
    path = root / "train" / "dog" / "00.png"
    path.write_bytes(path.read_bytes()[:300])
    assert refusal(root).startswith(f"{path}: not a readable image (")
    assert refusal(root).endswith("set skip_corrupt: true")

    dataset = opened(root, skip_corrupt=True)
    dataset.check()
    assert dataset.skipped == ("train/dog/00.png",)
    assert dataset.counts["train"] == (4, 3)
    assert dataset.images("train", (6, 10)).shape == (7, 6, 10, 3)


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_image_counts_as_unreadable(root, content):
    (root / "test" / "cat" / "00.png").write_bytes(content)
    (root / "test" / "cat" / "01.png").write_bytes(content)
    assert f"{root}/test/cat/00.png and 1 more: not a readable image (" in refusal(root)


def test_a_link_to_nowhere_counts_as_unreadable(root):
    (root / "test" / "cat" / "gone.png").symlink_to(root / "nowhere.png")
    assert "gone.png: not a readable image (No such file or directory)" in refusal(root)


def test_a_folder_of_unreadable_images_is_no_data_set_even_when_they_are_skipped(tmp_path):
    (tmp_path / "pets" / "cat").mkdir(parents=True)
    (tmp_path / "pets" / "cat" / "a.png").write_bytes(b"")
    assert "no readable image among its 1 files" in refusal(tmp_path / "pets", skip_corrupt=True)


def test_a_mended_image_is_noticed(root):
    path = root / "train" / "dog" / "00.png"
    path.write_bytes(b"")
    refusal(root)
    save(path, 99)
    opened(root).check()


def test_the_same_picture_saved_again_under_another_name_is_a_duplicate(root):
    save(root / "test" / "dog" / "copy.bmp", 1)  # picture 1 is train/cat/00.png
    assert "1 image is in more than one split, first train/cat/00.png = test/dog/copy.bmp" in refusal(root)
    assert refusal(root).endswith("set allow_duplicates: true")

    dataset = opened(root, allow_duplicates=True)
    dataset.check()
    (found,) = dataset.duplicates
    assert (found.split_a, found.id_a, found.split_b, found.id_b) == (
        "train",
        "train/cat/00.png",
        "test",
        "test/dog/copy.bmp",
    )


def test_the_same_picture_twice_in_one_split_is_no_duplicate_across_splits(root):
    save(root / "train" / "cat" / "again.png", 1)
    opened(root).check()


def test_an_image_repeated_in_two_later_splits_is_listed_for_each(root):
    save(root / "valid" / "cat" / "copy.png", 1)
    save(root / "test" / "cat" / "copy.png", 1)
    found = opened(root).duplicates
    assert [(pair.id_a, pair.id_b) for pair in found] == [
        ("train/cat/00.png", "valid/cat/copy.png"),
        ("train/cat/00.png", "test/cat/copy.png"),
    ]


def test_a_description_gives_the_figures_of_a_set_that_is_refused_too(root):
    save(root / "test" / "dog" / "copy.png", 1)
    picture(99, (30, 40)).save(root / "train" / "cat" / "large.png")
    (root / "train" / "dog" / "00.png").write_bytes(b"")
    found = describe(opened(root, skip_corrupt=True))
    assert found.images == {"train": 8, "valid": 4, "test": 7}
    assert found.largest_share == {"train": 5 / 8, "valid": 0.5, "test": 4 / 7}
    assert found.image_sizes.common == (((12, 20), 18), ((30, 40), 1))
    assert (found.image_sizes.smallest, found.image_sizes.largest) == ((12, 20), (30, 40))
    assert len(found.duplicates) == 1
    assert found.skipped == ("train/dog/00.png",)
    assert found.groups is None


def test_a_description_counts_the_groups_of_each_split(tmp_path):
    root = image_folder(tmp_path / "pets")
    assert describe(opened(root, groups=r"^(\d\d)")).groups == {"train": 4, "valid": 2, "test": 3}


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        ({"source": "folder"}, "path"),
        ({"source": "folder", "path": "x", "grups": "y"}, "grups"),
        ({"source": "folder", "path": "x", "groups": "("}, "not a regular expression"),
        ({"source": "folder", "path": "x", "valid_fraction": 0.5, "test_fraction": 0.5}, "valid_fraction"),
        ({"source": "digits", "train_per_class": 170}, "below 174"),
    ],
)
def test_a_wrong_key_or_value_of_the_configuration_is_named(given, cause):
    with pytest.raises(ValidationError, match=cause):
        SOURCES.find(given["source"]).model_validate(given)


def test_whatever_a_strangers_source_raises_is_one_line_that_names_it(tmp_path):
    class Strange(DataSource):
        def read(self) -> Contents:
            raise KeyError("labels")

    class Careful(DataSource):
        def read(self) -> Contents:
            raise DataError("nothing there; fetch it")

    with pytest.raises(DataError, match=r"Strange: Strange\.read fails \(KeyError: 'labels'\); mend it, or what"):
        open_dataset(Strange.model_validate({}))
    with pytest.raises(DataError, match=r"^nothing there; fetch it$"):
        open_dataset(Careful.model_validate({}))


def test_divisions_of_the_replicates_begin_with_the_splits_as_they_are_and_never_change(tmp_path):
    dataset = opened(image_folder(tmp_path / "pets"), resplit=True)
    first, second, third = dataset.divisions(3)
    assert (first.train.tolist(), first.valid.tolist()) == (list(range(8)), list(range(8, 12)))
    assert second.valid.tolist() != third.valid.tolist()
    again = dataset.divisions(5)  # as when the study is extended
    assert [one.valid.tolist() for one in again[:3]] == [one.valid.tolist() for one in (first, second, third)]
    assert opened(tmp_path / "pets").divisions(3) == ()
