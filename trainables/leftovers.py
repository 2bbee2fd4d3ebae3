"""Files of the cache while they are written, and what processes that were killed left of them.

A file gets its name when it is whole. Until then it is a `.part`, locked by its writer for as long as that one lives.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from trainables.cache import ARRAYS, PLACES, UNFINISHED_S


@contextmanager
def passing(folder: Path) -> Iterator[Path]:
    """Where to write a file that gets its name by being moved when it is whole; removed if it never is.

    It is locked for as long as its writer lives, so that `clean` can tell what a killed one left.
    """
    part, held = _passing(folder)
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)
        os.close(held)


def clean(cache: Path) -> None:
    """Remove what killed processes left: files half written, and words about what is not there."""
    for folder, *_ in PLACES:
        with suppress(OSError):  # not there, or not for this user: who needs it will say so
            _clean(cache / folder, words=folder in ("images", "features"))


def clean_if_due(cache: Path) -> None:
    """Clean a cache that nobody has cleaned for an hour: what is younger stays anyhow. For every process of a trial."""
    cleaned = cache / "cleaned"
    with suppress(OSError):  # no cache, or not for this user: who needs it will say so
        if not (cleaned.exists() and 0 <= time.time() - cleaned.stat().st_mtime < UNFINISHED_S):
            cleaned.touch()
            clean(cache)


def _clean(folder: Path, *, words: bool) -> None:
    """Clean one folder, listed once.

    Args:
        words: whether a .json there is about arrays beside it.
    """
    paths = [folder / name for name in os.listdir(folder)]
    keys = {path.name.split(".")[0].partition("-")[0] for path in paths if path.suffix in ARRAYS}
    for path in paths:
        if path.suffix == ".part":
            _remove_if_left(path)
        elif words and path.suffix == ".json" and path.stem not in keys:
            _remove_if_alone(path)


def _remove_if_alone(beside: Path) -> None:
    with suppress(OSError, Timeout), FileLock(beside.with_suffix(".lock"), timeout=0):
        if _is_alone(beside):  # nobody has made the images meanwhile
            beside.unlink()


def _is_alone(beside: Path) -> bool:
    return not any(path.suffix in ARRAYS for path in beside.parent.glob(f"{beside.stem}*"))


def _passing(folder: Path) -> tuple[Path, int]:
    """A new passing file, locked. One that is cleaned away before it is locked is made again."""
    while True:
        part = folder / f"{uuid4().hex}.part"
        held = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        with suppress(OSError):  # a file system without locks, where nothing can be cleaned either
            fcntl.flock(held, fcntl.LOCK_EX)
        if part.exists():
            return part, held
        os.close(held)


def _remove_if_left(part: Path) -> None:
    """Remove it if it is unlocked and old: a lock alone says nothing where locks hold on one node only."""
    with suppress(OSError):  # its writer lives, or has moved it; or it is a link, or a pipe without a reader
        held = os.open(part, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            if _is_old(os.fstat(held)):
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                part.unlink()
        finally:
            os.close(held)


def _is_old(about: os.stat_result) -> bool:
    return stat.S_ISREG(about.st_mode) and time.time() - about.st_mtime > UNFINISHED_S
