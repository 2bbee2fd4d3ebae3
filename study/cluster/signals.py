"""Signals: those that ask a process to end go the way of Ctrl-C; and an alarm.

SIGTERM comes from a machine that shuts down, SIGHUP from a terminal that is closed or a connection that breaks. They
come in pairs: the system and the shell both send one, and people press Ctrl-C twice. What follows the first within
CLEANING_S is passed over, for Ray is shut down meanwhile and its folder removed; what comes later ends the process at
once, as if it had been killed.

Without the alarm, Ray would try for a quarter of an hour where one of its parts hangs.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

ASKING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
CLEANING_S = 10.0


class Terminated(KeyboardInterrupt):
    """The process was asked to end by a signal; goes the way of Ctrl-C.

    Attributes:
        signum: the signal's number.
    """

    def __init__(self, signum: int = signal.SIGTERM) -> None:
        super().__init__()
        self.signum = signum


@contextmanager
def handler_given_back() -> Iterator[None]:
    """Leave these signals to whoever had them before: `terminable` sets handlers of its own."""
    before = {signum: signal.getsignal(signum) for signum in ASKING}
    try:
        yield
    finally:
        for signum, handler in before.items():
            if handler is not None and in_main_thread():
                signal.signal(signum, handler)


@contextmanager
def terminable() -> Iterator[None]:
    """Raise Terminated when asked to end, once; without a handler, that would end the process without a word.

    A SIGHUP that is ignored stays so: under `nohup`, a study outlives its terminal. So does a Ctrl-C that somebody else
    handles. Inside another one, this does nothing.
    """
    if not in_main_thread() or isinstance(signal.getsignal(signal.SIGTERM), _Ending):
        yield
        return
    ending = _Ending()
    for signum in ASKING:
        if signum == signal.SIGTERM or signal.getsignal(signum) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(signum, ending)
    try:
        yield
    except KeyboardInterrupt:
        if ending.asked:  # Ray's waiting functions turn whatever a handler raises into a KeyboardInterrupt of their own
            raise Terminated(ending.asked) from None
        raise


class _Ending:
    """A handler that ends the process by an exception, and by force when asked again after CLEANING_S."""

    def __init__(self) -> None:
        self.asked, self._since = 0, 0.0

    def __call__(self, signum: int, frame: object) -> None:
        if not self.asked:
            self.asked, self._since = signum, time.monotonic()
            raise Terminated(signum)
        if time.monotonic() - self._since > CLEANING_S:
            os._exit(128 + self.asked)


@contextmanager
def handler_kept() -> Iterator[None]:
    """Keep the handler of SIGTERM while Ray starts.

    Ray would set one that exits without a word. Below Python, its C++ libraries set one that prints where the process
    was, and aborts it when Python's has had its turn: Python's is set once more over that.
    """
    from ray._private import utils

    before, handler = utils.set_sigterm_handler, signal.getsignal(signal.SIGTERM)
    utils.set_sigterm_handler = lambda handler: None
    try:
        yield
    finally:
        utils.set_sigterm_handler = before
        if handler is not None and in_main_thread():
            signal.signal(signal.SIGTERM, handler)


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
