"""The boat photographs: downloaded or taken from a zip, unpacked, checked by size and layout.

The folder appears under its name when it is whole, and not before. Meanwhile everything lies in a hidden folder beside
it; what a killed process left there, the next one removes. An archive is not trusted: names, links, members and bytes
are looked at before anything is unpacked.
"""

from __future__ import annotations

import errno
import http.client
import lzma
import shutil
import stat
import struct
import time
import urllib.error
import urllib.request
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from filelock import FileLock, Timeout

from trainables.data.splits import SPLITS, Split
from trainables.data.tree import SUFFIXES, is_hidden
from trainables.errors import DataError, shown

BOATS_URL = "https://artist-cloud.ecs.soton.ac.uk/index.php/s/eAhIkhhdxgmhRHj/download"
BOATS_COUNTS: dict[Split, int] = {"train": 3474, "valid": 395, "test": 1324}  # as the course published them
MOST_MEMBERS = 100_000
MOST_BYTES = 16 << 30  # of the archive, and of its images unpacked
MOST_RATIO = 100  # images unpacked to packed: they are compressed already, and a bomb reaches 1,000
Progress = Callable[[int, int | None], None]
_CHUNK = 1 << 20
_TIMEOUT_S = 60.0  # without any answer
LEAST_PACE = 1000  # bytes a second after that time: one that drips for ever is not waited for
_ZIP = b"PK"
# What zipfile raises for archives that are damaged, encrypted, packed in a new way or made to deceive.
_DAMAGED = (BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, ValueError, struct.error, OverflowError)


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
        url: where the archive is (http or https), or the path of a zip.
        progress: told the bytes read so far, and how many there will be if the server says so.

    Raises:
        DataError: no connection, an archive that is incomplete, unsafe or too large, another layout, no room, `target`
            in the way, or another process that fetches into it. Then `target` is as it was.
    """
    target = Path(target)
    try:
        if target.exists():
            counts = _checked([path.relative_to(target) for path in target.glob("*/*/*")], str(target))
            return Fetched(target, counts, counts == BOATS_COUNTS, already_there=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        with _workplace(target) as work:
            archive = _download(url, Path(work, "archive.zip.part"), progress) if "://" in url else _on_disk(url)
            unpacked = Path(work, "unpacked")
            counts = _unpack(archive, unpacked, url)
            unpacked.rename(target)
    except OSError as error:
        mend = "make room" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "choose a folder that can be written"
        raise DataError(f"{shown(target)}: cannot be written ({error.strerror or error}); {mend}") from error
    return Fetched(target, counts, counts == BOATS_COUNTS, already_there=False)


@contextmanager
def _workplace(target: Path) -> Iterator[Path]:
    """A folder beside the target for what is not whole yet, empty and this process's alone; removed in the end."""
    work = target.with_name(f".{target.name}-unfinished")
    work.mkdir(exist_ok=True)
    lock = FileLock(work / "lock", timeout=0)  # the system gives it up when its process dies, however it does
    try:
        lock.acquire()
    except Timeout:
        raise DataError(f"{shown(target)}: another process is fetching into it; wait until that has ended") from None
    try:
        for left in work.iterdir():
            if left.name != "lock":
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
        lock.release()


def _download(url: str, part: Path, progress: Progress | None) -> Path:
    if not url.lower().startswith(("http://", "https://")):  # file: leads to devices and pipes, too
        raise DataError(f"{shown(url)}: cannot be downloaded; give a url of http or https, or the path of a zip")
    with _network_errors(url):
        request = urllib.request.Request(url, headers={"User-Agent": "transfer-study"})
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_S)
    with response, part.open("wb") as stream:
        length = response.headers.get("Content-Length", "")
        total = int(length[:20]) if length.isdigit() else None
        for done in _copy(url, response, stream):
            if progress is not None:
                progress(done, total)
    if total is not None and part.stat().st_size != total:
        raise DataError(f"{shown(url)}: broke off after {part.stat().st_size:,} of {total:,} bytes; try again")
    return part


def _copy(url: str, response: http.client.HTTPResponse, stream: BinaryIO) -> Iterator[int]:
    """Copy in chunks; yields the bytes copied so far. What is no zip, drips or never ends is not read to its end."""
    began, done, head = time.monotonic(), 0, b""
    while True:
        with _network_errors(url):
            chunk = response.read1(_CHUNK)
        if not chunk:
            return
        head += chunk[: 12 - len(head)]
        if not head.startswith(_ZIP[: len(head)]):
            raise DataError(f"{shown(url)}: not a zip archive (its first bytes are {head!r}); give another url")
        stream.write(chunk)
        done += len(chunk)
        if done > MOST_BYTES:
            raise DataError(f"{shown(url)}: more than {MOST_BYTES >> 30} GiB, and no end; give another")
        if (took_s := time.monotonic() - began) > _TIMEOUT_S and done < LEAST_PACE * took_s:
            raise DataError(f"{shown(url)}: {done:,} bytes came in {took_s:,.0f} s; try again, or give another url")
        yield done


@contextmanager
def _network_errors(url: str) -> Iterator[None]:
    try:
        yield
    except urllib.error.HTTPError as error:
        error.close()
        answer = f"{error.code} {shown(error.reason)}"
        raise DataError(f"{shown(url)}: the server answers {answer}; give another url") from error
    except (OSError, http.client.HTTPException) as error:
        cause = getattr(error, "reason", error)
        cause = getattr(cause, "strerror", None) or cause
        raise DataError(
            f"{shown(url)}: cannot be downloaded ({shown(cause)}); check the connection and the url"
        ) from error
    except ValueError as error:
        raise DataError(f"{shown(url)}: not a url ({shown(error)}); give one, or the path of a zip") from error


