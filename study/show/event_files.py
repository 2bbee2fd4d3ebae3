"""Where a study's TensorBoard event files are written, kept and shown.

TensorBoard appends to its files and reads them from a disk. In a folder they are written in place. For an object store
they are written in a temporary folder and put whole into the store when a trial ends; to be shown, they are copied
back into one, and again while they are looked at.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from analysis.records.errors import StorageError
from analysis.records.storage import AT_ONCE, Storage

REFRESH_S = 15.0

logger = logging.getLogger(__name__)


class EventFiles:
    """The event files of one study, while it runs. Use as a context manager around it.

    Attributes:
        folder: where to write them, on this machine.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._at_once = Storage(storage.absolute, patience_s=0.0)
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        if storage.folder is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="transfer-study-curves-")
        self.folder = storage.folder or Path(self._scratch.name if self._scratch else "")
        self._kept: dict[str, int] = {}  # bytes that the store has, by name

    def __enter__(self) -> EventFiles:
        return self

    def __exit__(self, *_: object) -> None:
        if self._scratch is not None:
            self._scratch.cleanup()

    def keep(self, run: str = "") -> None:
        """Put the files of one run, or of all, into the store if they have grown; a folder has them already.

        Where that fails nobody waits: the same files are put when they have grown again, and curves can always be drawn
        anew from the records.
        """
        if self._scratch is None:
            return
        sizes = {
            path.relative_to(self.folder).as_posix(): path.stat().st_size
            for path in (self.folder / run).rglob("*")
            if path.is_file()
        }
        grown = [name for name, size in sizes.items() if size != self._kept.get(name)]
        try:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(self._put, grown))
        except StorageError as error:
            logger.warning("%s", error)
        else:
            self._kept |= sizes

    def clear(self) -> None:
        """Remove them all."""
        if self._scratch is None:
            if self.folder.is_symlink():  # in a study from elsewhere it may lead anywhere
                self.folder.unlink()
            shutil.rmtree(self.folder, ignore_errors=True)
            return
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self._storage.delete, self._storage.names("")))

    def _put(self, name: str) -> None:
        self._at_once.write_bytes(name, (self.folder / name).read_bytes())


@contextmanager
def shown(storage: Storage, *, refresh_s: float = REFRESH_S) -> Iterator[Path]:
    """A folder on this machine with the event files of a study, kept up to date for as long as the context lasts."""
    if storage.folder is not None:
        yield storage.folder.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="transfer-study-curves-", ignore_cleanup_errors=True) as scratch:
        folder, over = Path(scratch), threading.Event()
        refresh(storage, folder)

        def keep_up() -> None:
            while not over.wait(refresh_s):
                try:
                    refresh(storage, folder)
                except StorageError as error:  # what is there can still be looked at
                    logger.warning("%s", error)

        threading.Thread(target=keep_up, daemon=True).start()
        try:
            yield folder
        finally:
            over.set()


def refresh(storage: Storage, folder: Path) -> None:
    """Bring a copy up to date. Files only grow, and TensorBoard may hold them open, so what is new is appended."""
    sizes = storage.sizes("")
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        if path.relative_to(folder).as_posix() not in sizes:
            path.unlink()
    grown = [name for name, size in sizes.items() if _size(folder / name) < size]
    for name, content in zip(grown, storage.read_many(grown), strict=True):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(content[file.tell() :])


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
