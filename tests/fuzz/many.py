"""Thousands of inputs in two processes, the corpus first; the same seed tries the same inputs."""

from __future__ import annotations

import faulthandler
import os
import resource
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import TypeVar

from tests.fuzz.corpus.every import CORPUS
from tests.fuzz.kinds.every import KINDS
from tests.fuzz.oddities import Input
from tests.fuzz.runner import Tried, drawn, smallest, tried

PROCESSES, CHUNK = 2, 50  # inputs that a process draws and tries at a time
T = TypeVar("T")
WATCHDOG_S = 900  # a process that hangs in native code for so long ends, with a traceback of where


class Stuck(Exception):  # noqa: N818
    """A process ended while it tried an input: out of memory, crashed, or ended by its watchdog."""


def many(kinds: Sequence[str], inputs: int, seed: int, root: Path, until: float) -> Iterator[tuple[str, list[Tried]]]:
    """What was tried, some inputs of one kind at a time, until there are enough of every kind or the time is up.

    Args:
        inputs: distinct ones, over all kinds together.
        root: a folder in which to lay them.
        until: on the monotonic clock.

    Raises:
        Stuck: the message has the inputs that were being tried.
    """
    seen: dict[str, set[str]] = {kind: set() for kind in kinds}
    rounds = dict.fromkeys(kinds, 0)
    with _pool(PROCESSES) as pool:
        pending: dict[Future[list[Tried]], str] = {pool.submit(_known, kind, root): kind for kind in kinds}
        while pending:
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                kind = pending.pop(future)
                yield kind, _result(future, root)
                seen[kind] |= {one.digest for one in future.result()}
                if len(seen[kind]) < -(-inputs // len(kinds)) and time.monotonic() < until:
                    rounds[kind] += 1
                    pending[pool.submit(_some, kind, seed * 1_000_003 + rounds[kind], root)] = kind


def reduced(found: Iterable[tuple[str, Tried]], root: Path) -> list[tuple[str, Tried]]:
    """Every fault with as few edits as it takes.

    Raises:
        Stuck: as in `many`.
    """
    with _pool(1) as pool:
        return [(kind, _result(pool.submit(_reduced, kind, one, root), root)) for kind, one in found]


@contextmanager
def _pool(processes: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that are ended, whatever they try, where this one is interrupted."""
    others = active_children()
    pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_guard)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        own = [process for process in active_children() if process not in others]
        for process in own:
            process.kill()
        for process in own:
            process.join()
        raise
    pool.shutdown()


def _known(kind: str, root: Path) -> list[Tried]:
    return [_tried(kind, known.input, root) for known in CORPUS if known.kind == kind]


def _some(kind: str, seed: int, root: Path) -> list[Tried]:
    return [_tried(kind, one, root) for one in drawn(KINDS[kind], CHUNK, seed)]


def _reduced(kind: str, found: Tried, root: Path) -> Tried:
    return smallest(found, lambda one: _tried(kind, one, root))


def _tried(kind: str, one: Input, root: Path) -> Tried:
    place = root / str(os.getpid())
    (root / f"{os.getpid()}.txt").write_text(f"{kind}: {one!r}", errors="backslashreplace")
    faulthandler.dump_traceback_later(WATCHDOG_S, exit=True)
    try:
        return tried(KINDS[kind], one, place)
    finally:
        faulthandler.cancel_dump_traceback_later()


def _guard() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the first process ends the others
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _result(future: Future[T], root: Path) -> T:
    try:
        return future.result()
    except BrokenProcessPool as error:
        running = "\n".join(path.read_text() for path in root.glob("*.txt"))
        raise Stuck(f"a process ended; being tried were\n{running}") from error
