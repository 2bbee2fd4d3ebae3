"""Ray's start on this machine, and addresses of clusters."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from study.cluster.connection import connected
from study.cluster.local import SERVICES
from study.cluster.nodes import ClusterError
from study.cluster.ray_folder import StartError, remove_leftovers
from tests.support.commands import Machine, machine
from tests.support.planted import SECRETS

# What a process sees that starts Ray twice, and so has two sessions, each with a token of its own.
PROBE = """
import json, os, stat, subprocess, sys
from pathlib import Path
import ray
from study.cluster.connection import connected
from tests.support.processes import listening, title, users_of

STRANGER = "from ray._raylet import GcsClient; GcsClient(address={!r}).internal_kv_keys(b'', None)"

def environment():
    return dict(os.environ)

def session():
    with connected(None, cpus=1):
        seen = ray.get(ray.remote(environment).remote())
        folder = Path(seen["RAY_AUTH_TOKEN_PATH"]).parent
        users = users_of(folder)
        address = ray.get_runtime_context().gcs_address
        stranger = subprocess.run(
            [sys.executable, "-c", STRANGER.format(address)],
            env=os.environ | {"RAY_AUTH_MODE": "disabled"}, capture_output=True, text=True,
        )
        return {
            "folder": str(folder), "users": len(users), "listening": list(map(str, listening(users))),
            "titles": [title(user) for user in users],
            "worker": seen, "mode": stat.S_IMODE(folder.stat().st_mode),
            "stranger": [stranger.returncode, stranger.stderr],
        }

before = dict(os.environ)
sessions = [session(), session()]
left = {name: value for name, value in os.environ.items() if before.get(name) != value}
print(json.dumps({"sessions": sessions, "left": left}))
"""


@pytest.fixture(scope="module")
def here(tmp_path_factory) -> Iterator[Machine]:
    with machine(tmp_path_factory.mktemp("here")) as here:
        yield here


@pytest.fixture(scope="module")
def probe(here) -> dict:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRETS["AWS_SECRET_ACCESS_KEY"])
        patch.setenv("HOME", "/proc/nowhere")  # where Ray would keep a token, for everybody to read
        patch.setenv("RAY_AUTH_TOKEN", "of another cluster")
        told = here.python(PROBE)
    assert told.code == 0, told.err
    found: dict = json.loads(told.out.splitlines()[-1])
    return found


@pytest.mark.slow
def test_ray_on_this_machine_listens_on_the_loopback_alone(probe):
    for session in probe["sessions"]:
        assert session["users"] >= 5, "the driver, a server, a raylet, agents, a worker"
        assert session["listening"]
        assert {address for address in session["listening"] if not ip_address(address).is_loopback} == set()


@pytest.mark.slow
def test_ray_on_this_machine_runs_no_autoscaler_log_reader_or_dashboard(probe):
    for session in probe["sessions"]:
        titles = " ".join(session["titles"])
        assert "raylet" in titles
        assert "gcs_server" in titles
        for script in ("monitor.py", "log_monitor", "dashboard/dashboard.py"):
            assert script not in titles


def test_ray_has_the_methods_that_start_these():
    """They are its own affair: of a new Ray, this says that they have other names now."""
    from ray._private.node import Node

    assert [name for name in SERVICES if not callable(getattr(Node, name, None))] == []


@pytest.mark.slow
def test_ray_on_this_machine_serves_nobody_without_the_token_of_the_session(probe):
    for session in probe["sessions"]:
        code, words = session["stranger"]
        assert code != 0
        assert "uthentic" in words
        assert session["mode"] == 0o700


@pytest.mark.slow
def test_a_second_session_of_a_process_has_a_folder_of_its_own_and_both_are_removed(probe, here):
    one, other = (session["folder"] for session in probe["sessions"])
    assert one != other
    assert list(here.ray.glob("*ts-*")) == []


@pytest.mark.slow
def test_workers_on_this_machine_have_the_keys_of_the_driver(probe):
    assert probe["sessions"][0]["worker"]["AWS_SECRET_ACCESS_KEY"] == SECRETS["AWS_SECRET_ACCESS_KEY"]


@pytest.mark.slow
def test_the_environment_of_a_notebook_is_afterwards_what_it_was(probe):
    assert {name for name in probe["left"] if "AUTH" in name or "TMPDIR" in name} == set()


@pytest.mark.slow
def test_ray_that_does_not_start_in_time_is_one_line_and_the_study_is_as_it_was(here, monkeypatch):
    """As on a machine that is too busy: Ray's server has no time at all to say at which port it listens."""
    own = here._environment()
    monkeypatch.setattr(Machine, "_environment", lambda *_: own | {"RAY_gcs_server_port_wait_time_s": "0"})
    told = here.transfer_study("run", "digits", "--out", here.folder / "none")
    assert told.complaint.startswith("Ray does not start on this machine (")
    assert "try again when the machine is less busy" in told.complaint
    assert "the study is as it was" in told.complaint
    assert not (here.folder / "none").exists()


