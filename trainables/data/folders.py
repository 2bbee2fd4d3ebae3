"""Image folders: train/valid/test with one folder a class in each, or one folder of class folders."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from pydantic import field_validator

from trainables.data.config import Contents, DividedSource
from trainables.data.images import FilePicture
from trainables.data.splits import Split, SplitIndex
from trainables.errors import DataError

FOLDER_NAMES: dict[str, Split] = {
    "train": "train",
    "valid": "valid",
    "val": "valid",
    "validation": "valid",
    "test": "test",
}
SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})


class FolderData(DividedSource):
    """A folder of images: train/valid/test with one folder a class in each, or one folder of class folders.

    Hidden files, and files whose suffix is no image's, are ignored. Identifiers are the paths below `path`, and labels
    follow the sorted names of the classes, so the same folder is the same data set on every machine.

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
        except re.error as error:
            raise ValueError(f"not a regular expression ({error})") from error
        return groups

    def read(self) -> Contents:
        """List the images of the folder.

        Raises:
            DataError: no such folder, one that cannot be read, no class folders or no images in it, or a file without a
                group.
        """
        root = Path(self.path).expanduser()
        try:
            parts, classes = _read(root, self.groups)
        except OSError as error:
            where, cause = error.filename or root, error.strerror or type(error).__name__
            raise DataError(f"{where}: cannot be read ({cause}); check the path and its permissions") from error
        return Contents(str(root), classes, parts)


def _read(root: Path, groups: str | None) -> tuple[dict[Split, SplitIndex], tuple[str, ...]]:
    if not root.is_dir():
        raise DataError(f"{root}: {'not a folder' if root.exists() else 'no such folder'}; give the path of the images")
    tops = _split_folders(root)
    classes = tuple(sorted({folder.name for top in tops.values() for folder in _subfolders(top)}))
    if not classes:
        raise DataError(f"{root}: no class folders in it; put the images of each class into a folder of its name")
    parts = {split: _index(root, top, classes, groups) for split, top in tops.items()}
    if not any(len(part) for part in parts.values()):
        raise DataError(f"{root}: no images in its class folders; accepted are {', '.join(sorted(SUFFIXES))}")
    return parts, classes


def _split_folders(root: Path) -> dict[Split, Path]:
    """The folder of each split; the root itself if it holds class folders. One `train` among others may be a class."""
    names = {folder.name for folder in _subfolders(root)}
    found = sorted(name for name in names if name.lower() in FOLDER_NAMES)
    splits = [FOLDER_NAMES[name.lower()] for name in found]
    twice = [name for name, split in zip(found, splits, strict=True) if splits.count(split) > 1]
    if twice:
        raise DataError(f"{root}: more than one folder for the same split ({', '.join(twice)}); keep one")
    if len(splits) > 1 or (splits == ["train"] and len(names) == 1):
        if "train" not in splits:
            raise DataError(f"{root}: {' and '.join(found)}, but no train folder; add one")
        return {split: root / name for split, name in zip(splits, found, strict=True)}
    return {"train": root}


def _index(root: Path, top: Path, classes: tuple[str, ...], groups: str | None) -> SplitIndex:
    labels_of = {name: label for label, name in enumerate(classes)}
    stray = _images(top.iterdir())
    if stray:
        raise DataError(f"{min(stray)}: an image outside the class folders; move it into one")
    files = sorted(
        (path.relative_to(root).as_posix(), path, labels_of[folder.name])
        for folder in _subfolders(top)
        for path in _images(_files_below(folder))
    )
    return SplitIndex(
        ids=tuple(name for name, _, _ in files),
        labels=np.array([label for _, _, label in files], dtype=np.int64),
        pictures=tuple(FilePicture(path) for _, path, _ in files),
        groups=None if groups is None else tuple(_group(path, groups) for _, path, _ in files),
    )


def _subfolders(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", "__"))]


def _files_below(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:  # left to itself, os.walk passes over what it cannot read
        raise error

    for below, _, names in os.walk(folder, onerror=refuse):
        yield from (Path(below) / name for name in names)


def _images(paths: Iterable[Path]) -> list[Path]:
    return [path for path in paths if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")]


def _group(path: Path, groups: str) -> str:
    found = re.search(groups, path.name)
    if found is None:
        raise DataError(f"{path}: its name does not match groups: '{groups}'; change the expression or the name")
    return str(found.group(1) if found.re.groups else found.group())
