"""Where a study runs: a Ray cluster, or Ray on this machine alone, and how many slots it has."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from study.cluster.code import NO_CODE, Code
from trainables.errors import InputError

if TYPE_CHECKING:
    from study.config.models import StudyConfig
    from trainables.spec import Slot

Resources = Mapping[str, float]
FIRST_NODE_WITHIN_S = 1200.0  # a GPU node of a cloud is up in 3-10 minutes, spot capacity permitting
LOOK_EVERY_S = 2.0
REACHED_WITHIN_S = 10.0
SLOTS_KNOWN_FOR_S = 1.0
JOB_VARIABLE = "RAY_JOB_CONFIG_JSON_ENV_VAR"  # where Ray tells a job's driver about the job


class Terminated(KeyboardInterrupt):
    """The process was asked to end (SIGTERM), as a machine does that shuts down; goes the way of Ctrl-C."""


class ClusterError(InputError):
    """No cluster there, or none with room for a single trial."""


@contextmanager
def connected(address: str | None, code: Code = NO_CODE) -> Iterator[None]:
    """Connect to a cluster, or start Ray on this machine, for as long as the context lasts.

    Args:
        address: of a Ray cluster, `auto` for the one this machine belongs to, None for this machine alone.
        code: of approaches from outside, which all processes of all nodes shall be able to import. Where Ray runs in
            this process already, as in a notebook, it stays as it was started.

    Raises:
        ClusterError: there is no cluster at this address, or Ray does not start here.
        Terminated: SIGTERM came meanwhile.
    """
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    if ray.is_initialized():
        yield
        return
    _refuse_unreachable(address)
    with _handler_given_back(), _started(address, code), _terminable():
        yield


@contextmanager
def _started(address: str | None, code: Code) -> Iterator[None]:
    import ray

    from study.cluster.imports import OwnImports

    local = {} if address else {"include_dashboard": False}
    try:
        with code.unpacked() as modules:
            carried = _carrying(modules)
            ray.init(
                address=address or "local",
                log_to_driver=False,
                logging_level=logging.ERROR,
                job_config=OwnImports(),
                **local,
                **carried,
            )
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        if address is None:
            raise ClusterError(f"Ray does not start on this machine ({reason}); see its logs in /tmp/ray") from error
        raise ClusterError(f"--address {address}: no Ray cluster ({reason}); start one, or leave it out") from error
    try:
        yield
    finally:
        ray.shutdown()


def _carrying(modules: list[str]) -> dict[str, object]:
    """What Ray needs to be told for these modules to reach its workers; in a job beside what that brought along."""
    if not modules:
        return {}
    job = json.loads(os.environ.get(JOB_VARIABLE, "{}")).get("runtime_env", {})
    os.environ["RAY_OVERRIDE_JOB_RUNTIME_ENV"] = "1"
    return {"runtime_env": {"py_modules": [*job.get("py_modules", []), *modules]}}


def _refuse_unreachable(address: str | None) -> None:
    """Ray would try for minutes to reach an address where nobody listens."""
    host, colon, port = (address or "").rpartition(":")
    if not colon or not port.isdecimal() or "/" in host:
        return  # `auto`, or a kind of address that Ray looks at itself
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACHED_WITHIN_S).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ClusterError(f"--address {address}: no Ray cluster ({reason}); start one, or leave it out") from error


def nodes() -> list[Resources]:
    """What each node of the connected cluster has: CPU, GPU, memory in bytes and so on."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def this_machine() -> list[Resources]:
    """What this machine has, without starting Ray (which may find fewer CPUs in a container with a limit)."""
    import torch

    return [{"CPU": float(len(os.sched_getaffinity(0))), "GPU": float(torch.cuda.device_count())}]


class Slots:
    """How many slots the connected cluster has at this moment; asked of it once a second at most.

    Tune asks for trials several times for each that starts: on a large cluster the answer is long, and a node takes
    seconds to join.
    """

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self._known, self._known_until = 0, 0.0

    def __call__(self) -> int:
        now = time.monotonic()
        if now >= self._known_until:
            self._known, self._known_until = slots_of(nodes(), self._slot), now + SLOTS_KNOWN_FOR_S
        return self._known