@pytest.mark.slow
def test_a_temporary_folder_that_is_too_long_ends_a_run_with_exit_code_2(transfer_study, tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / ("x" * 60)))
    told = transfer_study("run", "digits", "--out", "none")
    assert "bytes too long for the paths of sockets; set RAY_TMPDIR to a short folder" in told.complaint
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Exception("The current node timed out during startup. This could happen because " + "x" * 300), "less busy"),
        (RuntimeError("Failed to start GCS. \nLast 0 lines of error files:"), "less busy"),
        (TimeoutError(), "(TimeoutError); try again"),
        (OSError(28, "No space left on device"), "free some disk space"),
        (OSError(24, "Too many open files"), "ulimit -n"),
        (FileNotFoundError(2, "No such file or directory", "/dev/shm"), "enlarge /dev/shm"),
        (ValueError("The configured object store size (2 GB) exceeds /dev/shm size (0.1 GB). Consider"), "enlarge"),
    ],
)
def test_whatever_ray_raises_as_it_starts_is_one_line_with_the_mend(monkeypatch, error, words):
    def init(**_: object) -> None:
        raise error

    monkeypatch.setattr("ray.init", init)
    with tempfile.TemporaryDirectory(prefix="r", dir="/tmp") as parent:
        monkeypatch.setenv("RAY_TMPDIR", parent)
        before = {name: value for name, value in os.environ.items() if "AUTH" in name}
        with pytest.raises(StartError) as refused, connected(None):
            pass
        (folder,) = Path(parent).iterdir()
    told = str(refused.value)
    assert words in told
    assert told.endswith(f"the study is as it was. Ray's logs, until the next try: {folder}")
    assert len(told) <= 300
    assert "\n" not in told
    assert {name: value for name, value in os.environ.items() if "AUTH" in name} == before


@pytest.mark.parametrize(
    "address", ["127.0.0.1:1", "nobody.invalid:6379", "127.0.0.1:99999", f"{'x' * 64}:6379", "..:6379", "[::1"]
)
def test_an_address_where_nobody_listens_is_refused_at_once(address):
    with pytest.raises(ClusterError, match=r"^--address .+: no Ray cluster \(.+\); start one") as refused:  # noqa: SIM117
        with connected(address):
            pass
    assert len(str(refused.value)) <= 300


