"""The boat photographs: downloaded or taken from a zip, unpacked, checked by size and layout.

The folder appears under its name when it is whole, and not before.
"""

from __future__ import annotations

import errno
import fcntl
import glob
import http.client
import os
import shutil
import stat
import urllib.error
import urllib.request
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from tempfile import TemporaryDirectory
from typing import BinaryIO
from zipfile import BadZipFile, ZipFile, ZipInfo

from trainables.data.folders import SUFFIXES
from trainables.data.splits import SPLITS, Split
from trainables.errors import DataError

BOATS_URL = "https://artist-cloud.ecs.soton.ac.uk/index.php/s/eAhIkhhdxgmhRHj/download"
BOATS_COUNTS: dict[Split, int] = {"train": 3474, "valid": 395, "test": 1324}  # as the course published them
Progress = Callable[[int, int | None], None]
_CHUNK = 1 << 20
_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Fetched:
    """What lies in `path` now.

    Attributes:
        counts: images in each split.
        expected: whether these are the published counts.
        already_there: whether nothing had to be done.
    """

    path: Path
    counts: dict[Split, int]
    expected: bool
    already_there: bool


def fetch_boats(target: Path, *, url: str = BOATS_URL, progress: Progress | None = None) -> Fetched:
    """Put the boat photographs of the MarDCT set, as the course divided them, into `target`/{train,valid,test}/<class>.

    Only images of classes are unpacked from the archive, at whatever depth its three splits lie.

    Args:
        target: the folder to make; one that already holds three such splits is left as it is.
        url: where the archive is, or the path of a zip.
        progress: told the bytes read so far, and how many there will be if the server says so.

    Raises:
        DataError: no connection, an incomplete or unsafe archive, another layout, no room, or `target` in the way. Then
            `target` is as it was.
    """
    target = Path(target)
    if target.exists():
        counts = _checked([path.relative_to(target) for path in target.glob("*/*/*")], str(target))
        return Fetched(target, counts, counts == BOATS_COUNTS, already_there=True)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _workplace(target) as work:
            archive = _download(url, Path(work, "archive.zip.part"), progress) if "://" in url else Path(url)
            unpacked = Path(work, "unpacked")
            counts = _unpack(archive, unpacked, url)
            unpacked.rename(target)
    except OSError as error:
        mend = "make room" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "choose a folder that can be written"
        raise DataError(f"{target}: cannot be written ({error.strerror or error}); {mend}") from error
    return Fetched(target, counts, counts == BOATS_COUNTS, already_there=False)


@contextmanager
def _workplace(target: Path) -> Iterator[Path]:
    """A folder beside the target, locked for as long as it is used; what fetches left that were killed is removed."""
    prefix = f".{target.name}-fetching-"
    for left in target.parent.glob(f"{glob.escape(prefix)}*"):
        _remove_if_left(left)
    with TemporaryDirectory(prefix=prefix, dir=target.parent) as work:
        held = os.open(work, os.O_RDONLY)
        try:
            with suppress(OSError):  # a file system without locks, where nothing is removed either
                fcntl.flock(held, fcntl.LOCK_EX)
            yield Path(work)
        finally:
            os.close(held)


def _remove_if_left(work: Path) -> None:
    with suppress(OSError):  # whoever made it lives
        held = os.open(work, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(work)
        finally:
            os.close(held)


def _download(url: str, part: Path, progress: Progress | None) -> Path:
    with _network_errors(url):
        request = urllib.request.Request(url, headers={"User-Agent": "transfer-study"})
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_S)
    with response, part.open("wb") as stream:
        length = response.headers.get("Content-Length", "")
        total = int(length) if length.isdigit() else None
        for done in _copy(url, response, stream):
            if progress is not None:
                progress(done, total)
    if total is not None and part.stat().st_size != total:
        raise DataError(f"{url}: broke off after {part.stat().st_size:,} of {total:,} bytes; try again")
    return part


