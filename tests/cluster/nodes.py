"""A Ray cluster of several nodes on this machine, whose nodes and processes can be killed as if the power were cut."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.cluster.pretenders import DIARY, HOLD
from tests.support.waiting import PATIENCE_S, free_port

HERE = Path(__file__).resolve().parent
MARK = "STUDY_NODE"  # an environment variable by which all processes of a node are known
TRIALS = "ray::Resource"  # how Ray calls the process of a trial: by the class that Tune makes of ours


@dataclass(frozen=True)
class Node:
    """One node: a raylet and the worker processes below it; on the head the cluster's own services too."""

    mark: str

    def processes(self, title: str = "") -> list[int]:
        """Process ids of the node, of all its processes or of those with this in their title."""
        return [pid for pid, name in marked(f"{MARK}={self.mark}") if title in name]

    def kill(self) -> None:
        """The power is cut."""
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@dataclass
class Cluster:
    """Nodes that share a folder: the studies, the diaries of their trials, the features cache."""

    folder: Path
    ray: Path
    token: str = field(default_factory=lambda: uuid.uuid4().hex)
    address: str = ""
    nodes: list[Node] = field(default_factory=list)

    def add(self, *, cpus: int, gpus: int = 0, **environment: str) -> Node:
        """Start a node, the first one as the head, and wait until it has joined."""
        if not self.nodes:
            self.address = f"127.0.0.1:{free_port()}"
            place = [
                "--head",
                f"--port={self.address.split(':')[1]}",
                f"--temp-dir={self.ray}",
                "--include-dashboard=0",
            ]
        else:
            place = [f"--address={self.address}", "--dashboard-agent-listen-port=0"]
        node = Node(uuid.uuid4().hex)
        subprocess.run(
            [sys.executable, "-m", "ray.scripts.scripts", "start", *place, "--node-ip-address=127.0.0.1",
             f"--num-cpus={cpus}", f"--num-gpus={gpus}", "--object-store-memory=100000000", "--disable-usage-stats"],
            env=self._environment() | {MARK: node.mark} | environment,
            check=True, capture_output=True, timeout=PATIENCE_S,
        )  # fmt: skip
        self.nodes.append(node)
        return node

    def lose(self, node: Node) -> None:
        """Cut the power of a node; after the head's, whatever is added makes a new cluster."""
        node.kill()
        self.nodes = [] if node == self.nodes[0] else [other for other in self.nodes if other != node]

    @property
    def command(self) -> list[str]:
        """`transfer-study`."""
        return [sys.executable, "-m", "study"]

    def start(self, *arguments: object, program: str = "study") -> subprocess.Popen[str]:
        """Start `transfer-study` on the cluster, in a process group of its own; or another module in its place."""
        place = ["--address", self.address] if self.address else []
        return subprocess.Popen(
            [sys.executable, "-m", program, *map(str, arguments), *place],
            cwd=self.folder, env=self._environment(),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def run(self, command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
        """Run any command in the folder, with the environment of a node, to its end."""
        return subprocess.run(
            command, cwd=self.folder, env=self._environment() | environment, capture_output=True, text=True,
            timeout=2 * PATIENCE_S, check=False,
        )  # fmt: skip

    @contextmanager
    def held(self) -> Iterator[None]:
        """Trials that begin meanwhile wait, uncharged, until this is over; those that train go on to their end."""
        hold = self.diary / HOLD
        hold.touch()
        try:
            yield
        finally:
            hold.unlink()

    @property
    def diary(self) -> Path:
        return self.folder / "diary"

    def _environment(self) -> dict[str, str]:
        own = {
            "PYTHONPATH": str(HERE.parents[1]),
            "TRANSFER_STUDY_CACHE": str(self.folder / "cache"),
            "RAY_TMPDIR": str(self.ray),
            "RAY_worker_niceness": "0",  # Ray's 15 leaves a worker nothing where somebody else computes too
            "RAY_gcs_rpc_server_reconnect_timeout_s": "5",  # how long a driver waits for a lost head; else 60
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": self.token,
            "COLUMNS": "200",
            DIARY: str(self.diary),
        }
        return {name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | own


@contextmanager
def cluster(folder: Path, *cpus: int) -> Iterator[Cluster]:
    """A cluster for as long as the context lasts: nodes with so many CPUs each, the first of them the head.

    Without any node, commands start Ray themselves. Ray's home is short: its socket paths may have 107 bytes.
    """
    with tempfile.TemporaryDirectory(prefix="r", dir="/tmp", ignore_cleanup_errors=True) as ray:
        made = Cluster(folder, Path(ray))
        made.diary.mkdir(exist_ok=True)
        try:
            for each in cpus:
                made.add(cpus=each)
            yield made
        finally:
            for pid, _ in marked(f"RAY_TMPDIR={ray}"):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def script(path: Path, *arguments: object, **environment: str) -> str:
    """Run a Python script that starts Ray itself, to its end; what it printed to standard output."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    with tempfile.TemporaryDirectory(prefix="r", dir="/tmp", ignore_cleanup_errors=True) as ray:
        own = {"PYTHONPATH": str(HERE.parents[1]), "RAY_TMPDIR": ray}
        done = subprocess.run(
            [sys.executable, str(path), *map(str, arguments)],
            env=kept | own | environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def marked(mark: str) -> list[tuple[int, str]]:
    """Id and title of the processes that carry a mark in their environment, and of the children of those.

    Some of Ray's helpers overwrite their environment with their title.
    """
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            environment = (process / "environ").read_bytes().split(b"\0")
            parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
            title = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            found[int(process.name)] = (mark.encode() in environment, int(parent), title)
    own = {pid for pid, (carries, _, _) in found.items() if carries}
    return [(pid, title) for pid, (_, parent, title) in found.items() if pid in own or parent in own]


def study_file(folder: Path, **changes: object) -> Path:
    """A study of two slow networks, small in all else; sections are replaced by name."""
    network = {
        "approach": "tests.cluster.pretenders:Diarist",
        "image_size": [12, 12],
        "precision": "float32",
        "space": {"lr": {"loguniform": [1e-4, 1e-2]}, "epochs": 60, "batch_size": 16},
    }
    study = {
        "name": "small",
        "data": {"source": "digits", "train_per_class": 5, "valid_per_class": 5},
        "approaches": {"one": network, "other": network | {"image_size": [14, 14]}},
        "budget": {"search_seconds": 5, "trial_seconds": 2},
        "replicates": 1,
        "final": {"runs": 2, "trial_seconds": 1},
        "slot": {"cpus": 1, "gpus": 0},
        "pace": {"heartbeat_seconds": 0.2, "checkpoint_seconds": 0.4},
    }
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(study | changes))
    return path
