"""The checkpoints of a study's running trials, below its directory; that of others may hold links to anywhere."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from analysis.numbers import counted
from analysis.records.files import linked_folder
from analysis.records.storage import Storage
from study.place import StudyError

FOLDER = "checkpoints"
PICKLED = ".pt"  # what versions before this one wrote


@dataclass(frozen=True)
class Checkpoints:
    """The files in `checkpoints/`, by their names there.

    They are files of the study's own storage, which writes and deletes nothing that lies outside of it.
    """

    storage: Storage

    def exists(self, name: str) -> bool:
        return self.storage.exists(f"{FOLDER}/{name}")

    def read_bytes(self, name: str) -> bytes:
        return self.storage.read_bytes(f"{FOLDER}/{name}")

    def write_bytes(self, name: str, content: bytes | memoryview) -> None:
        self.storage.write_bytes(f"{FOLDER}/{name}", content)

    def delete(self, name: str) -> None:
        self.storage.delete(f"{FOLDER}/{name}")

    def names(self) -> list[str]:
        """All that there are.

        Raises:
            StudyError: the folder, or one in it, is a link: what it leads to is not the study's to write and delete.
        """
        if self.storage.folder is not None:
            folder = self.storage.folder / FOLDER
            linked = "" if os.path.islink(folder) else linked_folder(folder)
            if linked is not None:
                path = os.path.join(folder, linked).rstrip("/")
                raise StudyError(f"{path}: a link to a folder, to which no checkpoint is written; remove the link")
        return [name.removeprefix(f"{FOLDER}/") for name in self.storage.names(FOLDER)]

    def clear(self) -> None:
        """Delete them all; nothing runs any more."""
        for name in self.names():
            self.delete(name)

    def drop_pickles(self, say: Callable[[str], None]) -> None:
        """Delete those of earlier versions: reading one could run code, so nothing reads them any more."""
        older = [name for name in self.names() if name.endswith(PICKLED)]
        for name in older:
            self.delete(name)
        if older:
            say(
                f"{counted(len(older), 'checkpoint')} of an earlier version dropped, as a pickle can run code when it "
                "is read; their trials begin anew"
            )
