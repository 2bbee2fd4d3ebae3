"""The cache: where decoded images, frozen features and copies of examples are kept from one study to the next.

It also remembers, by digest, which code that came with a study may run here (the folder `code`).

What lies there is listed from file names, headers and what was written beside them, and dropped. Nothing here reads an
array, so that a list of many gigabytes is quick: a file is called damaged where its header is, or where it is shorter
than its header says. (Whoever uses it checks all of it.)
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open

from trainables.errors import InputError, cause

UNFINISHED = "unfinished"
UNFINISHED_S = 3600.0  # a file that nobody has written to for so long is finished by nobody
ARRAYS = (".npy", ".safetensors")
DAMAGED = (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, RecursionError, SafetensorError)


class CacheError(InputError):
    """There is no place for a cache, or none that can be used; or what is to be dropped is not there or has to stay."""


def cache_dir() -> Path:
    """$TRANSFER_STUDY_CACHE, or ~/.cache/transfer-study.

    Raises:
        CacheError: the user has no home.
    """
    if given := os.environ.get("TRANSFER_STUDY_CACHE"):
        return Path(given)
    try:
        return Path.home() / ".cache" / "transfer-study"
    except RuntimeError as error:
        raise CacheError(
            "this user has no home (HOME is not set): set TRANSFER_STUDY_CACHE to a folder for images and features"
        ) from error


def unusable(folder: Path, error: Exception) -> str:
    """The line about a folder of the cache in which the system refuses something."""
    return (
        f"{folder}: the cache cannot be used ({cause(error)}); make room, or set TRANSFER_STUDY_CACHE to another folder"
    )


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing in the cache, with what is known of it: entries of earlier versions tell little but their key.

    Attributes:
        kind: `features`, `images`, `facts` (sizes and digests of pictures), `copies` (of a study's examples), `trust`
            (that code which came with a study may run here), or `unfinished` (left by a process that died).
        key: by which it is dropped.
        files: that are removed then.
        size: of them together, in bytes.
        what: data, and backbone; empty where that is not known.
        image_size: height and width in pixels, in words.
        count: images.
        cost_s: seconds that it took; charged for features alone.
        cpu_s, waited_s: see Clock; None where nobody counted.
        made: seconds since 1970.
        damaged: whether it is made anew when it is wanted.
        part_of, at: of features, which set they are a chunk of, and the first image of it; a set is one entry.
    """

    kind: str
    key: str
    files: tuple[Path, ...]
    size: int
    what: str = ""
    image_size: str = ""
    count: int | None = None
    cost_s: float | None = None
    cpu_s: float | None = None
    waited_s: float | None = None
    made: float
    damaged: bool = False
    part_of: str = ""
    at: int = 0


def key_of_all(keys: Sequence[str]) -> str:
    """A name for the features of all these chunks."""
    return keys[0] if len(keys) == 1 else hashlib.sha256("".join(keys).encode()).hexdigest()[:32]


def entries(cache: Path) -> list[Entry]:
    """All that lies in a cache, by kind, the newest first; nothing where there is no cache.

    The key of a set of features is that in the records of a study, where all its chunks lie here.
    """
    found = _with_whole_sets([entry for place in PLACES for entry in _in_place(cache, *place)])
    kinds = [*(kind for _, kind, *_ in PLACES), UNFINISHED]
    return sorted(found, key=lambda entry: (kinds.index(entry.kind), -entry.made, entry.key))


def drop(key: str, cache: Path) -> list[Entry]:
    """Remove an entry by its key, or by a beginning that no other key has; or `all`.

    Returns:
        What was removed.

    Raises:
        CacheError: there is no such entry, it is not in the cache's own folders, or a study is using it.
    """
    known = entries(cache)
    chosen = known if key == "all" else [entry for entry in known if key and entry.key.startswith(key)]
    chosen = [entry for entry in chosen if entry.key == key] or chosen
    keys = {entry.key for entry in chosen}
    if key != "all" and len(keys) != 1:
        found = f"{len(keys)} keys begin so; give more of it" if keys else "no such key"
        raise CacheError(f"{key}: {found}; `transfer-study cache` lists what there is")
    for entry in chosen:
        _refuse_outside(entry, cache)
    for entry in chosen:
        _remove(entry)
    return chosen


def _with_whole_sets(found: list[Entry]) -> list[Entry]:
    sets: dict[str, list[Entry]] = {}
    for entry in found:
        if entry.part_of:
            sets.setdefault(entry.part_of, []).append(entry)
    return [entry for entry in found if not entry.part_of] + [_together(chunks) for chunks in sets.values()]


def _together(several: list[Entry]) -> Entry:
    chunks = sorted(several, key=lambda chunk: chunk.at)
    return replace(
        chunks[0],
        key=key_of_all([chunk.key for chunk in chunks]),
        files=tuple(path for chunk in chunks for path in chunk.files),
        size=sum(chunk.size for chunk in chunks),
        count=sum(chunk.count or 0 for chunk in chunks),
        cost_s=_sum(chunk.cost_s for chunk in chunks),
        cpu_s=_sum(chunk.cpu_s for chunk in chunks),
        waited_s=_sum(chunk.waited_s for chunk in chunks),
        made=max(chunk.made for chunk in chunks),
    )


