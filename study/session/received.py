"""Code that came with a study, which may be anybody's: the copy that it keeps, and whatever lies in its folder.

None of it is imported before somebody has said that it may run, or it is known to have run here before.
"""

from __future__ import annotations

import atexit
import hashlib
import io
import os
import re
import reprlib
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from importlib import invalidate_caches
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.records.errors import RecordsError, line, shown
from study.cluster.code import MOST_BYTES, Code
from study.scratch import scratch
from trainables.cache import cache_dir
from trainables.errors import ApproachError
from trainables.finding import search_in, searched

if TYPE_CHECKING:
    from analysis.records.store import Store

KEPT = "code.zip"  # in a study's directory
MOST_FILES = 20_000
# The name of a module at the top; with a dot in it, looking for it would import its parent.
PLAIN = re.compile(r"[\w-]+")
TRUST = "came with the study and would run; read it"


def keep(store: Store, code: Code) -> None:
    """Put a copy of the code into a study's directory, so that it goes on wherever that can be read."""
    archive = code.zipped()
    if not code.files:
        return
    if not (store.exists(KEPT) and store.read_whole(KEPT) == archive):
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
    content = store.read_whole(KEPT)
    invalidate_caches()  # a module may be younger than this process
    needed = [name for name in _modules(_names(store, content)) if not _is_elsewhere(name)]
    if not needed:
        return
    if not trusted and not _mark(content).exists():
        raise ApproachError(_untrusted(store, needed))
    code = _read(store, content)
    stays = ExitStack()
    atexit.register(stays.close)
    folder = stays.enter_context(scratch("code"))
    code.unpack(folder)
    search_in(*searched(), str(folder))


def refuse_modules_inside(store: Store, addresses: Iterable[str]) -> None:
    """Refuse what Python would import from a study's own folder, without importing anything.

    Standing in the folder above, Python takes that of the study for a package.

    Args:
        store: of the study.
        addresses: of classes, as `module:Class`.

    Raises:
        ApproachError: a module, or a package that it lies in, is found there.
    """
    if store.folder is None:
        return
    invalidate_caches()
    study = store.folder.resolve()
    for address in addresses:
        for place in _places(address.partition(":")[0].strip()):
            if _lies_in(place, study):
                raise ApproachError(
                    f"{shown(address)}: {line(place)} {TRUST}, then give --trust-code, or put your own on PYTHONPATH"
                )


def addresses_in(content: object) -> list[str]:
    """The classes that the content of a study file names as `module:Class`, whatever else is wrong with it."""
    sections = content if isinstance(content, Mapping) else {}
    approaches, data = sections.get("approaches"), sections.get("data")
    named = (
        [one.get("approach") for one in approaches.values() if isinstance(one, Mapping)]
        if isinstance(approaches, Mapping)
        else []
    )
    named.append(data.get("source") if isinstance(data, Mapping) else None)
    return [name for name in named if isinstance(name, str) and ":" in name]


def _places(module: str) -> Iterator[str]:
    """Where Python would find a module and the packages above it, as far as it finds them on its path."""
    folders: list[str] | None = None
    for part in module.split("."):
        try:
            spec = PathFinder.find_spec(part, folders)
        except (ImportError, ValueError):
            return
        if spec is None:
            return
        folders = list(spec.submodule_search_locations or ())
        yield from ([spec.origin] if spec.origin else [])
        yield from folders


def _lies_in(place: str, folder: Path) -> bool:
    path = Path(os.path.abspath(place))
    ways = (path, path.resolve())
    return any(_same(above, folder) for way in ways for above in (way, *way.parents))


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _mark(archive: bytes) -> Path:
    """A file of this user that says that this code has run here: this user's, or trusted once."""
    return cache_dir() / "code" / hashlib.sha256(archive).hexdigest()


def _names(store: Store, content: bytes) -> list[str]:
    """The files in an archive, none of which would be written elsewhere, nor too many or too large together."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
    except Exception as error:  # zipfile raises whatever damaged bytes lead to
        raise _damaged(store, error) from error
    if odd := next((member.filename for member in members if not _is_plain(member.filename)), None):
        raise _damaged(store, f"{shown(odd)} is no name of a module")
    size = sum(member.file_size for member in members)
    if size > MOST_BYTES or len(members) > MOST_FILES:
        raise _damaged(store, f"{len(members):,} files, {size:,} bytes, which no study keeps")
    return [member.filename for member in members]


def _read(store: Store, content: bytes) -> Code:
    """All that an archive holds; of each file no more is read than the archive said."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return Code({name: archive.read(name) for name in archive.namelist() if not name.endswith("/")})
    except Exception as error:  # an unknown method, a password, whatever the decompressors raise
        raise _damaged(store, error) from error


def _damaged(store: Store, problem: object) -> RecordsError:
    return RecordsError(
        f"{store.path(KEPT)}: damaged ({line(problem)[:120]}); remove it, and put the approaches' modules on PYTHONPATH"
    )


def _is_plain(name: str) -> bool:
    parts = name.split("/")
    inside = not {"", ".", ".."} & set(parts) and not any(sign in name for sign in "\\:\0")
    return inside and PLAIN.fullmatch(_module(name)) is not None


def _module(name: str) -> str:
    return name.partition("/")[0].removesuffix(".py")


def _modules(names: Iterable[str]) -> list[str]:
    """The modules and packages at the top of an archive."""
    return sorted(set(map(_module, names)))


def _is_elsewhere(name: str) -> bool:
    """Whether Python finds a module that is no mere folder without looking into the study's copy."""
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.origin is not None


def _untrusted(store: Store, needed: list[str]) -> str:
    return (
        f"{store.path(KEPT)}: the code of {reprlib.repr(', '.join(needed))}, which is not installed here, {TRUST} "
        "(unzip -c), then give --trust-code, or put your own on PYTHONPATH"
    )
