"""The image files below a folder.

A file is an image by its suffix, or else by its first bytes. Linked folders are followed. Hidden files and folders, and
those that systems and network storages make, are left out; so is what is no image. What is left out is counted, and
never opened as an image.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from trainables.data.config import LeftOut
from trainables.data.images import RAW
from trainables.errors import DataError, shown

SUFFIXES = frozenset(
    {".apng", ".avif", ".bmp", ".gif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm"}
    | {".tif", ".tiff", ".webp"}
)
PICTURES = SUFFIXES | RAW | {".dcm", ".heic", ".heif", ".psd", ".svg"}  # the others are refused by name when read
COPIES = re.compile(r"~$|\.(bak|crdownload|orig|part|partial|tmp)$", re.IGNORECASE)
FOLDERS_OF_SYSTEMS = frozenset(
    {"#recycle", "#snapshot", "$recycle.bin", "@eadir", "@recently-snapshot", "@recycle", "@tmp", "__macosx"}
    | {"__pycache__", "lost+found", "network trash folder", "recycler", "system volume information"}
    | {"temporary items", "thevolumesettingsfolder"}
)

HIDDEN = "hidden, or in folders that systems and network storages make"
COPIED = "copies and parts that programs leave"
NO_IMAGE = "no images"
BESIDE = "beside the folders of the splits"

_BEGINNINGS = re.compile(
    rb"\xff\xd8\xff"  # JPEG
    rb"|\x89PNG\r\n\x1a\n"
    rb"|GIF8[79]a"
    rb"|RIFF....WEBP"
    rb"|BM.{4}\0{4}.{4}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0"
    rb"|\0\0\0\x0cjP  \r\n\x87\n"  # JPEG 2000
    rb"|.{4}ftyp(avif|avis|heic|heix|hevc|mif1|msf1)"
    rb"|P[1-6]\s+[#\d]",
    re.DOTALL,
)
_TIFF = re.compile(rb"II\*\0|MM\0\*")  # so do raw photographs begin, so it counts only where no suffix says otherwise


class Tree:
    """The folders of one data set, each read once.

    Args:
        root: the data set's folder; what is left out is named by its path below.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._seen: dict[str, Path] = {}
        self._first: dict[str, Path] = {}
        self._count: dict[str, int] = {}

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """What has been left out so far, by its kind."""
        return tuple(LeftOut(why, self._count[why], self._named(self._first[why])) for why in sorted(self._count))

    def images_below(self, folder: Path) -> list[Path]:
        """The images in a folder and in those below it, in no order.

        Raises:
            DataError: a folder is reached twice, a name is not UTF-8, or a link leads nowhere.
            OSError: a folder cannot be read.
        """
        found: list[Path] = []
        waiting = [folder]
        while waiting:
            folders, images = self.contents(waiting.pop())
            waiting += reversed(folders)
            found += images
        return found

    def contents(self, folder: Path) -> tuple[list[Path], list[Path]]:
        """Folders and images in a folder, by name.

        Raises:
            DataError, OSError: as `images_below`.
        """
        self._enter(folder)
        folders, images = [], []
        for path, is_folder in listed(folder):
            if is_hidden(path.name):
                self._leave(HIDDEN, images_by_suffix(path) if is_folder else filter(is_picture, [path]))
            elif is_folder:
                folders.append(named_in_utf8(path))
            elif COPIES.search(path.name):
                self._leave(COPIED, [path])
            elif is_image(path):
                images.append(named_in_utf8(path))
            else:
                self._leave(NO_IMAGE, [path])
        return folders, images

    def leave_beside(self, folder: Path, splits: Iterable[Path]) -> None:
        """Count what lies in a folder beside the splits in it."""
        self._enter(folder)
        kept = set(splits)
        for path, is_folder in listed(folder):
            if path not in kept:
                why = HIDDEN if is_hidden(path.name) else BESIDE
                self._leave(why, images_by_suffix(path) if is_folder else filter(is_picture, [path]))

    def _enter(self, folder: Path) -> None:
        real = os.path.realpath(folder)
        if real in self._seen:
            other = shown(self._seen[real], 110)
            raise DataError(f"{shown(folder, 110)}: the same folder as {other}, through a link; remove the link")
        self._seen[real] = folder

    def _leave(self, why: str, paths: Iterable[Path]) -> None:
        for path in paths:
            self._count[why] = self._count.get(why, 0) + 1
            self._first.setdefault(why, path)

    def _named(self, path: Path) -> str:
        return shown(path.relative_to(self._root).as_posix())


def subfolders(folder: Path) -> list[Path]:
    """The folders in a folder that may hold images, by name; nothing is counted."""
    return [named_in_utf8(path) for path, is_folder in listed(folder) if is_folder and not is_hidden(path.name)]


def listed(folder: Path) -> list[tuple[Path, bool]]:
    """All that lies in a folder, by name, and whether it is a folder, also through a link."""
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
        return [
            (Path(entry.path), os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir()) for entry in found
        ]


def is_hidden(name: str) -> bool:
    """Whether a name is hidden, or that of a folder which a system or a network storage makes for itself."""
    return name.startswith(".") or name.casefold() in FOLDERS_OF_SYSTEMS


def is_picture(path: Path) -> bool:
    """Whether the suffix is that of a picture, be it one that can be read here or not."""
    return path.suffix.lower() in PICTURES


def is_image(path: Path) -> bool:
    """Whether a file is an image by its suffix, or else by its first bytes.

    Raises:
        DataError: it is a link that leads nowhere, and may have been a folder of images.
    """
    if is_picture(path):
        return True
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # to read a pipe is to wait for ever
            return False
        with path.open("rb") as stream:
            start = stream.read(32)
    except OSError as error:
        if path.is_symlink():
            raise DataError(f"{shown(path)}: a link that leads nowhere; mend it, or remove it") from error
        return False
    return bool(_BEGINNINGS.match(start) or (not path.suffix and _TIFF.match(start)))


def images_by_suffix(folder: Path) -> Iterator[Path]:
    """The files with the suffix of a picture below a folder, as far as it can be read; links are not followed."""
    for below, folders, names in os.walk(folder):
        folders.sort()
        yield from (path for path in (Path(below, name) for name in sorted(names)) if is_picture(path))


def named_in_utf8(path: Path) -> Path:
    """The path, whose name can be written into records.

    Raises:
        DataError: it cannot.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        mend = "rename it (`convmv -f latin1 -t utf8 -r --notest FOLDER` renames all)"
        raise DataError(f"{shown(path)}: its name is not UTF-8; {mend}") from None
    return path
