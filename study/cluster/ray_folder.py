"""The folder of Ray on this machine: each driver has one of its own, into which nobody else can look.

    ts-k3v9x2ab/    for its user alone (0700), locked for as long as the driver lives
      token         what Ray asks everybody for (0600)
      stderr        what its libraries wrote to this process's standard error as they started
      r/            what Ray writes: sockets, logs, spilled objects. It opens this folder to all users of the machine

Ray leaves its files behind. Here they are removed in the end, and those of a driver that was killed by the next one,
which knows from the lock that nobody lives there. (Process ids would not do: a container counts its own, and may share
the folder.)
"""

from __future__ import annotations

import atexit
import errno
import fcntl
import os
import re
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from analysis.records.errors import cut
from study.cluster.nodes import ClusterError

UNFINISHED = "new-"  # before its name, where nobody looks for what is left over
NAME = re.compile(r"ts-\w{8}")
CONTENT = {"token", "stderr", "r"}
DEEPEST = "r/session_2026-11-27_22-30-48_123456_{pid}/sockets/plasma_store"  # below it, as Ray names things
SOCKET_BYTES = 103 if sys.platform == "darwin" else 107  # that the path of a socket may have


class StartError(ClusterError):
    """Ray does not start on this machine. Its folder stays, for the logs in it, until the next driver comes."""


@dataclass(frozen=True)
class RayFolder:
    """Where Ray's files lie, and the token of its session."""

    path: Path

    @property
    def token(self) -> Path:
        return self.path / "token"

    @property
    def words(self) -> Path:
        return self.path / "stderr"

    @property
    def temporary(self) -> Path:
        """What Ray takes for its temporary folder."""
        return self.path / "r"


@contextmanager
def ray_folder() -> Iterator[RayFolder]:
    """A folder for as long as the context lasts, in $RAY_TMPDIR, $TMPDIR or /tmp; what others left is removed first.

    Raises:
        StartError: nothing can be kept there, or its path is too long for Ray, or has letters beyond ASCII.
    """
    parent, why = _parent()
    if unfit := _unfit(parent):
        raise StartError(
            f"Ray cannot keep its files in {cut(str(parent), 60)} ({why}): it {unfit}; set RAY_TMPDIR to a short "
            "folder of this machine, such as /tmp; the study is as it was"
        )
    try:
        parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(parent)
        folder, lock = _made(parent)
    except OSError as error:
        raise StartError(
            f"Ray cannot keep its files in {cut(str(parent), 60)} ({error.strerror}; {why}); set RAY_TMPDIR to a "
            "folder of this machine that you can write, such as /tmp; the study is as it was"
        ) from error
    kept = False
    remove = partial(shutil.rmtree, folder.path, ignore_errors=True)
    # Runs after Ray's own, which ends what an interrupt left half started. That may write here until then: the folder
    # was seen again after it had been removed.
    atexit.register(remove)
    try:
        yield folder
    except StartError:
        kept = True
        raise
    finally:
        if kept:
            atexit.unregister(remove)
        else:
            remove()
        os.close(lock)


def remove_leftovers(parent: Path) -> None:
    """Remove the folders of this user's drivers that live no more; what cannot be removed does no harm."""
    for path in parent.glob("ts-*"):
        if NAME.fullmatch(path.name) and (lock := _locked(path)) is not None:
            shutil.rmtree(path, ignore_errors=True)
            os.close(lock)


def _parent() -> tuple[Path, str]:
    """Where Ray keeps its files, and why there; TMPDIR counts as it does for Ray: not on macOS, where it is long."""
    for variable in ("RAY_TMPDIR",) if sys.platform == "darwin" else ("RAY_TMPDIR", "TMPDIR"):
        if value := os.environ.get(variable):
            return Path(value).absolute(), f"{variable} says so"
    return Path("/tmp"), "RAY_TMPDIR is not set"


def _unfit(parent: Path) -> str | None:
    """What keeps Ray from using a path, by its letters alone; None where nothing does."""
    if not str(parent).isascii():  # its worker encodes the paths of sockets so
        return "has letters beyond ASCII, which Ray cannot use"
    longest = os.fsencode(parent / "ts-12345678" / DEEPEST.format(pid=os.getpid()))
    if len(longest) > SOCKET_BYTES:
        return f"is {len(longest) - SOCKET_BYTES} bytes too long for the paths of sockets"
    return None


def _made(parent: Path) -> tuple[RayFolder, int]:
    """A new folder, locked before it has the name by which others look for it."""
    made = Path(tempfile.mkdtemp(prefix=f"{UNFINISHED}ts-", dir=parent))
    lock = _locked(made)
    if lock is None:
        made.rmdir()
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
    folder = RayFolder(made.rename(parent / made.name.removeprefix(UNFINISHED)))
    folder.token.touch(mode=0o600)
    folder.token.write_text(secrets.token_hex(32))
    return folder, lock


def _locked(path: Path) -> int | None:
    """The lock of a folder of ours, as an open file: it is given back when that is closed, or the process ends.

    None where somebody has it, or the folder is not one of ours.
    """
    try:
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        if os.fstat(lock).st_uid == os.getuid() and set(os.listdir(lock)) <= CONTENT:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
    except OSError:
        pass
    os.close(lock)
    return None
