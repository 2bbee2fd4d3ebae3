"""docs/cluster-onprem.yaml, really used: hosts in network namespaces of this machine, reached by SSH only."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from analysis.records.store import Store
from tests.support.study_files import small_study

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("onprem.sh")
UNSHARE = ("unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child")
TOOLS = ("unshare", "ip", "ssh", "ssh-keygen", "/usr/sbin/sshd", "rsync")


def why_not() -> str | None:
    """What this machine lacks for hosts of its own."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"{', '.join(missing)} not installed"
    if os.geteuid() != 0:
        return "network namespaces with SSH servers need root"
    tried = subprocess.run([*UNSHARE, "ip", "link", "add", "lab", "type", "bridge"], capture_output=True, check=False)
    return "network namespaces are not allowed here" if tried.returncode else None


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: those of Ray's sockets may have 107 bytes."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="o", dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.mark.cluster
def test_a_study_runs_on_hosts_of_ones_own_from_ray_up_to_ray_down(folder):
    _prepare(folder)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    done = subprocess.run(
        [*UNSHARE, str(SCRIPT), str(folder)],
        env=environment
        | {"PROGRAM": str(ROOT / "study" / "__main__.py"), "ENVIRONMENT": sys.prefix}
        | {"PATH": f"{sys.prefix}/bin:{environment['PATH']}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=500,
        check=False,
    )
    print(done.stdout)
    assert done.returncode == 0
    assert "Test accuracy" in done.stdout
    assert "finished" in done.stdout
    assert "Ray still runs" not in done.stdout
    study = Store(str(folder / "shared" / "study"))
    assert study.exists("report/report.html")
    searched = [event for event in study.trial_events() if event.phase == "search"]
    assert {event.host for event in searched if event.host} == {"head", "worker"}


def _prepare(folder: Path) -> None:
    """The launcher file of the docs with this lab's addresses, and with its Python environment put to use as it is."""
    cluster = yaml.safe_load((ROOT / "docs" / "cluster-onprem.yaml").read_text())
    cluster["provider"] |= {"head_ip": "10.77.0.2", "worker_ips": ["10.77.0.3"]}
    cluster["auth"] = {"ssh_user": "root", "ssh_private_key": str(folder / "key")}
    cluster["file_mounts"] = {"~/transfer-study": str(ROOT), "~/.ray/auth_token": str(folder / "auth_token")}
    cluster["setup_commands"] = [command for command in cluster["setup_commands"] if "pip install" not in command]
    for starts in ("head_start_ray_commands", "worker_start_ray_commands"):
        one_slot = "ray start --num-cpus=1 --object-store-memory=200000000"
        cluster[starts] = [command.replace("ray start", one_slot) for command in cluster[starts]]
    (folder / "cluster.yaml").write_text(yaml.safe_dump(cluster))
    content = small_study(budget={"search_seconds": 30, "trial_seconds": 10})
    content["approaches"] = {"better_cnn": content["approaches"]["better_cnn"]}  # trials of half a second
    (folder / "study.yaml").write_text(yaml.safe_dump(content))
    (folder / "auth_token").write_text(secrets.token_hex(32))
    (folder / "shared").mkdir()
