"""One way on one case in a process of its own, set up as a worker of a study is; prints what it measured as JSON.

python -m benchmarks.training.one CASE WAY THREADS SECONDS FOLDER [BATCHES]
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path

import torch

from benchmarks.training.cases import CPU_CASES
from benchmarks.training.meter import Enough, Meter
from benchmarks.training.rates import product_rate
from benchmarks.training.ways import WAYS


def main(name: str, way: str, threads: int, for_s: float, folder: Path, most: int) -> None:
    if way == "this":
        as_in_a_worker(threads)
    torch.set_num_threads(threads)
    device = torch.device("cpu")
    meter = Meter(for_s, most)
    before = product_rate(device)
    with suppress(Enough):
        WAYS[way](CPU_CASES[name], folder, device, meter)
    speed = meter.speed()
    print(json.dumps({**speed.to_dict(), "product_rate": (before + product_rate(device)) / 2}))


def as_in_a_worker(threads: int) -> None:
    """What a worker process does before its first trial."""
    from trainables.process.memory import keep_freed_memory
    from trainables.spec import pin_threads

    pin_threads(threads)
    keep_freed_memory()


if __name__ == "__main__":
    name, way, threads, for_s, folder, *most = sys.argv[1:]
    main(name, way, int(threads), float(for_s), Path(folder), int(most[0]) if most else 1_000_000)