def slots_of(cluster: Iterable[Resources], slot: Slot) -> int:
    """How many slots the nodes of a cluster have; a slot lies on one node."""
    return sum(_slots_on(node, slot) for node in cluster)


def slot_for(config: StudyConfig, cluster: Sequence[Resources]) -> Slot:
    """The slot of the study on a cluster of these nodes.

    Raises:
        ClusterError: no node has room for even one such slot.
    """
    from trainables.spec import Slot

    wanted = config.slot.gpus
    has_gpus = any(node.get("GPU", 0) >= 1 for node in cluster)
    slot = Slot(config.slot.cpus, float(has_gpus) if wanted == "auto" else float(wanted))
    if slots_of(cluster, slot) < 1:
        has = " and ".join(f"{max(node.get(kind, 0) for node in cluster):g} {kind}s" for kind in ("CPU", "GPU"))
        raise ClusterError(
            f"slot: {slot.cpus} CPUs and {slot.gpus:g} GPUs for a trial, but no node has room for it "
            f"(at most {has}); ask for less"
        )
    return slot


@contextmanager
def _handler_given_back() -> Iterator[None]:
    """Leave SIGTERM to whoever had it before: Ray and `_terminable` each set a handler of their own."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if before is not None and _in_main_thread():
            signal.signal(signal.SIGTERM, before)


def _in_main_thread() -> bool:
    """Only there may handlers be set: a notebook or a server may run a study in another thread."""
    return threading.current_thread() is threading.main_thread()


@contextmanager
def _terminable() -> Iterator[None]:
    """Raise Terminated on SIGTERM; Ray's own handler would end the process without a word."""
    asked = False

    def terminate(signum: int, frame: object) -> None:
        nonlocal asked
        asked = True
        raise Terminated

    if _in_main_thread():
        signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    except KeyboardInterrupt:
        if asked:  # Ray's waiting functions turn whatever a handler raises into a KeyboardInterrupt of their own
            raise Terminated from None
        raise


def first_slot(config: StudyConfig, say: Callable[[str], None], *, within_s: float = FIRST_NODE_WITHIN_S) -> Slot:
    """The slot of the study on the connected cluster; where that is still a head alone, once a first node has joined.

    A cluster that grows by demand begins as a head that runs no trials. One that has CPUs to give is taken as it is: a
    slot too large for its nodes is refused at once.

    Args:
        say: told that the study waits, and for how long.
        within_s: seconds to wait at most.

    Raises:
        ClusterError: no node has room for one slot, or none joined in time.
    """
    if _has_cpus():
        return slot_for(config, nodes())
    say(f"no node to run trials on yet; asking for one, and waiting up to {within_s / 60:.0f} min for it to join")
    with _demand(config):
        end = time.monotonic() + within_s
        while not _has_cpus():
            if time.monotonic() > end:
                raise ClusterError(
                    f"no node to run trials on joined the cluster within {within_s / 60:.0f} min; see `ray status` on "
                    "its head for the reason, or start one with `ray start --address`"
                )
            time.sleep(LOOK_EVERY_S)
    return slot_for(config, nodes())


def _has_cpus() -> bool:
    return any(node.get("CPU", 0) > 0 for node in nodes())


@contextmanager
def _demand(config: StudyConfig) -> Iterator[None]:
    """Have a task wait for the resources of a slot, which is what a cluster grows by; it ends with this process."""
    import ray

    gpus = 0 if config.slot.gpus == "auto" else config.slot.gpus
    waiting = ray.remote(_nothing).options(num_cpus=config.slot.cpus, num_gpus=gpus).remote()
    try:
        yield
    finally:
        ray.cancel(waiting)


def _nothing() -> None:
    """Needs a slot, and nothing else."""


def _slots_on(node: Resources, slot: Slot) -> int:
    slots = int(node.get("CPU", 0) // slot.cpus)
    return min(slots, int(node.get("GPU", 0) / slot.gpus + 1e-9)) if slot.gpus else slots
