"""Machines of a Ray cluster that share no files: each its own folder, played by nodes on this one.

But for the diaries that the approaches of pretenders.py keep for the tests.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.pretenders import DIARY
from tests.support.waiting import PATIENCE_S, free_port

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Machines:
    """Machines by name; the one called `driver` is no node, and is where commands are given."""

    folder: Path
    ray: Path
    address: str
    token: str

    @property
    def diary(self) -> Path:
        return self.folder / "diary"

    def cache(self, machine: str) -> Path:
        return self.folder / machine / "cache"

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Start `transfer-study`, knowing the approaches of these tests, on the driver."""
        return subprocess.Popen(
            [sys.executable, "-m", "tests.cluster.pretenders", *map(str, arguments)],
            cwd=self.folder / "driver",
            env=self.environment("driver"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def tell(self, *arguments: object) -> Told:
        """Run `transfer-study` to its end."""
        return Told.by(self.start(*arguments))

    def environment(self, machine: str) -> dict[str, str]:
        own = {
            "PYTHONPATH": str(HERE.parents[1]),
            "TRANSFER_STUDY_CACHE": str(self.cache(machine)),
            "RAY_TMPDIR": str(self.ray),
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": self.token,
            "OMP_NUM_THREADS": "1",
            "COLUMNS": "200",
            DIARY: str(self.diary),
        }
        return {name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | own


@dataclass(frozen=True)
class Told:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @classmethod
    def by(cls, process: subprocess.Popen[str]) -> Told:
        out, err = process.communicate(timeout=PATIENCE_S)
        return cls(process.returncode, out, err)


@contextmanager
def machines(folder: Path, *names: str) -> Iterator[Machines]:
    """A cluster of nodes with one CPU each. Ray's home is short: its socket paths may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="r", dir="/tmp", ignore_cleanup_errors=True) as ray:
        made = Machines(folder, Path(ray), f"127.0.0.1:{free_port()}", uuid.uuid4().hex)
        made.diary.mkdir()
        try:
            for number, name in enumerate(("driver", *names)):
                (folder / name).mkdir()
                if number:
                    _start_node(made, name, head=number == 1)
            yield made
        finally:
            _end_all(f"RAY_TMPDIR={ray}")


def _start_node(made: Machines, name: str, *, head: bool) -> None:
    port = made.address.partition(":")[2]
    first = ["--head", f"--port={port}", f"--temp-dir={made.ray}", "--include-dashboard=0"]
    place = first if head else [f"--address={made.address}", "--dashboard-agent-listen-port=0"]
    subprocess.run(
        [
            *(sys.executable, "-m", "ray.scripts.scripts", "start", *place, "--node-ip-address=127.0.0.1"),
            *("--num-cpus=1", "--num-gpus=0", "--object-store-memory=100000000", "--disable-usage-stats"),
        ],
        cwd=made.folder / name,
        env=made.environment(name),
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=PATIENCE_S,
    )


def _end_all(mark: str) -> None:
    """End the processes of these machines; they carry its mark in their environment."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark.encode() in (process / "environ").read_bytes().split(b"\0"):
                os.kill(int(process.name), signal.SIGKILL)