@pytest.mark.parametrize("address", ["http://[::1", "http://", "https://:x", f"http://{'x' * 300}:8265"])
def test_an_address_that_is_none_of_a_job_server_is_refused_at_once(transfer_study, address):
    told = transfer_study("run", "digits", "--address", address, "--out", "/x").complaint
    assert told.startswith("--address http")
    assert "no job server there" in told
    assert len(told) <= 300


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        ("AuthenticationError: RPC error: InvalidAuthToken: Authentication token is missing", "refuses this token"),
        ("Failed to connect to GCS. Last connection error: TimedOut", "no Ray cluster"),
    ],
)
def test_a_cluster_that_refuses_the_token_says_so_and_another_one_does_not(monkeypatch, cause, words):
    def init(**_: object) -> None:
        raise ConnectionError("Failed to connect to Ray cluster") from RuntimeError(cause)

    monkeypatch.setattr("ray.init", init)
    with (
        pytest.raises(ClusterError, match=rf"{words} \(Failed to connect to Ray cluster\)"),
        connected("auto"),
    ):
        pass


def not_raised(*_: object) -> None:
    """As it befalls whoever is not root."""
    raise ValueError("not allowed to raise maximum limit")


@pytest.mark.parametrize(
    ("limit", "what", "name"), [("n", "open files", "nofile"), ("u", "processes and threads", "nproc")]
)
def test_limits_with_which_ray_s_workers_never_begin_are_refused_with_the_mend(monkeypatch, limit, what, name):
    """With 64 open files the first task waited for ever."""
    kinds = {"n": resource.RLIMIT_NOFILE, "u": resource.RLIMIT_NPROC}
    monkeypatch.setattr("os.geteuid", lambda: 1000)  # root's processes nobody counts
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (64, 256) if kind == kinds[limit] else (4096, 4096))
    monkeypatch.setattr(resource, "setrlimit", not_raised)
    with pytest.raises(StartError) as refused, connected(None):
        pass
    assert str(refused.value) == (
        f"Ray needs 1024 {what}, and at most 256 are allowed here, which root alone can raise: `{name} 8192` in "
        f"/etc/security/limits.conf, or `docker run --ulimit {name}=8192`; the study is as it was"
    )
    assert len(str(refused.value)) <= 300


@pytest.mark.parametrize(
    ("most", "then"), [(4096, 4096), (resource.RLIM_INFINITY, resource.RLIM_INFINITY), (512, 1024)]
)
def test_where_more_open_files_are_allowed_on_request_they_are_asked_for(monkeypatch, most, then):
    """As on macOS, where 256 are allowed at first. Root is given more than the most."""
    asked = []
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    monkeypatch.setattr(
        resource, "getrlimit", lambda kind: (256, most) if kind == resource.RLIMIT_NOFILE else unlimited
    )
    monkeypatch.setattr(resource, "setrlimit", lambda *limit: asked.append(limit))
    monkeypatch.setattr("ray.init", lambda **_: None)
    with connected(None):
        assert asked == [(resource.RLIMIT_NOFILE, (1024, then))]


@pytest.mark.slow
def test_a_shell_that_allows_few_open_files_ends_a_run_in_one_line(here):
    program = (
        "import resource; from study import cli; from tests.study.cluster.test_connection import not_raised; "
        "resource.setrlimit = not_raised; cli.main()"  # whoever runs the tests may be root
    )
    run = f"ulimit -n 256; exec {sys.executable} -c '{program}' run digits --out {here.folder / 'none'}"
    told = here.finished(["sh", "-c", run])
    assert told.complaint.startswith("Ray needs 1024 open files, and at most 256 are allowed here, which root alone ")
    assert not (here.folder / "none").exists()


ABORTS = """
import os, resource
from ray._private.node import Node
from study.cluster.connection import connected
def aborts(node):
    os.write(2, b"Check failed: two is not one\\n")
    os.abort()
Node.start_ray_processes = aborts
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
with connected(None, cpus=1):
    pass
"""


@pytest.mark.slow
def test_what_ray_s_libraries_say_before_they_abort_the_process_lies_with_ray_s_logs(here):
    """A failed check in them ended a study without a word."""
    told = here.python(ABORTS)
    assert told.code == -signal.SIGABRT
    (words,) = here.ray.glob("ts-*/stderr")
    assert "Check failed: two is not one\n" in words.read_text()
    remove_leftovers(here.ray)
    assert list(here.ray.iterdir()) == []
