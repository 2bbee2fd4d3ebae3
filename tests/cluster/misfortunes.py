"""What can happen to a study while it runs: a process is killed, a node is lost, the disk fails or is full.

Each misfortune strikes once; `Scene.mend` undoes what lasts. The study lies on a small file system of its own (a tmpfs
in a mount namespace of this process, see soak.py), so that its disk can be full or read-only and nobody else's is.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.nodes import TRIALS, Cluster

DISK = "disk"  # below the cluster's folder: the file system of the study
LASTS_S = 2.0  # how long a disk fails, where the study bears it
WRITTEN = ("records", "phases", "checkpoints")
BLOCK = b"\0" * (1 << 16)


@dataclass
class Scene:
    """A study that runs, and what can be done to it.

    Attributes:
        nodes: the cluster that it runs on; two nodes, of which the second may be lost.
        driver: the process of `transfer-study run` or `resume`.
        mends: what undoes the misfortunes that last; all of it is done, though one of them fails.
    """

    nodes: Cluster
    driver: subprocess.Popen[str]
    rng: random.Random
    mends: ExitStack = field(default_factory=ExitStack)

    @property
    def disk(self) -> Path:
        return self.nodes.folder / DISK

    def mend(self) -> None:
        """All is well again; a second time changes nothing."""
        self.mends.close()


def kill_worker(scene: Scene) -> None:
    """The process of a trial, or of one that is about to begin, gets a SIGKILL."""
    pids = [pid for node in scene.nodes.nodes for pid in node.processes(TRIALS)]
    if pids:
        with suppress(ProcessLookupError):
            os.kill(scene.rng.choice(pids), signal.SIGKILL)


def kill_driver(scene: Scene) -> None:
    scene.driver.kill()


def end_driver(scene: Scene) -> None:
    """As a machine does that shuts down."""
    scene.driver.terminate()


def interrupt_driver(scene: Scene) -> None:
    """As Ctrl-C does, which reaches the whole process group."""
    with suppress(ProcessLookupError):
        os.killpg(scene.driver.pid, signal.SIGINT)


def hang_up(scene: Scene) -> None:
    """As a terminal does that is closed, or an ssh connection that breaks."""
    with suppress(ProcessLookupError):
        os.killpg(scene.driver.pid, signal.SIGHUP)


def lose_node(scene: Scene) -> None:
    """The power of one node is cut; another one joins."""
    scene.nodes.lose(scene.nodes.nodes[1])
    scene.nodes.add(cpus=1)


def fail_storage(scene: Scene) -> None:
    """Records and checkpoints cannot be written, as where a kernel that has seen an error makes a disk read-only.

    The whole file system cannot be made so: curves are open for writing, and the remounting would be refused.
    """
    for folder in [path for name in WRITTEN for path in scene.disk.glob(f"*/{name}")]:
        subprocess.run(["mount", "--bind", folder, folder], check=True)
        scene.mends.callback(_unmount, folder)
        _make_read_only(folder)
    _while_it_lasts(scene)


def fill_disk(scene: Scene) -> None:
    """Somebody else fills the file system of the study to the last byte."""
    filler = scene.disk / "filler"
    scene.mends.callback(filler.unlink, missing_ok=True)
    with suppress(OSError), open(filler, "wb", buffering=0) as file:
        while True:
            file.write(BLOCK)
    _while_it_lasts(scene)


def freeze_driver(scene: Scene) -> None:
    """The driver stands still for a while, as on a laptop that sleeps."""
    with suppress(ProcessLookupError):
        os.kill(scene.driver.pid, signal.SIGSTOP)
        _while_it_lasts(scene)
        os.kill(scene.driver.pid, signal.SIGCONT)


MISFORTUNES: tuple[Callable[[Scene], None], ...] = (
    kill_worker,
    kill_driver,
    end_driver,
    interrupt_driver,
    hang_up,
    lose_node,
    fail_storage,
    fill_disk,
    freeze_driver,
)


def _while_it_lasts(scene: Scene) -> None:
    """Until the driver has ended or the time is over, then all is well again."""
    with suppress(subprocess.TimeoutExpired):
        scene.driver.wait(LASTS_S)
    scene.mend()


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", "--lazy", folder], check=True)


def _make_read_only(folder: Path) -> None:
    """A place with a file open for writing cannot become read-only at once: it is tried until it does."""
    end = time.monotonic() + LASTS_S
    while subprocess.run(["mount", "-o", "remount,bind,ro", folder], capture_output=True, check=False).returncode:
        assert time.monotonic() < end, f"{folder} stays writable"
