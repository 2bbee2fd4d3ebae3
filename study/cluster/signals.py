"""Signals: SIGTERM, with which a machine that shuts down ends its processes, goes the way of Ctrl-C; and an alarm.

Without that, Ray would try for a quarter of an hour where one of its parts hangs.
"""

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


class _Late(KeyboardInterrupt):
    """No Exception: Ray catches these, and tries again."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """End what takes longer, as soon as it comes back from whatever call of a library it is in.

    In another thread than the main one, where no signal arrives, it may take as long as it does.

    Raises:
        TimeoutError: it took longer.
    """
    if not in_main_thread():
        yield
        return
    late = False

    def ring(signum: int, frame: object) -> None:
        nonlocal late
        late = True
        raise _Late

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except KeyboardInterrupt:
        if late:
            raise TimeoutError(f"not ready after {seconds:g} s") from None
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
