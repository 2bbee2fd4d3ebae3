"""Folders as they lie on disks and network storages: what is in the data, what is left out, what is refused."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from rich.console import Console

from study.show.screens import show_data
from tests.support.pictures import class_folders, image_folder, picture, save
from trainables.data.config import Contents
from trainables.data.dataset import Dataset, open_dataset
from trainables.data.description import describe
from trainables.data.folders import FolderData
from trainables.data.tree import BESIDE, HIDDEN, PICTURES, Tree, is_hidden, is_image
from trainables.errors import DataError, shown

pytestmark = pytest.mark.usefixtures("own_cache")
TWO = {"cat": 20, "dog": 20}


@pytest.fixture
def root(tmp_path) -> Path:
    return class_folders(tmp_path / "pets", TWO)


def opened(root: Path, **options: object) -> Dataset:
    return open_dataset(FolderData.model_validate({"path": str(root), **options}))


def total(dataset: Dataset) -> int:
    return sum(map(sum, dataset.counts.values()))


def refusal(root: Path, **options: object) -> str:
    """The one line with which a folder is refused."""
    with pytest.raises(DataError) as caught:
        opened(root, **options).check()
    message = str(caught.value)
    assert len(message) <= 300
    assert message.isprintable(), "one line, and nothing that a terminal obeys"
    return message


def bytes_of(suffix: str, seed: int = 99) -> bytes:
    """An image file, as Pillow writes one of this suffix."""
    stream = io.BytesIO()
    picture(seed).save(stream, format=Image.registered_extensions()[suffix])
    return stream.getvalue()


@pytest.mark.parametrize(
    "place",
    [
        ".picasaoriginals/x.png",
        "@eaDir/photo.jpg/SYNOPHOTO_THUMB_M.png",
        ".ipynb_checkpoints/x.png",
        "__MACOSX/x.png",
        "#recycle/x.png",
        "$RECYCLE.BIN/x.png",
        "lost+found/x.png",
        ".AppleDouble/x.png",
        "._x.jpg",
        "System Volume Information/x.png",
        "@Recycle/deep/er/x.png",
    ],
)
@pytest.mark.parametrize("above", ["cat", ""])
def test_what_systems_and_storages_make_for_themselves_is_left_out_and_counted(root, place, above):
    path = root / above / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes_of(".png"))
    dataset = opened(root)
    dataset.check()
    assert (dataset.classes, total(dataset)) == (("cat", "dog"), 40)
    (left,) = describe(dataset).left_out
    assert (left.count, left.first) == (1, path.relative_to(root).as_posix())
    assert left.why.startswith("hidden")


def test_a_folder_of_a_system_that_may_not_be_read_does_not_hinder(root):
    (root / "lost+found").mkdir(mode=0)
    assert total(opened(root)) == 40
    (root / "lost+found").chmod(0o700)


def test_a_class_may_begin_with_underscores(tmp_path):
    assert opened(class_folders(tmp_path / "pets", {"__background__": 9, "cat": 9})).classes == (
        "__background__",
        "cat",
    )


def test_linked_folders_are_followed(root, tmp_path):
    elsewhere = class_folders(tmp_path / "elsewhere", {"more": 5})
    for number in range(5):
        save(elsewhere / "more" / f"{number:03d}.png", 100 + number)
    (root / "cat" / "more").symlink_to(elsewhere / "more")
    dataset = opened(root)
    dataset.check()
    assert total(dataset) == 45
    assert any("cat/more/003.png" in part.ids for part in dataset.splits.values())


def test_linked_class_folders_and_splits_are_followed(tmp_path):
    image_folder(tmp_path / "pets")
    (tmp_path / "linked").mkdir()
    for split in ("train", "valid", "test"):
        (tmp_path / "linked" / split).symlink_to(tmp_path / "pets" / split)
    assert opened(tmp_path / "linked").counts == opened(tmp_path / "pets").counts


@pytest.mark.parametrize("target", [".", "..", "../dog", "sub"])
def test_a_folder_that_a_link_brings_in_again_is_refused(root, target):
    save(root / "cat" / "sub" / "x.png", 99)
    (root / "cat" / "again").symlink_to(target)
    message = refusal(root)
    assert "the same folder as" in message
    assert message.endswith("through a link; remove the link")


@pytest.mark.parametrize(("name", "loop"), [("more", False), ("more", True)])
def test_a_link_to_nowhere_is_refused_as_images_may_be_missing(root, name, loop):
    (root / "cat" / name).symlink_to(name if loop else root.parent / "unplugged")
    assert refusal(root).startswith(f"{root}/cat/{name}: ")


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("photo.jfif", ".jpg"),
        ("photo.JPE", ".jpg"),
        ("photo", ".jpg"),
        ("photo", ".png"),
        ("photo", ".gif"),
        ("photo", ".bmp"),
        ("photo", ".webp"),
        ("photo", ".tif"),
        ("photo", ".ppm"),
        ("photo.2013.04.12", ".jpg"),
        ("photo.dat", ".png"),
        ("photo.png", ".jpg"),
        ("photo.jpeg ", ".jpg"),
    ],
)
def test_an_image_is_known_by_its_content_where_its_suffix_does_not_tell(root, name, suffix):
    (root / "cat" / name).write_bytes(bytes_of(suffix))
    dataset = opened(root)
    dataset.check()
    assert total(dataset) == 41
    assert describe(dataset).left_out == ()


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("notes.txt", b"P1 was seen here", "no images"),
        ("labels.csv", b"BM,1\n", "no images"),
        ("Thumbs.db", b"\xd0\xcf\x11\xe0", "no images"),
        ("empty", b"", "no images"),
        ("scan.mrw", b"II*\0" + bytes(99), "no images"),
        ("x.png~", bytes_of(".png"), "copies and parts that programs leave"),
        ("x.jpg.part", bytes_of(".jpg"), "copies and parts that programs leave"),
        ("x.png.bak", bytes_of(".png"), "copies and parts that programs leave"),
    ],
)
def test_what_is_no_image_is_left_out_by_name_and_counted(root, name, content, why):
    (root / "cat" / name).write_bytes(content)
    found = describe(opened(root))
    assert [(left.why, left.count, left.first) for left in found.left_out] == [(why, 1, f"cat/{name}")]
    assert sum(found.images.values()) == 40


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("x.heic", b"\0\0\0\x18ftypheic" + bytes(99), "in no image format that is read here"),
        ("x", b"\0\0\0\x18ftypheic" + bytes(99), "in no image format that is read here"),
        ("x.nef", bytes_of(".tif"), "a raw photograph; develop it"),
        ("x.dcm", bytes(128) + b"DICM", "in no image format that is read here"),
    ],
)
def test_pictures_that_cannot_be_read_are_refused_by_name_not_left_out(root, name, content, why):
    (root / "cat" / name).write_bytes(content)
    assert refusal(root).startswith(f"{root}/cat/{name}: not a readable image ({why}")
    assert opened(root, skip_corrupt=True).skipped == (f"cat/{name}",)


@pytest.mark.parametrize(
    "names",
    [
        ("Training", "Testing"),
        ("training", "test"),
        ("TRAIN", "TEST"),
        ("Training Set", "test_set"),
        ("train_images", "testImages"),
        ("TRAİN", "TEST"),
        ("Entraînement", "Test"),
        ("treino", "teste"),
        ("entrenamiento", "prueba"),
        ("训练集", "测试集"),
    ],
)
def test_splits_are_known_by_their_usual_names(tmp_path, names):
    root = image_folder(tmp_path / "scans", dict(zip(names, (20, 3), strict=True)), ("glioma", "healthy", "other"))
    dataset = opened(root)
    dataset.check()
    assert dataset.classes == ("glioma", "healthy", "other")
    assert dataset.counts == {"train": (17,) * 3, "valid": (3,) * 3, "test": (3,) * 3}


@pytest.mark.parametrize(
    "name", ["val", "Validation", "VALID", "validation_set", "dev", "Validierung", "validação", "validación", "验证集"]
)
def test_the_validation_split_is_known_by_its_usual_names(tmp_path, name):
    assert opened(image_folder(tmp_path / "pets", {"train": 4, name: 2, "test": 3})).counts["valid"] == (2, 2)


def test_two_spellings_of_one_split_are_refused(tmp_path):
    root = image_folder(tmp_path / "pets", {"train": 4, "Training": 2, "test": 3})
    assert "more than one folder for the same split (Training, train); keep one" in refusal(root)


@pytest.mark.parametrize("names", [("fold1", "fold2"), ("A", "B", "C"), ("amazon", "webcam"), ("known", "unseen")])
@pytest.mark.parametrize("classes", [("cat", "dog"), ("0", "1", "2"), ("images", "masks")])
def test_folders_that_hold_the_same_folders_are_not_taken_for_classes(tmp_path, names, classes):
    message = refusal(image_folder(tmp_path / "pets", dict.fromkeys(names, 9), classes))
    assert "hold the same folders" in message
    assert "call these train, valid and test" in message


def test_splits_below_the_classes_are_refused_with_where_they_belong(tmp_path):
    root = image_folder(tmp_path / "pets", {"cat": 9, "dog": 9}, ("train", "test"))
    assert refusal(root).endswith("the splits (test, train) lie below the classes; put them above: train/cat")


@pytest.mark.parametrize("inner", [("2013", "2014"), ("2013-04-12", "2013-04-13")])
def test_classes_may_have_folders_of_the_same_days(tmp_path, inner):
    assert opened(image_folder(tmp_path / "pets", {"cat": 9, "dog": 9}, inner)).classes == ("cat", "dog")


def test_classes_may_have_images_beside_folders_of_the_same_names(tmp_path):
    root = image_folder(tmp_path / "pets", {"cat": 9, "dog": 9}, ("indoors", "outdoors"))
    save(root / "cat" / "x.png", 99)
    assert opened(root).classes == ("cat", "dog")


def test_a_folder_called_train_that_holds_folders_beside_others_is_refused(tmp_path):
    root = image_folder(tmp_path / "pets", {"train": 9})
    save(root / "unlabelled" / "x.png", 99)
    assert "'train' looks like a split, and holds folders (cat, dog)" in refusal(root)


def test_what_lies_beside_the_splits_is_left_out_and_counted(tmp_path):
    root = image_folder(tmp_path / "pets")
    save(root / "unlabelled" / "x.png", 99)
    save(root / "preview.png", 98)
    (left,) = describe(opened(root)).left_out
    assert (left.why, left.count, left.first) == ("beside the folders of the splits", 2, "preview.png")


@pytest.mark.parametrize(
    ("folder", "name"), [(b"pets/cat", b"caf\xe9.png"), (b"pets/caf\xe9", b"x.png"), (b"pets/cat/\xff", b"x.png")]
)
def test_names_that_are_not_utf8_are_refused_escaped_with_the_mend(root, folder, name):
    path = os.path.join(os.fsencode(root.parent), folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as stream:
        stream.write(bytes_of(".png"))
    message = refusal(root)
    assert "\\xe9" in message or "\\xff" in message
    assert "its name is not UTF-8; rename it" in message


def test_a_folder_whose_own_path_is_not_utf8_is_refused(root):
    path = root.with_name(os.fsdecode(b"p\xe9ts"))
    root.rename(path)
    with pytest.raises(DataError, match=r"p\\xe9ts: its name is not UTF-8"):
        FolderData.model_construct(path=str(path), groups=None).read()


def test_names_with_line_breaks_and_escapes_are_read_and_shown_on_one_line(root):
    (root / "cat" / "a\nb\x1b[31m.png").write_bytes(b"no image")
    assert f"{root}/cat/a\\nb\\x1b[31m.png: not a readable image" in refusal(root)


@pytest.mark.parametrize(
    ("groups", "finds"), [(r"(boat\d+)?.*", "has nothing where it would have"), (r"boat(\d+)", "does not match")]
)
def test_images_without_a_group_are_named_and_counted_not_put_into_one(root, groups, finds):
    for number in range(10):
        save(root / "cat" / f"boat{number}.png", 100 + number)
    assert f"{root}/cat/000.png and 39 more: its name {finds} groups: '{groups}'; change the" in refusal(
        root, groups=groups
    )


def test_one_picture_in_two_classes_is_refused_by_name_and_counted(root):
    for number in range(3):
        shutil.copy(root / "cat" / f"{number:03d}.png", root / "dog" / f"copy{number}.png")
    message = refusal(root, valid_fraction=0.01, test_fraction=0.01)
    assert "in two classes, first cat/" in message or "in more than one split, first" in message
    opened(root, allow_duplicates=True).check()
    found = describe(opened(root))
    assert len(found.contradictions) == 3
    assert any(line.startswith("Identical images in more than one class: 3, first ") for line in found.oddities)


def test_one_picture_in_two_classes_of_one_split_is_refused(tmp_path):
    root = image_folder(tmp_path / "pets")
    shutil.copy(root / "train" / "cat" / "00.png", root / "train" / "dog" / "x.png")
    assert refusal(root) == (
        f"{root}: 1 image is in two classes, first train/cat/00.png = train/dog/x.png; remove the wrong one, "
        "or set allow_duplicates: true"
    )


def test_classes_that_differ_by_writing_alone_are_said(tmp_path):
    root = class_folders(tmp_path / "pets", {"cat": 9, "Cat": 9, "dog": 9})
    found = describe(opened(root))
    assert found.alike == (("Cat", "cat"),)
    assert "Classes whose names differ by capitals, blanks or accents alone: 'Cat' and 'cat'" in found.oddities


@pytest.mark.parametrize(("one", "other"), [("cat", "Cat"), ("sail boat", "sailboat"), ("caf\u00e9", "cafe\u0301")])
def test_a_class_that_is_written_otherwise_in_another_split_is_said_when_it_is_refused(tmp_path, one, other):
    root = image_folder(tmp_path / "pets", classes=(one, "dog"))
    (root / "test" / one).rename(root / "test" / other)
    assert "has; write it in one way" in refusal(root)


def test_a_description_says_what_was_left_out_in_a_line_each(root, capsys):
    save(root / "cat" / ".thumbnails" / "x.png", 99)
    (root / "dog" / "notes.txt").write_text("barks")
    show_data(describe(opened(root)), Console(width=200))
    lines = capsys.readouterr().out.splitlines()
    hidden = "hidden, or in folders that systems and network storages make"
    assert f"Left out, {hidden}: 1, first cat/.thumbnails/x.png" in lines
    assert "Left out, no images: 1, first dog/notes.txt" in lines


def test_folders_within_folders_are_read_to_the_bottom(root):
    save(root.joinpath("cat", *"x" * 120, "x.png"), 99)
    assert total(opened(root)) == 41


def test_long_names_make_no_long_message(tmp_path):
    root = image_folder(tmp_path / "pets", classes=("c" * 200, "d" * 200))
    (root / "train" / ("c" * 200) / ("x" * 240 + ".png")).write_bytes(b"")
    assert "...xxxx" in refusal(root)
    (root / "train" / ("c" * 200) / ("x" * 240 + ".png")).unlink()
    shutil.rmtree(root / "test" / ("c" * 200))
    assert "has no images in test" in refusal(root)


NAMES = st.sampled_from(
    ["a", "b", "train", "test", "Testing", "2013", ".hidden", "@eaDir", "x y", "é", "x\n", "lost+found", "a.png"]
)
FILES = st.sampled_from(["1.png", "2.jpg", "._3.png", "4", "5.txt", "6.png~", "7.heic", "8.JFIF", "Thumbs.db"])
TREES = st.dictionaries(
    st.tuples(st.lists(NAMES, max_size=3).map(tuple), FILES), st.integers(0, 40) | st.none(), max_size=12
)


def planted(root: Path, tree: dict[tuple[tuple[str, ...], str], int | None]) -> None:
    """Files in folders: the picture of a number, or no image; what does not fit beside what is there is left away."""
    for (folders, name), seed in tree.items():
        folder = root.joinpath(*folders)
        if any(above.is_file() for above in (folder, *folder.parents)) or (folder / name).is_dir():
            continue
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"no image" if seed is None else bytes_of(".png", seed))


def contents_or_line(root: Path) -> Contents | str:
    try:
        return FolderData(path=str(root)).read()
    except DataError as error:
        return str(error)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=TREES)
def test_any_tree_is_read_whole_but_for_what_is_named_or_refused_in_one_line(tmp_path_factory, tree):
    root = tmp_path_factory.mktemp("tree")
    planted(root, tree)
    contents = contents_or_line(root)
    if isinstance(contents, str):
        assert len(contents) <= 300
        assert contents.isprintable()
        return
    walked = {Path(below, name).relative_to(root) for below, _, names in os.walk(root) for name in names}
    held = {Path(name) for part in contents.parts.values() for name in part.ids}
    named = {left.why: left.count for left in contents.left_out}
    by_suffix = {path for path in walked if path.suffix.lower() in PICTURES}
    assert held <= walked
    assert len(by_suffix - held) == named.get(HIDDEN, 0) + named.get(BESIDE, 0)
    by_content = {path for path in walked - by_suffix if (root / path).read_bytes() != b"no image"}
    seen = {path for path in by_content if not any(map(is_hidden, path.parts)) and not path.name.endswith("~")}
    assert {path.parts[0] for path in seen - held}.isdisjoint(path.parts[0] for path in held)


def test_a_tree_counts_each_file_once(root):
    (root / "cat" / "notes.txt").write_text("")
    tree = Tree(root)
    tree.images_below(root)
    assert [left.count for left in tree.left_out] == [1]
    with pytest.raises(DataError, match="the same folder as"):
        tree.images_below(root / "cat")


@given(st.binary(max_size=64))
def test_what_any_bytes_are_is_known_without_an_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("one") / "file"
    path.write_bytes(content)
    assert is_image(path) in (True, False)


@given(st.text(max_size=400), st.integers(20, 200))
def test_a_name_is_shown_on_one_line_within_its_length(name, most):
    assert len(shown(name, most)) <= most
    assert shown(name, most).isprintable()


@pytest.mark.parametrize(
    ("value", "text"),
    [("a.png", "a.png"), (os.fsdecode(b"caf\xe9"), "caf\\xe9"), ("a\nb", "a\\nb"), ("é", "é"), ("\ud800", "\\ud800")],
)
def test_names_are_shown_as_they_are_where_they_can_be(value, text):
    assert shown(value) == text
