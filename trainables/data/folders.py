"""Image folders: train/valid/test with one folder a class in each, or one folder of class folders."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from pydantic import field_validator

from trainables.data.config import Contents, DividedSource
from trainables.data.images import FilePicture
from trainables.data.splits import SPLITS, Split, SplitIndex
from trainables.data.tree import SUFFIXES, Tree, is_picture, listed, named_in_utf8, subfolders
from trainables.errors import DataError, shown

# Chinese, French, German, Italian, Japanese, Portuguese, Russian and Spanish at the end.
SPELLINGS: dict[Split, str] = {
    "train": "train training learn learning entraînement apprentissage addestramento treino treinamento "
    "entrenamiento обучение 训练 訓練",
    "valid": "valid val validation validate validating dev development validierung validazione "
    "validação validación валидация 验证 検証",
    "test": "test tests testing essai prova teste prueba pruebas тест 测试 テスト",
}
BEHIND = re.compile(r"(set|data|dataset|split|folder|images?|imgs?|pictures?|photos?|集)$")
DATED = re.compile(r"(19|20)\d\d([-_. ]?\d\d){0,2}")  # classes may well have folders of the same years


class FolderData(DividedSource):
    """A folder of images: train/valid/test with one folder a class in each, or one folder of class folders.

    The splits may have other usual names, as Training, val or TEST_IMAGES. Linked folders are followed. Hidden files
    and folders, those that systems and network storages make, and files that are no images are left out and counted.
    Identifiers are the paths below `path`, and labels follow the sorted names of the classes, so the same folder is
    the same data set on every machine.

    Attributes:
        path: the folder.
        groups: regular expression searched in each file's name; what it finds (its first group, if it has one) names
            the group of the image, for example the boat or the patient. The group is the unit of the statistics, so the
            test split needs three at least. What is divided here is divided by whole groups.
        allow_shared_groups: accept groups that have images in more than one split, where the splits come with the
            data. What was learnt of a group in training then helps in the test.
        skip_corrupt: leave out files that are no readable image, instead of refusing them.
    """

    source: Literal["folder"] = "folder"
    path: str
    groups: str | None = None
    allow_shared_groups: bool = False
    skip_corrupt: bool = False
    unreadable_mend: ClassVar[str] = "mend the files, or set skip_corrupt: true"

    @field_validator("groups")
    @classmethod
    def _is_a_regular_expression(cls, groups: str | None) -> str | None:
        try:
            re.compile(groups or "")
        except (re.error, OverflowError, RecursionError) as error:  # a repetition too large, brackets too deep
            raise ValueError(f"not a regular expression ({error})") from error
        return groups

    def read(self) -> Contents:
        """List the images of the folder.

        Raises:
            DataError: no such folder, one that cannot be read, no class folders or no images in it, splits under other
                names, a name that is not UTF-8, a folder that is there twice through a link, or files without a group.
        """
        root = Path(self.path).expanduser()
        try:
            return _read(root, self.groups)
        except OSError as error:
            where, cause = error.filename or root, error.strerror or type(error).__name__
            raise DataError(f"{shown(where)}: cannot be read ({cause}); check the path and its permissions") from error


def _read(root: Path, groups: str | None) -> Contents:
    if not root.is_dir():
        problem = "not a folder" if root.exists() else "no such folder"
        raise DataError(f"{shown(root)}: {problem}; give the path of the images")
    named_in_utf8(root)
    tree = Tree(root)
    tops = _split_folders(root)
    if tops != {"train": root}:
        tree.leave_beside(root, tops.values())
    folders = {split: _class_folders(tree, top) for split, top in tops.items()}
    classes = tuple(sorted({folder.name for in_split in folders.values() for folder in in_split}))
    if not classes:
        mend = "put the images of each class into a folder of its name"
        raise DataError(f"{shown(root)}: no class folders in it; {mend}")
    files = {split: _files(root, tree, in_split) for split, in_split in folders.items()}
    paths = [path for in_split in files.values() for _, path, _ in in_split]
    if not paths:
        accepted = ", ".join(sorted(SUFFIXES))
        raise DataError(f"{shown(root)}: no images in its class folders; accepted are {accepted}")
    group_of = {} if groups is None else _groups(paths, groups)
    parts = {split: _index(in_split, classes, group_of) for split, in_split in files.items()}
    return Contents(str(root), classes, parts, tree.left_out)


def plain(name: str) -> str:
    """A folder's name without capitals, accents, blanks and punctuation: `TEST_Images` is `testimages`."""
    decomposed = unicodedata.normalize("NFKD", name.casefold()).replace("ı", "i")  # as Turkish writes a capital I small
    return "".join(sign for sign in decomposed if sign.isalnum())


SPLIT_OF: dict[str, Split] = {plain(name): split for split in SPLITS for name in SPELLINGS[split].split()}


