"""A memory that is full when a test says so: Ray's monitor reads a /proc/meminfo that is written here.

Approaches that fill it are here too. The file is bound over the true one in a mount namespace (see
test_faults_memory.py), so that nobody else's memory runs out.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import torch

from benchmarks.no_op import NoOp
from trainables.approach import Hyperparameters, Settings, Step, Task

MEMINFO = "STUDY_MEMINFO"  # the environment variable that names the file


def make(path: Path) -> None:
    """The file, with nearly all memory free; and beside it what it holds when memory is free, or full."""
    text = Path("/proc/meminfo").read_text()
    total = int(text.split()[1])
    for state, left in (("free", total * 9 // 10), ("full", 1)):
        told = _told(text, ("MemFree", "MemAvailable"), left)
        told = _told(told, ("Buffers", "Cached", "SReclaimable", "Shmem"), 0)
        path.with_suffix(f".{state}").write_text(told)
    path.write_bytes(path.with_suffix(".free").read_bytes())


def fill() -> None:
    """Of all memory that Ray knows of, one kilobyte is left."""
    path = Path(os.environ[MEMINFO])
    file = os.open(path, os.O_WRONLY)  # not made anew: what is mounted is this very file
    os.write(file, path.with_suffix(".full").read_bytes())
    os.close(file)


def freed_at_my_end() -> subprocess.Popen[bytes]:
    """A process that frees the memory when this one has ended, as its pipe tells it."""
    path = Path(os.environ[MEMINFO])
    mend = f"cat; dd conv=notrunc if={path.with_suffix('.free')} of={path}"
    quiet = subprocess.DEVNULL
    return subprocess.Popen(
        ["sh", "-c", mend], stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, start_new_session=True
    )


class Modest(NoOp):
    """Takes no memory to speak of, and knows whether it is in a trial or being timed."""

    def __init__(
        self, task: Task, settings: Settings, hyperparameters: Hyperparameters, *, seed: int, device: torch.device
    ) -> None:
        super().__init__(task, settings, hyperparameters, seed=seed, device=device)
        self._in_trial = task.valid is not None


class Hungry(Modest):
    """The first trial of all takes all the memory there is, which its end gives back."""

    def step(self) -> Step:
        eaten = Path(os.environ[MEMINFO]).with_suffix(".eaten")
        if self._in_trial and not eaten.exists():
            eaten.touch()
            with freed_at_my_end():
                fill()
                signal.pause()
        return super().step()


class Insatiable(Modest):
    """Every trial takes all the memory there is, and nothing comes back."""

    def step(self) -> Step:
        if self._in_trial:
            fill()
            signal.pause()
        return super().step()


def _told(text: str, names: tuple[str, ...], kilobytes: int) -> str:
    """The text of meminfo with another number in these lines, which stay as long as they were."""

    def line(found: re.Match[str]) -> str:
        return found[1] + str(kilobytes).rjust(len(found[2]))

    return re.sub(rf"(?m)^((?:{'|'.join(names)}):)( +\d+)", line, text)
