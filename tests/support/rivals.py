"""Processes that want a CPU for themselves, so that a test has a busy machine whatever else runs on it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def on_one_cpu(rivals: int) -> Iterator[None]:
    """This thread on one CPU, with so many processes beside it that want all of it."""
    before = os.sched_getaffinity(0)
    cpu = min(before)
    code = f"import os\nos.sched_setaffinity(0, [{cpu}])\nprint(flush=True)\nwhile True: pass"
    os.sched_setaffinity(0, [cpu])
    busy = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(rivals)]
    try:
        for one in busy:
            assert one.stdout is not None
            one.stdout.readline()
        yield
    finally:
        for one in busy:
            one.kill()
            one.communicate()
        os.sched_setaffinity(0, before)