def _copy(url: str, response: BinaryIO, stream: BinaryIO) -> Iterator[int]:
    """Copy in chunks; yields the bytes copied so far."""
    done = 0
    while True:
        with _network_errors(url):
            chunk = response.read(_CHUNK)
        if not chunk:
            return
        stream.write(chunk)
        done += len(chunk)
        yield done


@contextmanager
def _network_errors(url: str) -> Iterator[None]:
    try:
        yield
    except urllib.error.HTTPError as error:
        error.close()
        raise DataError(f"{url}: the server answers {error.code} {error.reason}; give another url") from error
    except (OSError, http.client.HTTPException) as error:
        cause = getattr(error, "reason", error)
        cause = getattr(cause, "strerror", None) or cause
        raise DataError(f"{url}: cannot be downloaded ({cause}); check the connection and the url") from error
    except ValueError as error:
        raise DataError(f"{url}: not a url ({error}); give one, or the path of a zip") from error


def _unpack(archive: Path, folder: Path, source: str) -> dict[Split, int]:
    """Unpack the images of the three splits into `folder`/<split>/<class>/<file>; returns their counts."""
    try:
        with _open_zip(archive, source) as opened:
            places = _places(opened, source)
            counts = _checked(places.values(), source)
            for member, place in places.items():
                path = folder.joinpath(*place.parts)
                path.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(member) as content, path.open("wb") as stream:
                    shutil.copyfileobj(content, stream)
    except (BadZipFile, zlib.error, EOFError, RuntimeError) as error:  # RuntimeError: encrypted, or too new a method
        raise DataError(f"{source}: not a whole zip archive ({error}); fetch it again") from error
    return counts


def _open_zip(archive: Path, source: str) -> ZipFile:
    try:
        return ZipFile(archive)
    except OSError as error:
        raise DataError(f"{source}: cannot be read ({error.strerror}); give a url, or the path of a zip") from error


def _places(opened: ZipFile, source: str) -> dict[ZipInfo, PurePosixPath]:
    """For each image of a class in a split: `<split>/<class>/<file>`."""
    places: dict[ZipInfo, PurePosixPath] = {}
    roots: Counter[PurePosixPath] = Counter()
    for member in opened.infolist():
        path = PurePosixPath(member.filename)
        _refuse_unsafe(member, path, source)
        depth = next((i for i, name in enumerate(path.parts) if name in SPLITS), None)
        hidden = any(name.startswith((".", "__MACOSX")) for name in path.parts)
        if depth is None or hidden or len(path.parts) != depth + 3 or path.suffix.lower() not in SUFFIXES:
            continue
        places[member] = PurePosixPath(*path.parts[depth:])
        roots[PurePosixPath(*path.parts[:depth])] += 1
    if len(roots) > 1:
        raise DataError(f"{source}: splits in more than one place ({', '.join(map(str, roots))}); give another archive")
    return places


def _refuse_unsafe(member: ZipInfo, path: PurePosixPath, source: str) -> None:
    outside = path.is_absolute() or ".." in path.parts or "\\" in member.filename or ":" in member.filename
    if outside or stat.S_ISLNK(member.external_attr >> 16):
        raise DataError(f"{source}: '{member.filename}' would lead out of the folder; do not trust this archive")


def _checked(images: Iterable[PurePath], source: str) -> dict[Split, int]:
    """Count the images in `<split>/<class>/<file>`; the three splits must have the same classes, two or more."""
    classes: dict[Split, Counter[str]] = {split: Counter() for split in SPLITS}
    for path in images:
        split, name, _ = path.parts
        if split in SPLITS and path.suffix.lower() in SUFFIXES:
            classes[split][name] += 1
    if len({frozenset(names) for names in classes.values()}) > 1 or len(classes["train"]) < 2:
        seen = ", ".join(f"{len(names)} in {split}" for split, names in classes.items())
        raise DataError(f"{source}: not the same classes, two or more, in train, valid and test ({seen}); give another")
    return {split: names.total() for split, names in classes.items()}
