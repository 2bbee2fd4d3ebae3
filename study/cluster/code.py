"""The code of approaches and data sources from outside: what of it travels to the nodes, and a study's copy of it.

Of an approach `lab.approaches.knn:KNN` that is the package `lab`; of `knn:KNN` the one file `knn`. Folders without an
`__init__.py` on the way are no packages of their own, and of these only the way itself is taken. Where the file lies in
a folder that was searched for the study file's sake, in the current one or in that of the script, which the workers do
not look in, the modules beside it that it imports travel too. What comes with the program stays where it is.
"""

from __future__ import annotations

import ast
import atexit
import hashlib
import io
import os
import reprlib
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import invalidate_caches
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.records.errors import RecordsError
from trainables.cache import cache_dir
from trainables.errors import ApproachError
from trainables.finding import search_in, searched

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
        ApproachError: it is too much to travel, or cannot be read.
    """
    paths: dict[str, Path] = {}
    size = 0
    for kind in classes:
        for name, path in _files(kind):
            if name not in paths:
                paths[name] = path
                size += _size(path, kind)
            if size > MOST_BYTES:
                raise ApproachError(
                    f"{kind.__module__}:{kind.__name__}: its package holds more than {MOST_BYTES / 1e6:.0f} MB "
                    f"({path} does not fit any more), which is too much to travel; move data out of it"
                )
    return Code({name: _read(path) for name, path in paths.items()})


def is_outside(kind: type) -> bool:
    """Whether a class does not come with the program."""
    return kind.__module__.partition(".")[0] not in OWN


def keep(store: Store, code: Code) -> None:
    """Put a copy of the code into a study's directory, so that it goes on wherever that can be read."""
    archive = code.zipped()
    if not code.files:
        return
    if not (store.exists(KEPT) and store.read_bytes(KEPT) == archive):
        store.write_bytes(KEPT, archive)
    with suppress(OSError):  # then --trust-code is asked for where the copy is needed
        _mark(archive).parent.mkdir(parents=True, exist_ok=True)
        _mark(archive).touch()


def search_in_kept(store: Store, *, trusted: bool = False) -> None:
    """Look for modules in the copy that a study keeps, too, for as long as we run, where they are nowhere else.

    Args:
        store: of the study.
        trusted: whether somebody has said that code may run which came with the study. Code that has run here before
            may run again.

    Raises:
        ApproachError: it would be needed, and is not trusted.
        RecordsError: the copy is damaged.
    """
    if not store.exists(KEPT):
        return
    content = store.read_bytes(KEPT)
    invalidate_caches()  # a module may be younger than this process
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            needed = [name for name in _modules(archive.namelist()) if not _is_elsewhere(name)]
            if not needed:
                return
            if not trusted and not _mark(content).exists():
                raise ApproachError(_untrusted(store, needed))
            folder = tempfile.TemporaryDirectory(prefix="transfer-study-code-")
            atexit.register(folder.cleanup)
            archive.extractall(folder.name)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise RecordsError(
            f"{store.path(KEPT)}: damaged ({error}); remove it, and put the approaches' modules on PYTHONPATH"
        ) from error
    search_in(*searched(), folder.name)


def _mark(archive: bytes) -> Path:
    """A file of this user that says that this code has run here: this user's, or trusted once."""
    return cache_dir() / "code" / hashlib.sha256(archive).hexdigest()


def _modules(names: Iterable[str]) -> list[str]:
    """The modules and packages at the top of an archive."""
    return sorted({name.partition("/")[0].removesuffix(".py") for name in names})


def _is_elsewhere(name: str) -> bool:
    """Whether Python finds a module that is no mere folder without looking into the study's copy."""
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.origin is not None


def _untrusted(store: Store, needed: list[str]) -> str:
    return (
        f"{store.path(KEPT)}: the code of {reprlib.repr(', '.join(needed))}, which is not installed here, came with "
        "the study and would run; read it (unzip -c), then give --trust-code, or put your own on PYTHONPATH"
    )


