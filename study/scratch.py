"""Temporary folders of this program: each is locked while its process lives, and what a killed one left is removed.

    transfer-study-curves-node7-k3v9x2ab/    in $TMPDIR or /tmp, for its user alone (0700)

The name of the machine is in theirs, since a temporary folder may be shared by machines that do not see each other's
locks. (Ray has a folder with a short name, see cluster/ray_folder.py: the paths of sockets are short.)
"""

from __future__ import annotations

import fcntl
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

What = Literal["board", "code", "curves", "job", "ray", "tune"]
PREFIX = "transfer-study-"


@contextmanager
def scratch(what: What) -> Iterator[Path]:
    """An empty folder for as long as the context lasts; what killed processes left beside it is removed first.

    Args:
        what: it is for, in its name.
    """
    remove_leftovers(Path(tempfile.gettempdir()))
    folder, lock = _made(what)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def remove_leftovers(parent: Path) -> None:
    """Remove the folders of this user's processes that live no more; what cannot be removed does no harm."""
    name = re.compile(rf"{PREFIX}[a-z]+-{_machine()}-\w{{8}}")
    with suppress(OSError):
        for entry in os.scandir(parent):
            if name.fullmatch(entry.name):
                _remove_if_left(entry.path)


def _made(what: What) -> tuple[Path, int]:
    """A new folder and its lock. One that is removed before it is locked is made again."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{what}-{_machine()}-"))
        with suppress(OSError):  # removed already
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            with suppress(OSError):  # a file system without locks, where nothing is removed either
                fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():
                return folder, lock
            os.close(lock)


def _remove_if_left(path: str) -> None:
    with suppress(OSError):  # its process lives; or it is a link, a file or somebody else's
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            if os.fstat(lock).st_uid == os.getuid():
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(lock)


def _machine() -> str:
    """Its name as a part of a file's name."""
    return re.sub(r"[^A-Za-z0-9]", "_", platform.node())[:30] or "_"