def _split_of(name: str) -> Split | None:
    whole = plain(name)
    return SPLIT_OF.get(whole) or SPLIT_OF.get(BEHIND.sub("", whole))


def _split_folders(root: Path) -> dict[Split, Path]:
    """The folder of each split; the root itself if it holds class folders. One `train` among others may be a class."""
    tops = subfolders(root)
    found = [(folder.name, split) for folder in tops if (split := _split_of(folder.name))]
    splits = [split for _, split in found]
    twice = [name for name, split in found if splits.count(split) > 1]
    if len(set(splits)) > 1 or 0 < len(tops) == len(splits):
        if twice:
            names = _some(twice)
            raise DataError(f"{shown(root)}: more than one folder for the same split ({names}); keep one")
        if "train" not in splits:
            raise DataError(f"{shown(root)}: {' and '.join(name for name, _ in found)}, but no train folder; add one")
        return {split: root / name for name, split in found}
    _refuse_doubtful_splits(root, tops)
    _refuse_splits_of_other_names(root, tops)
    return {"train": root}


def _refuse_doubtful_splits(root: Path, tops: Sequence[Path]) -> None:
    """One folder called as a split is, and full of folders, beside others may be a split or a class: who knows?"""
    for top in tops:
        if _split_of(top.name) and len(inner := _folders_alone(top)) > 1:
            raise DataError(
                f"{shown(root, 80)}: '{shown(top.name, 30)}' looks like a split, and holds folders "
                f"({_some(sorted(inner))}), but the others are none; give it as path, or put the images of a class "
                "directly into its folder"
            )


def _refuse_splits_of_other_names(root: Path, tops: Sequence[Path]) -> None:
    """Folders that hold the same folders are more probably splits, domains or folds than classes."""
    every: set[str] = set()
    same: set[str] | None = None
    for top in tops:
        inner = _folders_alone(top)
        every, same = every | inner, inner if same is None else same & inner
        if len(same) < 2:
            return
    if len(tops) < 2 or not same or 2 * len(same) < len(every):
        return
    shared = _some(sorted(same))
    if len({_split_of(name) for name in same} - {None}) > 1:
        above = f"train/{shown(tops[0].name, 40)}"
        raise DataError(f"{shown(root)}: the splits ({shared}) lie below the classes; put them above: {above}")
    raise DataError(
        f"{shown(root, 70)}: {_some([top.name for top in tops])} hold the same folders ({shared}); if those are "
        "classes, call these train, valid and test; if not, put each class's images directly into its folder"
    )


def _folders_alone(top: Path) -> set[str]:
    """The folders in one that holds no images beside them; those of years and days do not count."""
    if any(is_picture(path) for path, is_folder in listed(top) if not is_folder):
        return set()
    return {folder.name for folder in subfolders(top) if not DATED.fullmatch(folder.name)}


def _class_folders(tree: Tree, top: Path) -> list[Path]:
    folders, stray = tree.contents(top)
    if stray:
        raise DataError(f"{shown(stray[0])}: an image outside the class folders; move it into one")
    return folders


def _files(root: Path, tree: Tree, folders: Sequence[Path]) -> list[tuple[str, Path, str]]:
    """Identifier, path and class of each image of a split."""
    return sorted(
        (path.relative_to(root).as_posix(), path, folder.name)
        for folder in folders
        for path in tree.images_below(folder)
    )


def _index(files: Sequence[tuple[str, Path, str]], classes: Sequence[str], group_of: Mapping[Path, str]) -> SplitIndex:
    labels_of = {name: label for label, name in enumerate(classes)}
    return SplitIndex(
        ids=tuple(name for name, _, _ in files),
        labels=np.array([labels_of[name] for _, _, name in files], dtype=np.int64),
        pictures=tuple(FilePicture(path) for _, path, _ in files),
        groups=tuple(group_of[path] for _, path, _ in files) if group_of else None,
    )


def _groups(paths: Sequence[Path], expression: str) -> dict[Path, str]:
    """The group of each image. An optional part that finds nothing makes no group, least of all one that all share."""
    searched = re.compile(expression)
    found = {path: searched.search(path.name) for path in paths}
    names = {path: match and match.group(min(1, searched.groups)) for path, match in found.items()}
    without = [path for path, name in names.items() if not name]
    if without:
        more = f" and {len(without) - 1:,} more" if len(without) > 1 else ""
        finds = "does not match" if found[without[0]] is None else "has nothing where it would have"
        raise DataError(
            f"{shown(without[0])}{more}: its name {finds} groups: '{shown(expression, 40)}'; change the expression or "
            "the name"
        )
    return {path: str(name) for path, name in names.items()}


def _some(names: Collection[str]) -> str:
    """The first three, shortened."""
    first = ", ".join(shown(name, 13) for name in list(names)[:3])
    return f"{first} and {len(names) - 3:,} more" if len(names) > 3 else first