def _on_disk(path: str) -> Path:
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError) as error:
        raise _not_read(path, getattr(error, "strerror", None) or str(error)) from error
    if not stat.S_ISREG(mode):
        raise _not_read(path, "Is a directory" if stat.S_ISDIR(mode) else "a pipe, socket or device, not a file")
    return Path(path)


def _not_read(source: str, cause: str) -> DataError:
    return DataError(f"{shown(source)}: cannot be read ({cause}); give a url, or the path of a zip")


def _unpack(archive: Path, folder: Path, source: str) -> dict[Split, int]:
    """Unpack the images of the three splits into `folder`/<split>/<class>/<file>; returns their counts."""
    try:
        with _open_zip(archive, source) as opened:
            places = _places(opened, source)
            counts = _checked(places.values(), source)
            _refuse_bomb(places, source)
            for member, place in places.items():
                path = folder.joinpath(*place.parts)
                path.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(member) as content, path.open("wb") as stream:  # gives as many bytes as were announced
                    shutil.copyfileobj(content, stream)
    except _DAMAGED as error:
        raise DataError(f"{shown(source)}: not a whole zip archive ({shown(error)}); fetch it again") from error
    return counts


def _open_zip(archive: Path, source: str) -> ZipFile:
    try:
        return ZipFile(archive)
    except OSError as error:
        raise _not_read(source, error.strerror or str(error)) from error


def _places(opened: ZipFile, source: str) -> dict[ZipInfo, PurePosixPath]:
    """For each image of a class in a split: `<split>/<class>/<file>`."""
    members = opened.infolist()
    if len(members) > MOST_MEMBERS:
        raise DataError(f"{shown(source)}: {len(members):,} members, more than {MOST_MEMBERS:,}; give another archive")
    places: dict[ZipInfo, PurePosixPath] = {}
    roots: Counter[PurePosixPath] = Counter()
    for member in members:
        path = PurePosixPath(member.filename)
        _refuse_unsafe(member, path, source)
        depth = next((i for i, name in enumerate(path.parts) if name in SPLITS), None)
        hidden = any(map(is_hidden, path.parts))
        if depth is None or hidden or len(path.parts) != depth + 3 or path.suffix.lower() not in SUFFIXES:
            continue
        if member.is_dir():
            continue
        places[member] = PurePosixPath(*path.parts[depth:])
        roots[PurePosixPath(*path.parts[:depth])] += 1
    if len(roots) > 1:
        seen = _some([str(root) for root in roots])
        raise DataError(f"{shown(source)}: splits in more than one place ({seen}); give another archive")
    _refuse_repeated(places.values(), source)
    return places


def _refuse_unsafe(member: ZipInfo, path: PurePosixPath, source: str) -> None:
    outside = path.is_absolute() or ".." in path.parts or "\\" in member.filename or ":" in member.filename
    if outside or stat.S_ISLNK(member.external_attr >> 16):
        raise DataError(
            f"{shown(source)}: '{shown(member.filename)}' would lead out of the folder; do not trust this archive"
        )


def _refuse_repeated(places: Collection[PurePosixPath], source: str) -> None:
    name, times = Counter(places).most_common(1)[0] if places else (PurePosixPath(), 0)
    if times > 1:
        raise DataError(f"{shown(source)}: '{shown(name)}' is in it {times} times; give another archive")


def _refuse_bomb(members: Collection[ZipInfo], source: str) -> None:
    """What is announced is what is unpacked: zipfile gives no more of a member than it announces."""
    packed, unpacked = (sum(getattr(one, size) for one in members) for size in ("compress_size", "file_size"))
    if any(one.compress_type not in (ZIP_STORED, ZIP_DEFLATED) for one in members):
        raise DataError(f"{shown(source)}: packed in a way that is not unpacked here; pack it as an ordinary zip")
    if unpacked > MOST_BYTES or unpacked > max(_CHUNK, MOST_RATIO * packed):
        raise DataError(
            f"{shown(source)}: would unpack {packed:,} bytes to {unpacked:,}, more than {MOST_BYTES >> 30} GiB or "
            f"{MOST_RATIO} times as many; do not trust this archive"
        )


def _checked(images: Iterable[PurePath], source: str) -> dict[Split, int]:
    """Count the images in `<split>/<class>/<file>`; the three splits must have the same classes, two or more."""
    classes: dict[Split, Counter[str]] = {split: Counter() for split in SPLITS}
    for path in images:
        split, name, _ = path.parts
        if split in SPLITS and path.suffix.lower() in SUFFIXES:
            classes[split][name] += 1
    if len({frozenset(names) for names in classes.values()}) > 1 or len(classes["train"]) < 2:
        seen = ", ".join(f"{len(names)} in {split}" for split, names in classes.items())
        raise DataError(
            f"{shown(source)}: not the same classes, two or more, in train, valid and test ({seen}); give another"
        )
    return {split: names.total() for split, names in classes.items()}


def _some(names: list[str]) -> str:
    first = ", ".join(shown(name, 40) for name in names[:3])
    return f"{first} and {len(names) - 3} more" if len(names) > 3 else first
