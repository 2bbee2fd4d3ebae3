"""Files on a disk that are written whole or not at all, by any number of writers at once.

A file is written under a passing name of its writer's own, and renamed. The passing file is locked for as long as its
writer lives, so that what a killed one left can be told from what is written just now, and swept.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import BinaryIO
from uuid import uuid4

PASSING = re.compile(r"\.[0-9a-f]{32}\.part")
Content = bytes | memoryview


@contextmanager
def whole_file(path: str) -> Iterator[str]:
    """A passing file to write, which takes the path when the context ends well, and is removed otherwise."""
    part, held = _passing(os.path.dirname(path))
    try:
        yield part
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(part)
        raise
    finally:
        os.close(held)


def write_durably(path: str, parts: Sequence[Content]) -> None:
    """Write under another name, wait for the disk, then rename.

    A rename may reach the disk before the content does: without the wait, a power cut can leave an empty file under the
    final name. The other way round, the file is merely not there yet, as if the crash had come a moment earlier.
    """
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with whole_file(path) as part, open(part, "wb") as file:
        file.writelines(parts)
        _to_disk(file)


def linked(path: str, to: str) -> bool:
    """Whether a file could be put at a path as a link to another; not where that is on another disk.

    While it passes, it is locked as other passing files are: a lock is one of the file, under whatever name.
    """
    passing = os.path.join(os.path.dirname(to), _name())
    held = os.open(path, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(held, fcntl.LOCK_SH)
        os.link(path, passing)
        os.replace(passing, to)
    except OSError:  # on another disk
        return False
    finally:
        with suppress(FileNotFoundError):  # there where both were links to one file before
            os.unlink(passing)
        os.close(held)
    return True


def sweep(root: str) -> None:
    """Remove the passing files below a folder whose writers live no more."""
    for folder, _, names in os.walk(root):
        for name in filter(PASSING.fullmatch, names):
            _remove_if_left(os.path.join(folder, name))


def _passing(folder: str) -> tuple[str, int]:
    """A new passing file, locked. One that is swept before it is locked is made again."""
    while True:
        part = os.path.join(folder, _name())
        held = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        with suppress(OSError):  # a file system without locks, where nothing can be swept either
            fcntl.flock(held, fcntl.LOCK_EX)
        if os.path.exists(part):
            return part, held
        os.close(held)


def _name() -> str:
    return f".{uuid4().hex}.part"


def _remove_if_left(part: str) -> None:
    with suppress(OSError):  # its writer has renamed it, or holds it
        held = os.open(part, os.O_WRONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(part)
        finally:
            os.close(held)


def _to_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
