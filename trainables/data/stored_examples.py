"""Examples that are too large for Ray's object store: a file in the study's storage, mapped from each node's own cache.

The file is named after its content, so a copy in the cache is the right one whatever study it was made for. A node
fetches it once, however many trials run there: the first process does, under a lock, and the others wait for it.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from filelock import FileLock

from trainables.approach import Examples
from trainables.cache import cache_dir
from trainables.errors import UnreachableError, one_line

CHUNK = 1 << 26  # bytes
FOLDER = "data"


class Library(Protocol):
    """Files by name in a place that all nodes reach."""

    def exists(self, name: str) -> bool: ...
    def write_parts(self, name: str, parts: Sequence[bytes | memoryview]) -> None: ...
    def fetch(self, name: str, path: Path) -> None: ...


class StoredExamples(Examples):
    """Examples whose inputs are opened where they are used. Pickled, they are a name and the labels."""

    def __init__(self, library: Library, name: str, labels: np.ndarray) -> None:
        for attribute, value in (("library", library), ("name", name), ("labels", labels)):
            object.__setattr__(self, attribute, value)  # frozen, as all examples are

    library: Library
    name: str

    @property
    def inputs(self) -> np.ndarray:
        """The array, memory-mapped and read-only."""
        return np.asarray(np.lib.format.open_memmap(node_copy(self.library, self.name), mode="r"))


def store(library: Library, examples: Examples) -> StoredExamples:
    """Put the inputs of examples into the library, if it has them not already."""
    header = io.BytesIO()
    array = np.ascontiguousarray(examples.inputs)
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(array))
    content = array.reshape(-1).view(np.uint8).data
    parts: list[bytes | memoryview] = [
        header.getvalue(),
        *(content[start : start + CHUNK] for start in range(0, len(content), CHUNK)),
    ]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    name = f"{FOLDER}/{digest.hexdigest()}.npy"
    if not library.exists(name):
        library.write_parts(name, parts)
    return StoredExamples(library, name, examples.labels)


def node_copy(library: Library, name: str) -> Path:
    """The file of this node with the content of that name, fetched if it is not there yet.

    Raises:
        UnreachableError: it cannot be fetched, or the cache cannot be written.
    """
    path = cache_dir() / "arrays" / Path(name).name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            if not path.exists():
                library.fetch(name, path)
    except Exception as error:  # whatever the library raises; it says what is wrong
        raise UnreachableError(f"{path}: not filled from the storage ({one_line(error)})") from error
    return path
