"""The first node of a cluster that grows by demand: it begins as a head that runs no trials."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from study.cluster.nodes import ClusterError, nodes, slot_for

if TYPE_CHECKING:
    from study.config.models import StudyConfig
    from trainables.spec import Slot

FIRST_NODE_WITHIN_S = 1200.0  # a GPU node of a cloud is up in 3-10 minutes, spot capacity permitting
LOOK_EVERY_S = 2.0


def first_slot(config: StudyConfig, say: Callable[[str], None], *, within_s: float = FIRST_NODE_WITHIN_S) -> Slot:
    """The slot of the study on the connected cluster; where that is still a head alone, once a first node has joined.

    A cluster that has CPUs to give is taken as it is: a slot too large for its nodes is refused at once.

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
