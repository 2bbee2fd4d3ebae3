"""One study, one driver: a lock and a lease on a disk, a lease in an object store.

An object store has no locks, and on a network's disk they may hold on one machine only. There every driver keeps an
object of its own below `drivers/`, written again every REFRESH_S seconds: it writes its own first and then looks at the
others, so of two that start together at least one sees the other, and gives way (both do, if they meet). All ages are
differences of the store's own times, so the clocks of the machines do not matter, nor whether they go on in sleep.
On a disk the lock says whether another driver of this machine is at work, at once; the lease, whether one of another
machine is.

What it cannot do: a driver that died is only believed to be dead after LEASE_S, since nobody but itself can say
so, and it presumes a store that shows at once what was written (S3 does). A driver that was frozen for longer than
LEASE_S, and replaced meanwhile, finds out at its next refresh and stops; what it wrote in between is not undone.
"""

from __future__ import annotations

import logging
import math
import os
import platform
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from uuid import uuid4

from filelock import FileLock, Timeout

from analysis.records.errors import StorageError
from analysis.records.storage import PATIENCE_S, Storage
from trainables.errors import InputError

LEASE_S = PATIENCE_S + 30.0  # longer than a live driver may be out of reach of its storage
REFRESH_S = 15.0
OBJECT = re.compile(r"drivers/(?P<host>[^/]*)-(?P<process>\d+)-[0-9a-f]{8}")  # a system may leave others there

logger = logging.getLogger(__name__)


class InUseError(InputError):
    """Another process runs the study."""


@contextmanager
def alone(storage: Storage) -> Iterator[Lease]:
    """Keep a second process from running the study at this place, for as long as the context lasts.

    Raises:
        InUseError: one runs it already.
        StorageError: the place cannot be written.
    """
    with _locked(storage) if storage.folder else nullcontext(), Lease(storage, locked=bool(storage.folder)) as lease:
        storage.sweep()  # who runs the study is alone, but reports may be written meanwhile
        yield lease


@contextmanager
def _locked(storage: Storage) -> Iterator[None]:
    assert storage.folder is not None, "an object store has no locks"
    try:
        storage.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(storage.folder / ".lock", timeout=0)
        lock.acquire()
    except Timeout as error:
        raise InUseError(
            f"{storage.location}: another process runs this study; wait for it, or stop it first"
        ) from error
    except OSError as error:
        raise StorageError(f"{storage.location}: cannot be locked ({error.strerror})") from error
    try:
        yield
    finally:
        lock.release()


class Lease:
    """The object of one driver, kept fresh by a thread of its own. Use as a context manager.

    Args:
        storage: where the study is.
        lease_s: age at which an object that is not refreshed counts for nothing.
        refresh_s: seconds between two refreshments.
        locked: whether a lock keeps other drivers of this machine away, so that their objects count for nothing.
    """

    def __init__(
        self, storage: Storage, *, lease_s: float = LEASE_S, refresh_s: float = REFRESH_S, locked: bool = False
    ) -> None:
        self._storage, self._lease_s, self._refresh_s, self._locked = storage, lease_s, refresh_s, locked
        self._at_once = Storage(storage.absolute, patience_s=0.0)  # nobody waits for the thread, nor for the release
        self._host = platform.node()
        self._name = f"drivers/{self._host}-{os.getpid()}-{uuid4().hex[:8]}"
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._lost_to: str | None = None

    def __enter__(self) -> Lease:
        self._refresh(self._storage)
        other = self._other(self._storage)
        if other is not None:
            self._storage.delete(self._name)
            raise InUseError(
                f"{self._storage.location}: another process ({_who(other.name)}) runs this study; wait for it, or stop "
                f"it first; if it was killed, try again in {math.ceil(other.left_s)} s"
            )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._thread.join()
        try:
            self._at_once.delete(self._name)
            if self._storage.folder is not None:
                with suppress(OSError):  # another driver's is in it
                    (self._storage.folder / "drivers").rmdir()
        except StorageError as error:  # it grows old by itself; what ended the study matters more
            logger.warning("%s", error)

    def check(self) -> None:
        """Refuse to go on where another driver has taken the study over.

        Raises:
            InUseError: one has.
        """
        if self._lost_to is not None:
            raise InUseError(
                f"{self._storage.location}: {_who(self._lost_to)} took this study over while this process stood still "
                f"for more than {self._lease_s:.0f} s; leave it to that one"
            )

    def _keep(self) -> None:
        while not self._released.wait(self._refresh_s):
            try:
                self._renew()
            except StorageError as error:  # the next round tries again; the study's own records say that they wait
                logger.info("%s", error)

    def _renew(self) -> None:
        """Refresh; who then finds the own object removed or grown old has stood still, and may have been replaced.

        That is known by the store's time alone: on a laptop that sleeps, Python's monotonic clock stands still too.
        """
        before = self._at_once.times("drivers").get(self._name)
        self._refresh(self._at_once)
        now = self._at_once.times("drivers").get(self._name)
        if now is None:  # removed just now by one that had looked before: the next round asks
            return
        if before is None or now - before > self._lease_s:
            other = self._other(self._at_once)
            self._lost_to = other.name if other else None

    def _refresh(self, storage: Storage) -> None:
        storage.write_bytes(self._name, b"")

    def _other(self, storage: Storage) -> _Other | None:
        """The other driver with the freshest object, by the store's own time; where none is fresh all are removed.

        One that is dated ahead by more than LEASE_S is not fresh: it is from before the store's clock was set back.
        """
        times = storage.times("drivers")
        now = times.pop(self._name)
        others = [_Other(name, self._lease_s - (now - at)) for name, at in times.items() if OBJECT.fullmatch(name)]
        rivals = [other for other in others if not (self._locked and _host(other.name) == self._host)]
        fresh = [other for other in rivals if 0 < other.left_s < 2 * self._lease_s]
        if fresh:
            return max(fresh, key=lambda other: other.left_s)
        for other in others:
            storage.delete(other.name)
        return None


@dataclass(frozen=True)
class _Other:
    """Another driver, and for how long its lease holds if it is not refreshed."""

    name: str
    left_s: float


def _host(name: str) -> str:
    return _parts(name)["host"]


def _who(name: str) -> str:
    return f"{_host(name)}, process {_parts(name)['process']}"


def _parts(name: str) -> re.Match[str]:
    found = OBJECT.fullmatch(name)
    assert found, name
    return found
