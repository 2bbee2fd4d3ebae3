"""Trains on two nodes and prints, as JSON, what reached each of them: a program, as Ray runs in a process of its own.

    share_images.py FOLDER TRIALS

Each case is one run over the same images: `fits` where the object stores have room for them, `too_large` where
they are taken to have none.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import numpy as np
import ray
from ray._private.internal_api import node_stats
from ray.cluster_utils import Cluster

from analysis.records.schema import ENDINGS, TrialEvent
from analysis.records.storage import Storage
from study.cluster.nodes import nodes
from study.cluster.sharing import Sharing, room
from study.search.turns import ListedTurns, Turn
from study.tune.searcher import TurnSearcher, run_trials
from study.tune.supply import Supply
from trainables.approach import Examples, Task
from trainables.approaches.better_cnn import BetterCNN, BetterCNNSettings
from trainables.spec import Inputs, Slot, Supplies, TrialSpec

IMAGES = np.random.default_rng(0).integers(0, 256, (700, 100, 100, 3), dtype=np.uint8)  # 21 MB
LABELS = np.arange(len(IMAGES)) % 10
STORE = 100_000_000  # bytes


def main(folder: Path, trials: int) -> None:
    head = {"num_cpus": 1, "num_gpus": 0, "object_store_memory": STORE}
    cluster = Cluster(initialize_head=True, head_node_args=head | {"include_dashboard": False} | machine(folder, "a"))
    cluster.add_node(**head, **machine(folder, "b"))
    ray.init(address=cluster.address, logging_level=logging.ERROR, log_to_driver=False)
    told = {case: measured(folder, trials, given) for case, given in (("fits", room(nodes())), ("too_large", 1e6))}
    print(json.dumps(told))
    ray.shutdown()
    cluster.shutdown()


def machine(folder: Path, name: str) -> dict[str, object]:
    """What makes a node one of its own: its cache."""
    return {"env_vars": {"TRANSFER_STUDY_CACHE": str(folder / name)}}


def measured(folder: Path, trials: int, given: float) -> dict[str, object]:
    """Bytes put into or copied to each node's object store, and bytes of the files in each node's cache."""
    before = created()
    ended: list[TrialEvent] = []
    task = Task(Examples(IMAGES, LABELS), Examples(IMAGES[:50], LABELS[:50]), 10)
    inputs = {"cnn": Inputs(BetterCNN, BetterCNNSettings(image_size=(100, 100)), task)}
    storage = Storage(str(folder / "study"))
    searcher = TurnSearcher(
        ListedTurns([turn(number) for number in range(trials)]),
        slots=lambda: 2,
        listeners=[lambda event: ended.append(event) if event.event in ENDINGS else None],
        supplied=Supply(lambda phase: Supplies(Sharing(storage, given).inputs(inputs))).of_phase,
    )
    run_trials(searcher, Slot(1, 0.0), checkpoints=storage)
    return {
        "ended": [event.event for event in ended],
        "created": [now - then for now, then in zip(created(), before, strict=True)],
        "cached": [sum(path.stat().st_size for path in (folder / name).rglob("*.npy")) for name in ("a", "b")],
    }


def turn(number: int) -> Turn:
    params = {"epochs": 1, "batch_size": 64}
    spec = TrialSpec(
        trial=f"cnn-{number}", approach="cnn", phase="search", index=number, params=params, seed=number, allowance_s=0.2
    )
    return Turn(spec=spec, origin="suggested")


def created() -> list[int]:
    """Bytes ever created in the object store of each node, copies from other nodes among them."""
    stats = [
        node_stats(node["NodeManagerAddress"], node["NodeManagerPort"], include_memory_info=False)
        for node in ray.nodes()
    ]
    return [int(stat.store_stats.cumulative_created_bytes) for stat in stats]


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
