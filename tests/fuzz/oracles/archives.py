"""What an archive holds by a plain listing, and what may be written of it: its pictures, once each."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from tests.fuzz.outcomes import WrongNumber

SPLITS = ("train", "valid", "test")
SUFFIXES = (".png", ".jpg")  # of those that are drawn
MOST_TIMES, HARMLESS = 200, 2 << 20  # as large as the archive, and so many bytes: more is a bomb
Sizes = Mapping[str, int]


def files(root: Path) -> dict[str, int]:
    """Everything below a folder but the cache, with its size."""
    found = {path.relative_to(root).as_posix(): path.lstat() for path in root.rglob("*") if not path.is_dir()}
    return {name: about.st_size for name, about in found.items() if not name.startswith("cache/")}


def nothing_left(before: Sizes, after: Sizes) -> None:
    """Of an archive that is refused."""
    if left := after.keys() ^ before.keys():
        raise WrongNumber(f"left by an archive that is refused: {sorted(left)[:3]}")


def as_listed(archive: Path, root: Path, below: str, before: Sizes, after: Sizes) -> None:
    """All that was written lies below one folder: each picture of a class in a split, and nothing else."""
    new = {path: size for path, size in after.items() if path not in before}
    if outside := [path for path in new if not path.startswith(below)]:
        raise WrongNumber(f"written outside the folder: {outside[:3]}")
    if sum(new.values()) > max(HARMLESS, MOST_TIMES * archive.stat().st_size):
        raise WrongNumber(f"a bomb was unpacked: {sum(new.values()):,} bytes of {archive.stat().st_size:,}")
    with zipfile.ZipFile(archive) as opened:
        listed = _pictures(opened)
        unpacked = {path.removeprefix(below) for path in new}
        if listed.keys() != unpacked:
            raise WrongNumber(f"other pictures than are listed: {sorted(listed.keys() ^ unpacked)[:3]}")
        for name, member in listed.items():
            if (root / below / name).read_bytes() != opened.read(member):
                raise WrongNumber(f"a picture with another content: {name}")


def _pictures(opened: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    listed: dict[str, zipfile.ZipInfo] = {}
    for member in opened.infolist():
        parts = PurePosixPath(member.filename).parts
        hidden = any(part.startswith((".", "__MACOSX")) for part in parts)
        placed = len(parts) >= 3 and parts[-3] in SPLITS and not hidden
        if placed and PurePosixPath(parts[-1]).suffix.lower() in SUFFIXES:
            if "/".join(parts[-3:]) in listed:
                raise WrongNumber(f"of two members of one name one vanishes: {member.filename}")
            listed["/".join(parts[-3:])] = member
    return listed
