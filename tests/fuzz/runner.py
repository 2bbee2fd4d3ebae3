"""Tries inputs of one kind, each in a folder of its own, and keeps how each ended."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

from study.variables import variables
from tests.fuzz.oddities import Input
from tests.fuzz.outcomes import Ending, ending


@dataclass(frozen=True)
class Kind:
    """One kind of input.

    Attributes:
        inputs: what is tried.
        lay: writes an input into an empty folder, and gives what `use` needs beside it.
        use: calls the program on it, in that folder; raises WrongNumber where the program is silently wrong.
        seconds: of CPU time that no input may take.
    """

    name: str
    inputs: SearchStrategy[Input]
    lay: Callable[[Input, Path], Any]
    use: Callable[[Any, Path], None]
    seconds: float = 10.0


@dataclass(frozen=True)
class Tried:
    """An input, the SHA-256 of what it came to, and how it ended."""

    input: Input
    digest: str
    ending: Ending


def drawn(kind: Kind, count: int, seed: int) -> list[Input]:
    """So many inputs of a kind, the same for the same seed; fewer where there are no more."""
    found: dict[str, Input] = {}

    @hypothesis.seed(seed)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        derandomize=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(kind.inputs)
    def collect(one: Input) -> None:
        found[repr(one)] = one

    collect()
    return list(found.values())


def tried(kind: Kind, one: Input, root: Path) -> Tried:
    """Try one input in `root`/case, which is removed again; the cache of the program lies beside it and stays."""
    folder, before = root / "case", Path.cwd()
    clear(folder)
    folder.mkdir(parents=True)
    try:
        os.chdir(folder)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of libraries that write what is odd
            arguments = kind.lay(one, folder)
        digest = digest_of(folder, arguments)
        with variables({"TRANSFER_STUDY_CACHE": str(root / "cache")}):
            ended = ending(lambda: kind.use(arguments, folder), seconds=kind.seconds, folder=folder)
        return Tried(one, digest, ended)
    finally:
        os.chdir(before)
        clear(folder)


def smallest(found: Tried, again: Callable[[Input], Tried]) -> Tried:
    """The same fault with as few of the edits as it takes; `again` tries an input."""
    for number in reversed(range(len(found.input.edits))):
        edits = found.input.edits
        fewer = again(replace(found.input, edits=edits[:number] + edits[number + 1 :]))
        if fewer.ending.signature == found.ending.signature:
            found = fewer
    return found


def digest_of(folder: Path, arguments: object) -> str:
    """SHA-256 of all that lies in a folder, and of what is given beside it."""
    seal = hashlib.sha256(repr(arguments).replace(str(folder), "").encode(errors="replace"))
    for below, folders, names in os.walk(os.fsencode(folder)):
        folders.sort()
        for name in sorted([*folders, *names]):
            path = os.path.join(below, name)
            mode = os.lstat(path).st_mode
            seal.update(b"\0%s\0%o\0" % (os.path.relpath(path, os.fsencode(folder)), mode))
            if stat.S_ISREG(mode):
                seal.update(Path(os.fsdecode(path)).read_bytes())
            elif stat.S_ISLNK(mode):
                seal.update(os.readlink(path))
    return seal.hexdigest()


def clear(folder: Path) -> None:
    """Remove a folder. A thread that waits for the writer of a named pipe in it is let go first."""
    for below, _, names in os.walk(folder):
        for path in (os.path.join(below, name) for name in names):
            with suppress(OSError):
                if stat.S_ISFIFO(os.lstat(path).st_mode):
                    os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
    shutil.rmtree(folder, ignore_errors=True)
