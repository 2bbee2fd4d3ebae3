"""Ray on this machine alone: on the loopback, in a folder of its own, and serving nobody without its token.

Where it does not start, that ends in one line, within three minutes: two of patience, and what Ray is waiting for then.
"""

from __future__ import annotations

import errno
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analysis.records.errors import cut
from study.cluster.entry import Entry
from study.cluster.ray_folder import RayFolder, StartError, ray_folder
from study.variables import variables
from trainables.errors import first_line

SHARED_MEMORY = "/dev/shm"
SERVICES = ("start_monitor", "start_log_monitor", "start_api_server")  # methods of Ray's own class Node
OUT_OF_MEMORY_RETRIES = 0  # of the extraction of features; Ray would try for ever, and print a page each time
# That one process may have, or the user: with fewer, Ray's workers never begin, and the first task waits for ever.
OPEN_FILES, PROCESSES = 1024, 1024
# Else `ray.init` waits for first worker processes, in a call that nothing interrupts: for ever, where these hang.
BEGIN = {"RAY_prestart_worker_first_driver": "0"}
MENDS = {
    errno.ENOSPC: "free some disk space",
    errno.EMFILE: "allow more open files (`ulimit -n 8192`)",
}


@contextmanager
def on_this_machine(cpus: int | None) -> Iterator[Entry]:
    """What starts Ray here, for as long as the context lasts; Ray is to be shut down before that ends.

    Args:
        cpus: how many there shall be, instead of those of the machine.

    Raises:
        StartError: there is no place for Ray's files, or too few may be open.
    """
    _allow_enough()
    with (
        ray_folder() as folder,
        _own_token(folder.token),
        variables(BEGIN),
        _on_loopback(),
        _without_services(),
    ):
        settings = {
            "address": "local",
            "num_cpus": cpus,
            "include_dashboard": False,
            "_temp_dir": str(folder.temporary),
            "_plasma_directory": _instead_of_shared_memory(folder),
            "_system_config": {"task_oom_retries": OUT_OF_MEMORY_RETRIES},
        }
        yield Entry(settings, lambda error: _not_started(error, folder), folder.words)


def _instead_of_shared_memory(folder: RayFolder) -> str | None:
    """Where Ray's object store lies if there is no /dev/shm that can be written, as in some containers.

    Ray itself passes over one that is too small.
    """
    if sys.platform == "darwin" or os.access(SHARED_MEMORY, os.W_OK | os.X_OK):
        return None
    folder.temporary.mkdir(exist_ok=True)
    return str(folder.temporary)


def _allow_enough() -> None:
    """Ask the system for as much as Ray needs, which children of this process are allowed too."""
    _ask(resource.RLIMIT_NOFILE, OPEN_FILES, "open files", "nofile")
    if os.geteuid() != 0:  # whose processes nobody counts
        _ask(resource.RLIMIT_NPROC, PROCESSES, "processes and threads", "nproc")


def _ask(kind: int, enough: int, what: str, name: str) -> None:
    allowed, most = resource.getrlimit(kind)
    if _reaches(allowed, enough):
        return
    try:
        resource.setrlimit(kind, (enough, most if _reaches(most, enough) else enough))
    except (OSError, ValueError) as error:  # beyond the most that it gives to all but root
        raise StartError(
            f"Ray needs {enough} {what}, and at most {most} are allowed here, which root alone can raise: "
            f"`{name} 8192` in /etc/security/limits.conf, or `docker run --ulimit {name}=8192`; the study is as it was"
        ) from error


def _reaches(limit: int, enough: int) -> bool:
    return limit == resource.RLIM_INFINITY or limit >= enough


@contextmanager
def _own_token(token: Path) -> Iterator[None]:
    """Have Ray ask for this token, whatever the environment says of other clusters."""
    own = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token), "RAY_AUTH_TOKEN": None}
    try:
        with variables(own):
            _read_authentication()
            yield
    finally:
        _read_authentication()


def _read_authentication() -> None:
    """Ray reads the mode when it is imported, and a token once. Mode first: a thread that still asks finds a token."""
    from ray._private.authentication.authentication_token_setup import AuthenticationTokenLoader, Config

    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()


@contextmanager
def _on_loopback() -> Iterator[None]:
    """Have Ray's servers listen on 127.0.0.1 alone, as they do where Ray takes it that a machine is in no cluster.

    By itself, Ray takes that of macOS. If it is told 127.0.0.1 as the address of a node, it puts that of the network in
    its place.
    """
    from ray._private import ray_constants

    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


@contextmanager
def _without_services() -> Iterator[None]:
    """Have Ray start no autoscaler, log reader and dashboard, which nobody here would ask.

    Each is a process that imports for half a second to one, and Ray waits until the last one serves: three quarters
    of its start on a busy machine. (`include_dashboard=False` leaves out its pages, not its process.)
    """
    from ray._private.node import Node

    before = {name: getattr(Node, name) for name in SERVICES}
    for name in before:
        setattr(Node, name, lambda node, *given, **more: None)
    try:
        yield
    finally:
        for name, start in before.items():
            setattr(Node, name, start)


def _not_started(error: Exception, folder: RayFolder) -> StartError:
    if SHARED_MEMORY in str(error):
        mend = f"mount or enlarge {SHARED_MEMORY} (Docker: --shm-size=2g)"
    else:
        number = getattr(error, "errno", None)
        mend = MENDS.get(number or 0, "try again when the machine is less busy, or has more memory")
    return StartError(
        f"Ray does not start on this machine ({cut(first_line(error), 90)}); {mend}; the study is as it was. "
        f"Ray's logs, until the next try: {folder.path}"
    )