def _sum(parts: Iterable[float | None]) -> float | None:
    """What is not known of one is not known of all."""
    known = list(parts)
    return None if None in known else sum(part for part in known if part is not None)


def _features(path: Path) -> dict[str, Any]:
    with safe_open(path, framework="numpy") as file:
        told = dict(file.metadata())
        (count, _) = file.get_slice("features").get_shape()
    seconds = {name: float(told[name]) for name in ("cost_s", "cpu_s", "waited_s") if name in told}
    what = ", ".join(told[name] for name in ("backbone", "data") if told.get(name))
    made = {"made": float(told["made"])} if "made" in told else {}
    place = {"part_of": told["set"], "at": int(told["at"])} if "set" in told else {}
    return {"what": what, "image_size": told.get("image_size", ""), "count": count, **made, **seconds, **place}


def _images(path: Path) -> dict[str, Any]:
    with path.open("rb") as stream:
        np.lib.format.read_magic(stream)
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        if path.stat().st_size < stream.tell() + int(np.prod(shape)) * dtype.itemsize:
            raise EOFError
    told = json.loads(beside.read_text()) if (beside := _beside(path)).exists() else {}
    size = f"{shape[1]} x {shape[2]}" if len(shape) == 4 else ""
    return {"what": str(told.get("data", "")), "image_size": size, "count": shape[0], "cost_s": told.get("took_s")}


def _facts(path: Path) -> dict[str, Any]:
    return {"what": "sizes and digests of pictures", "count": len(json.loads(path.read_text()))}


def _copies(path: Path) -> dict[str, Any]:
    return _images(path) | {"what": "examples of a study, copied from its storage", "cost_s": None}


def _trust(_: Path) -> dict[str, Any]:
    return {"what": "code of a study that may run here"}


Reader = Callable[[Path], dict[str, Any]]
PLACES: tuple[tuple[str, str, str, Reader], ...] = (  # folder, kind, files, what reads one
    ("features", "features", "*.safetensors", _features),
    ("images", "images", "*.npy", _images),
    ("facts", "facts", "*.json", _facts),
    ("arrays", "copies", "*.npy", _copies),
    ("code", "trust", "[0-9a-f]" * 64, _trust),
)


def _in_place(cache: Path, folder: str, kind: str, pattern: str, read: Reader) -> Iterator[Entry]:
    for path in _files(cache / folder, pattern):
        with suppress(FileNotFoundError):  # gone since: a study is at work here
            yield _entry(path, kind, read)
    for path in _files(cache / folder, "*.part"):
        with suppress(FileNotFoundError):
            if time.time() - path.lstat().st_mtime > UNFINISHED_S:
                yield _entry(path, UNFINISHED, _nothing)


def _entry(path: Path, kind: str, read: Reader) -> Entry:
    files = (path, beside) if kind == "images" and (beside := _beside(path)).exists() else (path,)
    try:
        told, damaged = read(path), False
    except DAMAGED:
        told, damaged = {}, True
    known: dict[str, Any] = {"made": path.lstat().st_mtime} | told
    size = sum(one.lstat().st_size for one in files)
    return Entry(
        kind=kind, key=path.stem.lstrip(".").partition("-")[0], files=files, size=size, damaged=damaged, **known
    )


def _nothing(_: Path) -> dict[str, Any]:
    raise EOFError


def _files(folder: Path, pattern: str) -> list[Path]:
    return sorted(path for path in folder.glob(pattern) if path.is_file() or path.is_symlink())


def _beside(path: Path) -> Path:
    """What is known of decoded images: <key>.json beside <key>-<seal>.npy."""
    return path.with_name(f"{path.stem.partition('-')[0]}.json")


def _refuse_outside(entry: Entry, cache: Path) -> None:
    """A folder of the cache may be a link to somewhere else; a file that is one is removed as a link."""
    inside = cache.resolve()
    for path in entry.files:
        if path.parent.resolve().parent != inside:
            raise CacheError(f"{path}: lies outside the cache ({path.parent.resolve()}); remove it there by hand")


def _remove(entry: Entry) -> None:
    path = entry.files[0]
    if entry.kind == "images":
        locks = [path.with_name(f"{entry.key}.lock")]
    else:
        locks = [one.with_name(f"{one.name}.lock") for one in entry.files]
    try:
        with ExitStack() as held:
            for lock in locks:
                held.enter_context(FileLock(lock, timeout=0))
            for one in (*entry.files, *locks):
                one.unlink(missing_ok=True)
    except Timeout:
        raise CacheError(f"{entry.key}: a study is using it just now; drop it when that has ended") from None
    except OSError as error:
        raise CacheError(f"{path}: cannot be removed ({cause(error)}); change its permissions") from error