def _files(kind: type) -> Iterator[tuple[str, Path]]:
    """The files that a class needs, by their path below the folder that its module is imported from."""
    for module in dict.fromkeys(part.__module__ for part in _parts(kind) if is_outside(part)):
        file = getattr(sys.modules.get(module), "__file__", None)
        if module != "__main__" and file is not None:
            yield from _files_of(module, Path(file))


def _parts(kind: type) -> list[type]:
    """The class, and what of its bases, settings and hyperparameters is written for this program."""
    from trainables.approach import Approach, Hyperparameters, Settings  # with torch
    from trainables.data.config import DataSource

    written = (Approach, Settings, Hyperparameters, DataSource)
    roots = [kind, *(getattr(kind, name, object) for name in ("settings_type", "hyperparameters_type"))]
    return [kind, *(part for root in roots for part in root.__mro__ if issubclass(part, written))]


def _files_of(module: str, file: Path) -> Iterator[tuple[str, Path]]:
    """The package of a module, or the module alone with what it imports of the same searched folder."""
    parts = module.split(".")
    above = file.parents[len(parts) if file.name == "__init__.py" else len(parts) - 1]
    beside = str(above) in {*searched(), *_here()}
    waiting, seen = [module], {module}
    while waiting:
        files = _files_beside(above, waiting.pop())
        yield from ((str(path.relative_to(above)), path) for path in files)
        imported = {name for path in files if beside and path.suffix == ".py" for name in _imports(path, above)}
        imported = {name for name in imported if _lies_in(above, name.partition(".")[0])}
        waiting += sorted(imported - seen)
        seen |= imported


def _here() -> list[str]:
    """Folders in which Python looks for this process's sake: the current one, and that of its script."""
    script = getattr(sys.modules["__main__"], "__file__", None)
    return [os.getcwd(), *([os.path.dirname(os.path.abspath(script))] if script else [])]


def _files_beside(above: Path, module: str) -> list[Path]:
    """The files of a module below a folder, with its whole package; none where it does not lie there."""
    parts = module.split(".")
    if package := _outermost_package(above, parts):
        return [path for path in sorted(package.rglob("*")) if path.is_file() and not _is_left_out(path, above)]
    path = above.joinpath(*parts).with_suffix(".py")
    return [path] if path.is_file() else []


def _is_left_out(path: Path, above: Path) -> bool:
    """What Python makes itself, and what is hidden: repositories, environments, secrets."""
    return any(part.startswith(".") or part == "__pycache__" for part in path.relative_to(above).parts)


def _outermost_package(above: Path, parts: list[str]) -> Path | None:
    folders = [above.joinpath(*parts[:depth]) for depth in range(1, len(parts) + 1)]
    return next((folder for folder in folders if (folder / "__init__.py").is_file()), None)


def _lies_in(folder: Path, name: str) -> bool:
    """Whether it is there that Python finds the top-level module: a `json.py` of the folder would never be imported."""
    try:
        spec = find_spec(name) if name not in OWN else None
    except (ImportError, ValueError):
        return False
    places = [spec.origin, *(spec.submodule_search_locations or ())] if spec else []
    return bool({str(folder / name), str(folder / f"{name}.py")}.intersection(map(str, places)))


def _imports(path: Path, above: Path) -> set[str]:
    """Modules that a file imports by these names, at its top or inside its functions; some may be no modules."""
    package = ".".join(path.relative_to(above).parts[:-1])
    names: set[str] = set()
    with suppress(SyntaxError, ValueError, ImportError):  # in a package, perhaps of a file that is never imported
        for node in ast.walk(ast.parse(_read(path))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                base = resolve_name("." * node.level + (node.module or ""), package)
                names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return names


def _size(path: Path, kind: type) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise ApproachError(f"{kind.__module__}:{kind.__name__}: {_unreadable(path, error)}") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ApproachError(_unreadable(path, error)) from error


def _unreadable(path: Path, error: OSError) -> str:
    return f"{path}: cannot be read ({error.strerror}), but its package has to travel; mend or remove it"
