"""Whole files below one place: a folder on a disk or on NFS, or `s3://bucket/prefix`, through pyarrow's file systems.

A file is written whole or not at all, and never appended to, so that all these places look alike; several may write the
same one at once, and the last is read. What fails for a while (a server that restarts, a network that is down) is tried
again with growing pauses; what fails for good (a full disk, no permission) is said at once. No name leads out of the
place. Knows nothing of what the files mean.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import reprlib
import shutil
import time
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TypeVar
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import fs

from analysis.records.errors import StorageError
from analysis.records.slugs import visible
from analysis.records.whole_files import PASSING, Content, linked, sweep, whole_file, write_durably

PATIENCE_S = 120.0  # how long a place may be out of reach before whoever uses it gives up
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 8.0
AT_ONCE = 16  # requests to an object store, where one takes milliseconds of waiting
CHUNK = 1 << 24  # bytes
LONGEST_SHOWN = 60  # characters of a name
LASTING = (FileNotFoundError, PermissionError, NotADirectoryError, IsADirectoryError, FileExistsError)
LASTING_NUMBERS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.ENAMETOOLONG})
# As the AWS library names them; pyarrow gives its errors no kinds.
LASTING_NAMES = (
    "ACCESS_DENIED",
    "NO_SUCH_BUCKET",
    "INVALID_ACCESS_KEY_ID",
    "SIGNATURE_DOES_NOT_MATCH",
    "EXPIRED_TOKEN",
)
CREDENTIALS = "endpoint, region and credentials come from the environment (AWS_ENDPOINT_URL, AWS_REGION, ...)"

logger = logging.getLogger(__name__)
T = TypeVar("T")


class Storage:
    """The files below one place, by names such as `records/a/0000-started.json`. It pickles as its location.

    Args:
        location: a folder, or a URI that pyarrow knows.
        patience_s: how long a failing request is tried again.

    Raises:
        StorageError: no such kind of place.
    """

    def __init__(self, location: str, *, patience_s: float = PATIENCE_S) -> None:
        self.location = location.rstrip("/") if location.partition("://")[2] else location
        self.patience_s = patience_s
        self._decomposed: dict[str, str] = {}  # by a name in composed letters, the one on a disk that splits é in two
        try:
            self.fs, self.root = _opened(self.location)
        except (pa.ArrowInvalid, OSError) as error:
            raise StorageError(f"{location}: not a usable storage location ({first_line(error)})") from error

    def __reduce__(self) -> tuple[object, ...]:
        """Pickled, it is opened anew where it arrives, with the endpoint and credentials of that machine."""
        return type(self), (self.absolute,), {"patience_s": self.patience_s}

    @property
    def absolute(self) -> str:
        """The location in a form that means the same in every process: the URI, or the absolute path."""
        return self.location if "://" in self.location else os.path.abspath(self.location)

    @property
    def folder(self) -> Path | None:
        """The folder on this machine, or None where the place is none."""
        return Path(self.root) if isinstance(self.fs, fs.LocalFileSystem) else None

    def file(self, name: str) -> Path | None:
        """One file on this machine, or None where the place is none."""
        return Path(self._at(name)) if self.folder is not None else None

    def path(self, name: str) -> str:
        """The path or URI of one file, for people."""
        return f"{self.location if '://' in self.location else self.root}/{name}"

    def exists(self, name: str = "") -> bool:
        path = self._at(name)
        return self._patiently(
            self.path(name), "read", lambda: bool(self.fs.get_file_info(path).type != fs.FileType.NotFound)
        )

    def write_bytes(self, name: str, content: Content) -> None:
        """Write one whole file; a reader sees either all of it or none of it.

        Raises:
            StorageError: the place cannot be written.
        """
        self.write_parts(name, [content])

    def write_parts(self, name: str, parts: Sequence[Content]) -> None:
        """Like `write_bytes`, for a file that is several buffers one after the other."""
        path = self._own(name)
        write = write_durably if self.folder is not None else self._put  # an object store puts whole objects
        self._patiently(self.path(name), "written", lambda: write(path, parts))

    def read_bytes(self, name: str) -> bytes:
        """Read one whole file.

        Raises:
            StorageError: it is missing or cannot be read.
        """
        return self._patiently(self.path(name), "read", lambda: self._get(name))

    def read_many(self, names: Sequence[str]) -> Iterable[bytes]:
        """Read several files, in their order; from an object store many at a time."""
        if self.folder is not None:
            return map(self.read_bytes, names)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(self.read_bytes, names))

    def fetch(self, name: str, path: Path) -> None:
        """Copy one file to a path on this machine, whole or not at all; on the same disk it is linked instead."""
        self._patiently(self.path(name), "read", lambda: self._fetch(name, path))

    def delete(self, name: str) -> None:
        """Delete one file, if it is there."""
        path = self._own(name)

        def gone() -> None:
            with suppress(FileNotFoundError):
                self.fs.delete_file(path)

        self._patiently(self.path(name), "deleted", gone)

    def sweep(self) -> None:
        """Remove what writers that were killed left half written, and nothing that one writes just now.

        In an object store nothing is left.
        """
        if self.folder is not None:
            sweep(self.root)

    def sizes(self, below: str) -> dict[str, int]:
        """The files below a folder, with their bytes, in the order of their names, relative to the location."""
        return {name: int(info.size) for name, info in self._listed(below).items()}

    def times(self, below: str) -> dict[str, float]:
        """When each file below a folder was last written: seconds since 1970 by the clock of the place itself."""
        return {name: info.mtime_ns / 1e9 for name, info in self._listed(below).items()}

    def names(self, below: str, suffix: str = "") -> list[str]:
        """Names of the files below a folder, sorted, relative to the location."""
        return [name for name in self.sizes(below) if name.endswith(suffix)]

    def _listed(self, below: str) -> dict[str, fs.FileInfo]:
        selector = fs.FileSelector(self._at(below), allow_not_found=True, recursive=True)
        found = self._patiently(self.path(below), "read", lambda: self.fs.get_file_info(selector))
        start = len(self.root) + 1
        try:
            files = [(info.path[start:], info) for info in found if info.type == fs.FileType.File]
        except UnicodeDecodeError as error:  # pyarrow gives no other paths
            name = repr(error.object.rpartition(b"/")[2])[2:-1][-LONGEST_SHOWN:]
            raise StorageError(f"{self.path(below)}: {name} in it is no name in UTF-8; rename or remove it") from None
        named: dict[str, fs.FileInfo] = {}
        for name, info in files:
            if _is_a_name(name):
                composed = self._composed(name)
                if composed in named:
                    shown = f"{visible(composed[-LONGEST_SHOWN:])} is there twice, its accents written in two ways"
                    raise StorageError(f"{self.path(below)}: {shown}; remove the one that is a copy")
                named[composed] = info
        return dict(sorted(named.items()))

    def _composed(self, name: str) -> str:
        """A name as records have it, in NFC: a copy from an older Mac, or an archive made there, has it in NFD."""
        composed = unicodedata.normalize("NFC", name)
        if composed == name or self._keeps_names:
            return name
        self._decomposed[composed] = name
        return composed

    @property
    def _keeps_names(self) -> bool:
        """Whether what is written in NFD is meant so. Asked where there is such a name."""
        return False

    def _at(self, name: str) -> str:
        """Where a file lies: below this place, whoever made its name."""
        if not _leads_below(name):
            raise StorageError(f"{self.location}: {reprlib.repr(name)} names no file in this place")
        return f"{self.root}/{self._decomposed.get(name, name)}".rstrip("/")

    def _own(self, name: str) -> str:
        """The same of a file that is written or deleted: no link in this place leads elsewhere either."""
        path = self._at(name)
        if self.folder is not None:
            place, leads_to = os.path.realpath(self.root), os.path.realpath(os.path.dirname(path))
            if os.path.commonpath([place, leads_to]) != place:
                raise StorageError(f"{path}: a link leads out of {self.location}, to {leads_to}; remove the link")
        return path

    def _get(self, name: str) -> bytes:
        with self.fs.open_input_stream(self._at(name)) as stream:
            content: bytes = stream.read()
        return content

    def _put(self, path: str, parts: Sequence[Content]) -> None:
        with self.fs.open_output_stream(path) as stream:
            for part in parts:
                stream.write(part)

    def _fetch(self, name: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        source = self._at(name)
        if self.folder is not None and linked(source, str(path)):
            return
        with whole_file(str(path)) as part, self.fs.open_input_stream(source) as stream, open(part, "wb") as file:
            shutil.copyfileobj(stream, file, CHUNK)

    def _patiently(self, path: str, done: str, work: Callable[[], T]) -> T:
        began, pause_s = time.monotonic(), FIRST_PAUSE_S
        while True:
            try:
                return work()
            except OSError as error:
                left_s = began + self.patience_s - time.monotonic()
                if _lasts(error) or left_s <= 0:
                    raise StorageError(f"{path}: cannot be {done} ({_cause(error)}){self._mend(error)}") from error
                if pause_s == FIRST_PAUSE_S:
                    shown = visible(path)
                    logger.warning("%s: cannot be %s (%s); trying again for %.0f s", shown, done, _cause(error), left_s)
                time.sleep(min(pause_s, left_s))
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _mend(self, error: OSError) -> str:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return "; make room, then resume the study"
        if _lasts(error) or not self.patience_s:
            return ""
        return f" for {self.patience_s:.0f} s; resume the study when it can be reached again"


def first_line(error: Exception) -> str:
    """The first line of an error's message, or its kind where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _opened(location: str) -> tuple[fs.FileSystem, str]:
    if "://" not in location:
        return fs.LocalFileSystem(), str(PurePosixPath(location))
    if location.startswith("s3://"):
        return _s3(location)
    opened: tuple[fs.FileSystem, str] = fs.FileSystem.from_uri(location)
    return opened


