"""How long this thread was ready to work and had no CPU: what a machine that is busy with other work takes away.

Seconds that passed over seconds of CPU would say the same only where a slot is one CPU and the work never waits for
anything else: an SVM's fit, in one thread, takes 4 times its share of a slot of four CPUs on the quietest machine.
Linux tells the wait itself, for each thread. The thread that asks stands for those that compute beside it: they share
its fate. (A network on two threads and two CPUs beside up to four busy processes: the factor it tells was within 5 % of
seconds over CPU seconds in 7 of 8 cases, from 1.4 to 12, and 23 % below it in one.)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

SCHEDSTAT = Path("/proc/thread-self/schedstat")  # nanoseconds on a CPU, nanoseconds ready without one, times


def waits(threads: int) -> Callable[[], float] | None:
    """A count of the seconds that the calling thread was ready to work and had no CPU.

    Where the kernel does not tell them (macOS), they are the seconds in which it was on no CPU; as that is no wait
    where several threads compute, there is no count then.

    Args:
        threads: that compute in this process.

    Returns:
        Seconds from any fixed moment, or None where nobody can tell.
    """
    if _told():
        return _ready_s
    return _off_cpu_s if threads == 1 else None


def _told() -> bool:
    """Whether the kernel keeps the count: the file is there, and this thread has been seen on a CPU."""
    try:
        return int(SCHEDSTAT.read_text().split()[0]) > 0
    except (OSError, ValueError, IndexError):
        return False


def _ready_s() -> float:
    return int(SCHEDSTAT.read_text().split()[1]) / 1e9


def _off_cpu_s() -> float:
    return time.monotonic() - time.thread_time()
