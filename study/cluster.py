"""Where a study runs: a Ray cluster, or Ray on this machine alone, and how many slots it has."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from trainables.errors import InputError

if TYPE_CHECKING:
    from study.config import StudyConfig
    from trainables.trainable import Slot


class ClusterError(InputError):
    """No cluster there, or none with room for a single trial."""


@contextmanager
def connected(address: str | None) -> Iterator[Mapping[str, float]]:
    """Connect to a cluster, or start Ray on this machine, for as long as the context lasts.

    Args:
        address: of a Ray cluster, `auto` for the one this machine belongs to, None for this machine alone.

    Yields:
        The cluster's resources: CPU, GPU, memory in bytes and so on.

    Raises:
        ClusterError: there is no cluster at this address.
    """
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    if ray.is_initialized():
        yield ray.cluster_resources()
        return
    local = {} if address else {"include_dashboard": False}
    try:
        ray.init(address=address or "local", log_to_driver=False, logging_level=logging.ERROR, **local)
    except (ConnectionError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ClusterError(f"--address {address}: no Ray cluster ({reason}); start one, or leave it out") from error
    try:
        yield ray.cluster_resources()
    finally:
        ray.shutdown()


def local_resources() -> dict[str, float]:
    """The resources that Ray would find on this machine, without starting it."""
    import torch

    return {"CPU": float(os.cpu_count() or 1), "GPU": float(torch.cuda.device_count())}


def slots_of(cluster: Mapping[str, float], slot: Slot) -> int:
    """How many slots a cluster with these resources has."""
    slots = int(cluster.get("CPU", 0) // slot.cpus)
    return min(slots, int(cluster.get("GPU", 0) / slot.gpus + 1e-9)) if slot.gpus else slots


def slot_for(config: StudyConfig, cluster: Mapping[str, float]) -> Slot:
    """The slot of the study on a cluster with these resources.

    Raises:
        ClusterError: the cluster has not even one such slot.
    """
    from trainables.trainable import Slot

    wanted = config.slot.gpus
    gpus = (1.0 if cluster.get("GPU", 0) >= 1 else 0.0) if wanted == "auto" else float(wanted)
    slot = Slot(config.slot.cpus, gpus)
    if slots_of(cluster, slot) < 1:
        has = f"{cluster.get('CPU', 0):g} CPUs and {cluster.get('GPU', 0):g} GPUs"
        raise ClusterError(f"slot: {slot.cpus} CPUs and {gpus:g} GPUs for a trial, but Ray has {has}; ask for less")
    return slot
