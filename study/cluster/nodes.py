"""What the nodes of a cluster have, and how many slots that makes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from trainables.errors import InputError

if TYPE_CHECKING:
    from study.config.models import StudyConfig
    from trainables.spec import Slot

Resources = Mapping[str, float]
SLOTS_KNOWN_FOR_S = 1.0


class ClusterError(InputError):
    """No cluster there, or none with room for a single trial."""


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


def _slots_on(node: Resources, slot: Slot) -> int:
    slots = int(node.get("CPU", 0) // slot.cpus)
    return min(slots, int(node.get("GPU", 0) / slot.gpus + 1e-9)) if slot.gpus else slots
