"""How far reading and decoding are, for whoever watches. Where nobody does, nothing happens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")
Watcher = Callable[[str, int, int], None]  # told what is being done, how many are done, and of how many
_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)  # of this thread


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Tell this watcher of all that is counted while the context lasts."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def counted(things: Iterable[T], what: str, among: int) -> Iterator[T]:
    """These things, each counted as done when the next one is asked for."""
    watcher = _watcher.get()
    if watcher is None:
        yield from things
        return
    watcher(what, 0, among)
    for done, thing in enumerate(things, 1):
        yield thing
        watcher(what, done, among)
