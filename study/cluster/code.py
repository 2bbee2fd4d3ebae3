"""The code of approaches and data sources from outside: what of it travels to the nodes, and a study's copy of it.

Of an approach `lab.approaches.knn:KNN` that is the package `lab`; of `knn:KNN` the one file `knn`. Folders without an
`__init__.py` on the way are no packages of their own, and of these only the way itself is taken. What comes with the
program stays where it is.
"""

from __future__ import annotations

import atexit
import io
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from trainables.errors import ApproachError
from trainables.finding import search_in

if TYPE_CHECKING:
    from analysis.records.store import Store

KEPT = "code.zip"  # in a study's directory
OWN = ("study", "trainables", "analysis")
MOST_BYTES = 50_000_000
EPOCH = (1980, 1, 1, 0, 0, 0)  # of every file in the archive, so that the same code makes the same archive


@dataclass(frozen=True)
class Code:
    """Files by their path below a folder from which they can be imported, with slashes."""

    files: Mapping[str, bytes] = field(default_factory=dict)

    def unpack(self, folder: Path) -> None:
        """Write the files below a folder."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    @contextmanager
    def unpacked(self) -> Iterator[list[str]]:
        """The modules and packages at the top, as paths, while the context lasts."""
        with tempfile.TemporaryDirectory(prefix="transfer-study-code-") as folder:
            self.unpack(Path(folder))
            yield sorted(map(str, Path(folder).iterdir()))

    def zipped(self) -> bytes:
        """One archive of all files; the same files make the same bytes."""
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
            for name, content in sorted(self.files.items()):
                made.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_DEFLATED)
        return archive.getvalue()


NO_CODE = Code()


def code_of(classes: Iterable[type]) -> Code:
    """What of the code of these classes does not come with the program.

    Raises:
        ApproachError: it is too much to travel.
    """
    files: dict[str, bytes] = {}
    for kind in classes:
        for name, path in _files(kind):
            files[name] = path.read_bytes()
            if sum(map(len, files.values())) > MOST_BYTES:
                raise ApproachError(
                    f"{kind.__module__}:{kind.__name__}: its package holds more than {MOST_BYTES / 1e6:.0f} MB "
                    f"({path} does not fit any more), which is too much to travel; move data out of it"
                )
    return Code(files)


def keep(store: Store, code: Code) -> None:
    """Put a copy of the code into a study's directory, so that it goes on wherever that can be read."""
    archive = code.zipped()
    if code.files and not (store.exists(KEPT) and store.read_bytes(KEPT) == archive):
        store.write_bytes(KEPT, archive)


def search_in_kept(store: Store) -> None:
    """Let modules that are found nowhere else be found in the copy that a study keeps, for as long as we run."""
    if not store.exists(KEPT):
        return
    folder = tempfile.TemporaryDirectory(prefix="transfer-study-code-")
    atexit.register(folder.cleanup)
    with zipfile.ZipFile(io.BytesIO(store.read_bytes(KEPT))) as archive:
        archive.extractall(folder.name)
    search_in(folder.name)


def _files(kind: type) -> Iterator[tuple[str, Path]]:
    """The files that a class needs, by their path below the folder that its module is imported from."""
    module = sys.modules[kind.__module__]
    file = getattr(module, "__file__", None)
    parts = kind.__module__.split(".")
    if parts[0] in (*OWN, "__main__") or file is None:
        return
    path = Path(file)
    above = path.parents[len(parts) if path.name == "__init__.py" else len(parts) - 1]
    package = _outermost_package(above, parts)
    for each in sorted(package.rglob("*")) if package else [path]:
        if each.is_file() and "__pycache__" not in each.parts:
            yield str(each.relative_to(above)), each


def _outermost_package(above: Path, parts: list[str]) -> Path | None:
    folders = [above.joinpath(*parts[:depth]) for depth in range(1, len(parts) + 1)]
    return next((folder for folder in folders if (folder / "__init__.py").is_file()), None)
