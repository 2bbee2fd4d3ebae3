"""What a folder of images holds by a plain walk, and what must hold of a data set that was accepted."""

from __future__ import annotations

import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.fuzz.outcomes import WrongNumber
from trainables.data.dataset import Dataset
from trainables.data.images import FilePicture, pixels

MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*")
TOLD = re.compile(r"left out|hidden|linked|suffix|ignored|not counted|passed over|not looked", re.IGNORECASE)
PASSED_OVER = ("__macosx", "@eadir")  # folders of programs; and whatever begins with a dot
SPLIT_NAMES = {"train", "training", "test", "testing", "val", "valid", "validation"}
FEWEST_LEVELS = 100  # of the 300 grey levels of a 16-bit picture


def counted(dataset: Dataset, root: Path, told: str) -> None:
    """As many images as a plain walk finds, or a word on those left out; and classes, not splits.

    Of what lies beside the folders with images, only files that are called like pictures.
    """
    number = sum(len(part) for part in dataset.splits.values())
    tops = {name.partition("/")[0] for part in dataset.splits.values() for name in part.ids}
    found = [
        path for path in _walked(root) if path.relative_to(root).parts[0] in tops or path.suffix in (".png", ".jpg")
    ]
    if number != len(found) and not TOLD.search(told):
        raise WrongNumber(f"images counted otherwise: {number}, a plain walk finds {len(found)}")
    splits = SPLIT_NAMES & {name.casefold() for name in dataset.classes}
    if len(splits) > 1:  # one may be a class
        raise WrongNumber(f"splits taken for classes: {sorted(splits)}")


def sound(dataset: Dataset, root: Path) -> None:
    """Of a data set that passed the check: no picture in two classes, no group for a miss, all grey levels."""
    classes: dict[bytes, set[int]] = defaultdict(set)
    for split, part in dataset.splits.items():
        for name, label in zip(part.ids, part.labels.tolist(), strict=True):
            data = (root / name).read_bytes()
            classes[split.encode() + hashlib.sha256(data).digest()].add(label)
        if "None" in (part.groups or ()) and not any("None" in name for name in part.ids):
            raise WrongNumber("a group called None: of all names that an optional group does not match")
    if twice := [labels for labels in classes.values() if len(labels) > 1]:
        raise WrongNumber(f"a picture in two classes: of one split, {len(twice)} such")
    for path in _walked(root):
        data = path.read_bytes()
        if data[:8] == MAGIC[0] and data[24:26] == b"\x10\x00":  # 16 bits, grey
            _levels(path)


def _levels(path: Path) -> None:
    levels = len(np.unique(pixels(FilePicture(path))))
    if levels < FEWEST_LEVELS:
        raise WrongNumber(f"grey levels lost: {path.name} has 300 grey levels, and {levels} when it is read")


def _walked(root: Path) -> Iterator[Path]:
    """Files in its folders that begin like a picture; not hidden ones, nor what programs put there; links once."""
    seen = set()
    for below, folders, names in os.walk(root, followlinks=True):
        if os.path.realpath(below) in seen:
            folders[:] = []
            continue
        seen.add(os.path.realpath(below))
        folders[:] = [name for name in folders if name.casefold() not in PASSED_OVER and name[0] != "."]
        for path in (Path(below, name) for name in names if not name.startswith(".") and Path(below) != root):
            if path.is_file() and _begins_like_a_picture(path):
                yield path


def _begins_like_a_picture(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(16).startswith(MAGIC)
