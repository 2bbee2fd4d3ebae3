"""An end to waiting for Ray: where one of its parts hangs, it would try again for a quarter of an hour."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from study.cluster.terminated import in_main_thread


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
