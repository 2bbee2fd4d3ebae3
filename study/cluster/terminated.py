"""SIGTERM, with which a machine that shuts down asks its processes to end: it goes the way of Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Terminated(KeyboardInterrupt):
    """The process was asked to end (SIGTERM), as a machine does that shuts down; goes the way of Ctrl-C."""


@contextmanager
def handler_given_back() -> Iterator[None]:
    """Leave SIGTERM to whoever had it before: Ray and `terminable` each set a handler of their own."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if before is not None and in_main_thread():
            signal.signal(signal.SIGTERM, before)


@contextmanager
def terminable() -> Iterator[None]:
    """Raise Terminated on SIGTERM; Ray's own handler would end the process without a word."""
    asked = False

    def terminate(signum: int, frame: object) -> None:
        nonlocal asked
        asked = True
        raise Terminated

    if in_main_thread():
        signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    except KeyboardInterrupt:
        if asked:  # Ray's waiting functions turn whatever a handler raises into a KeyboardInterrupt of their own
            raise Terminated from None
        raise


def in_main_thread() -> bool:
    """Only there may handlers be set: a notebook or a server may run a study in another thread."""
    return threading.current_thread() is threading.main_thread()