def _s3(uri: str) -> tuple[fs.FileSystem, str]:
    root = uri.removeprefix("s3://")
    bucket = root.partition("/")[0]
    if not bucket or "?" in uri or "@" in bucket:  # such URIs would put secrets into records and logs
        raise StorageError(f"{uri}: not of the form s3://bucket/prefix; {CREDENTIALS}")
    endpoint = urlsplit(os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or "")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not region and not endpoint.netloc:
        region = fs.resolve_s3_region(bucket)
    # allow_delayed_open: a small file is one request. Without background writes a large one is not queued in memory.
    options = {"allow_delayed_open": True, "background_writes": False}
    where = {"endpoint_override": endpoint.netloc, "scheme": endpoint.scheme} if endpoint.netloc else {}
    return fs.S3FileSystem(region=region, **where, **options), root


def _lasts(error: OSError) -> bool:
    if isinstance(error, LASTING) or error.errno in LASTING_NUMBERS:
        return True
    return any(name in str(error) for name in LASTING_NAMES)


def _cause(error: OSError) -> str:
    """Why a request failed: what the system says, or the heart of what the AWS library says."""
    reason = error.strerror or first_line(error)
    aws = re.search(r"AWS Error (.+?)(?:; Details:.*| \(Request ID:.*)?$", reason)
    return aws.group(1) if aws else reason


def _leads_below(name: str) -> bool:
    """Whether a name stays in the place that it is said of; in an object store anybody may have written others."""
    return not name.startswith("/") and "\0" not in name and not {".", ".."} & set(name.split("/"))


def _is_a_name(name: str) -> bool:
    """Whether it is a file's own name, and not a passing one."""
    return _leads_below(name) and not PASSING.fullmatch(name.rpartition("/")[2])
