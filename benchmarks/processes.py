"""Commands as processes of their own, measured: wall seconds, CPU seconds of all they waited for, memory at most.

Every measured process runs in the folder of a tree of this project and imports it from there, so that two trees (this
one, and that of an earlier commit with these benchmarks copied into it) can be measured in turn.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GRACE_S = 20.0  # between asking a process to end and ending it
MARK = "BENCHMARK_RUN"  # variable by which the processes of one run are known, whoever has become their parent


@dataclass(frozen=True)
class Measured:
    """What one command took.

    Attributes:
        began: seconds since 1970 at which it was started.
        wall_s: to its end.
        cpu_s: of it and of every process that it has waited for.
        peak_mb: the most memory that one of these held.
        output: what it printed.
        code: its exit code.
    """

    began: float
    wall_s: float
    cpu_s: float
    peak_mb: float
    output: str
    code: int


class CommandError(Exception):
    """A command that was to be measured has failed."""


def python(
    arguments: Sequence[str],
    *,
    tree: Path = ROOT,
    stop_after_s: float | None = None,
    variables: Mapping[str, str] | None = None,
) -> Measured:
    """Run Python with these arguments in a tree of the project.

    Args:
        tree: its folder.
        stop_after_s: interrupt it then, as Ctrl-C does; else it runs to its end.
        variables: of its environment, beside those of this process.

    Raises:
        CommandError: it fails by itself.
    """
    mark = uuid.uuid4().hex
    own = {"PYTHONPATH": str(tree), "PYTHONUNBUFFERED": "1", MARK: mark, **(variables or {})}
    with tempfile.TemporaryFile("w+") as printed:
        began, start = time.time(), time.monotonic()
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=tree, env={**os.environ, **own}, stdin=subprocess.DEVNULL, stdout=printed, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        stopped = _stopped(process, stop_after_s, mark)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall_s = time.monotonic() - start
        printed.seek(0)
        output = printed.read()
    if process.returncode and not stopped:
        raise CommandError(f"{' '.join(arguments)}: exit code {process.returncode}\n{output[-2000:]}")
    cpu_s = used.ru_utime + used.ru_stime
    return Measured(began, wall_s, cpu_s, used.ru_maxrss * 1024 / 1e6, output, process.returncode)


def _stopped(process: subprocess.Popen[bytes], after_s: float | None, mark: str) -> bool:
    """Wait until a process has ended, not reaping it; whether it was interrupted."""
    if _ended(process.pid, after_s):
        return False
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    if not _ended(process.pid, GRACE_S):
        process.kill()
    end_all(mark)
    return True


def end_all(mark: str) -> None:
    """End the processes of one run that are still there, and wait until they are gone."""
    deadline = time.monotonic() + GRACE_S
    while (left := _of_the_run(mark)) and time.monotonic() < deadline:
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def _ended(pid: int, within_s: float | None) -> bool:
    deadline = None if within_s is None else time.monotonic() + within_s
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | (0 if deadline is None else os.WNOHANG)) is None:
        if deadline is not None and time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _of_the_run(mark: str) -> set[int]:
    """The processes of one run that are still there; none where there is no /proc."""
    found = set()
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it has just ended, or is somebody else's
            if f"{MARK}={mark}".encode() in environment.read_bytes().split(b"\0"):
                found.add(int(environment.parent.name))
    return found
