"""The command line as a process of its own, which is how Ray is run in the tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.waiting import PATIENCE_S


@dataclass(frozen=True)
class Finished:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line in which a command says what is wrong with its input, after `error: `."""
        assert self.code == 2, f"exit code {self.code}, not 2:\n{self.out}\n{self.err}"
        (line,) = self.err.splitlines()
        assert line.startswith("error: ")
        return line.removeprefix("error: ")


@dataclass(frozen=True)
class Machine:
    """Where commands run: a folder, with a cache and a home for Ray of its own.

    Args:
        cpus: how many CPUs Ray shall see; all of them where none is given.
        libraries: folders from which commands given here can import too; Ray's nodes started here cannot.
    """

    folder: Path
    ray: Path
    cpus: int | None = None
    libraries: tuple[Path, ...] = ()

    def transfer_study(self, *arguments: object) -> Finished:
        """Run a command to its end."""
        return self.finished(self._command(*arguments))

    def python(self, code: str) -> Finished:
        """Run a program to its end."""
        return self.finished([sys.executable, "-c", code])

    def finished(self, command: list[str]) -> Finished:
        """Run any command here to its end."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment(*self.libraries),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    def started(self, *arguments: object, stdin: int | None = subprocess.DEVNULL) -> subprocess.Popen[str]:
        """Start a command in a process group of its own, to be killed with all that it started."""
        return subprocess.Popen(
            self._command(*arguments),
            cwd=self.folder,
            env=self._environment(*self.libraries),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def start_ray(self, *arguments: object, **environment: str) -> subprocess.Popen[bytes]:
        """A node of a cluster, with all its processes, until this one is terminated."""
        ray = ["-m", "ray.scripts.scripts", "start", "--block", f"--temp-dir={self.ray}", "--disable-usage-stats"]
        return subprocess.Popen(
            [sys.executable, *ray, "--object-store-memory=200000000", *map(str, arguments)],
            env=self._environment() | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _command(self, *arguments: object) -> list[str]:
        if self.cpus is None:
            start = ["-m", "study"]
        else:
            ray = f"import ray; ray.init(num_cpus={self.cpus}, include_dashboard=False, log_to_driver=False)"
            start = ["-c", f"{ray}; from study.cli import main; main()"]
        return [sys.executable, *start, *map(str, arguments)]

    def _environment(self, *libraries: Path) -> dict[str, str]:
        own = {
            "TRANSFER_STUDY_CACHE": str(self.folder / "cache"),
            "RAY_TMPDIR": str(self.ray),
            "PYTHONPATH": os.pathsep.join(map(str, (Path(__file__).resolve().parents[2], *libraries))),
            "OMP_NUM_THREADS": "1",
            "COLUMNS": "120",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",  # a job's command is `python`
        }
        if token := os.environ.get("TEST_RAY_AUTH_TOKEN"):
            own |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}
        return {name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | own


@contextmanager
def machine(folder: Path, *, cpus: int | None = None) -> Iterator[Machine]:
    """A machine for as long as the context lasts. Ray's home is short: its socket paths may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="r", dir="/tmp", ignore_cleanup_errors=True) as ray:
        try:
            yield Machine(folder, Path(ray), cpus)
        finally:
            _end_what_is_left(f"RAY_TMPDIR={ray}")


def _end_what_is_left(mark: str) -> None:
    """End the processes of this machine that outlived their command; they carry its mark in their environment."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark.encode() in (process / "environ").read_bytes().split(b"\0"):
                os.kill(int(process.name), signal.SIGKILL)
