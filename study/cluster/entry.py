"""How Ray is to be started or joined, and what it means where that fails."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from study.cluster.nodes import ClusterError

STANDARD_ERROR = 2  # as the system counts open files
ENDED_WITHIN_S = 5.0  # a process that is killed


@dataclass(frozen=True)
class Entry:
    """A way into Ray.

    Attributes:
        settings: arguments of `ray.init`.
        refused: says in one line what one of its errors means.
        words: file for what Ray's libraries write to standard error meanwhile. A failed check in them ends the process
            at once, and is told nowhere else.
    """

    settings: Mapping[str, object]
    refused: Callable[[Exception], ClusterError]
    words: Path


@contextmanager
def words_kept(file: Path) -> Iterator[None]:
    """Have a file for whatever is written to standard error meanwhile: what is wrong is said in one line."""
    try:
        before = os.dup(STANDARD_ERROR)
    except OSError:  # there is none
        yield
        return
    try:
        with open(file, "ab") as words:
            os.dup2(words.fileno(), STANDARD_ERROR)
        yield
    finally:
        os.dup2(before, STANDARD_ERROR)
        os.close(before)


@contextmanager
def nothing_half_started() -> Iterator[None]:
    """Where Ray's start is interrupted, or fails, end the processes that it has begun, and theirs.

    Ray itself has not noted them by then. They would end some seconds after this process, and write into their folder
    until then.
    """
    import ray  # noqa: F401 (it brings psutil)
    import psutil  # type: ignore[import-untyped]  # isort: skip

    this = psutil.Process()
    before = set(this.children(recursive=True))
    try:
        yield
    except BaseException:
        begun: set[psutil.Process] = set()
        while new := set(this.children(recursive=True)) - before - begun:
            begun |= new
            for process in new:  # stopped, none of them begins another one behind our back
                with suppress(psutil.Error):
                    process.suspend()
        for process in begun:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(begun, timeout=ENDED_WITHIN_S)
        raise
