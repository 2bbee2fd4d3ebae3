"""What the trials of each phase need, in Ray's object store: one phase at a time, gathered before it is asked for."""

from __future__ import annotations

import ast
from threading import Event, get_ident
from typing import Any

import pytest

from study.tune.supply import Supply
from tests.support.commands import machine
from tests.support.waiting import PATIENCE_S
from trainables.errors import DataError
from trainables.spec import Supplies

# One worker, that holds what it was given last, as the process of a trial does.
PUT = """
import logging, time, numpy as np, ray
from ray._private.internal_api import node_stats
from study.tune.supply import Supply
from trainables.spec import Supplies

class Worker:
    supplies = None
    def fetch(self, stored):
        self.supplies = None
        self.supplies = stored.fetch()
        return int(self.supplies.inputs["images"].sum())

def used():
    (node,) = ray.nodes()
    stats = node_stats(node["NodeManagerAddress"], node["NodeManagerPort"], include_memory_info=False)
    return round(stats.store_stats.object_store_bytes_used / SIZE)

def settled(wanted):
    end = time.monotonic() + 20
    while used() != wanted and time.monotonic() < end:
        time.sleep(0.1)
    return used()

SIZE = 20_000_000
quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": logging.ERROR}
ray.init(num_cpus=1, object_store_memory=100_000_000, **quiet)
worker = ray.remote(Worker).remote()
values = {"search": 0, "final": 1}
told = []
with Supply(lambda phase: Supplies({"images": np.full(SIZE, values[phase], dtype=np.uint8)})) as supply:
    for phase in values:
        stored = supply.of_phase(phase)
        assert supply.of_phase(phase) is stored
        told += [ray.get(worker.fetch.remote(stored)), settled(1)]
ray.kill(worker)
told.append(settled(0))
print(told)
ray.shutdown()
"""


@pytest.mark.slow
def test_the_object_store_holds_the_supplies_of_one_phase_and_of_none_at_the_end(tmp_path):
    """Those of all phases, and of all looks at a study, stayed until Ray ended."""
    with machine(tmp_path) as here:
        told = here.python(PUT)
    assert told.code == 0, told.err
    assert ast.literal_eval(told.out) == [0, 1, 20_000_000, 1, 0]


@pytest.fixture
def put(monkeypatch) -> list[Any]:
    """All that was put into the store."""
    stored: list[Any] = []
    monkeypatch.setattr("study.tune.supply.ray.put", stored.append)
    monkeypatch.setattr("study.tune.supply.cloudpickle.dumps", lambda reference: b"")
    return stored


def test_what_was_gathered_ahead_is_gathered_once_elsewhere_and_not_stored_before_it_is_asked_for(put):
    threads, done = [], Event()

    def gather(phase: str) -> Supplies:
        threads.append((phase, get_ident()))
        done.set()
        return Supplies({})

    supply = Supply(gather)
    for _ in range(2):
        supply.gather_ahead("final")
    assert done.wait(PATIENCE_S)
    assert put == []
    for _ in range(2):
        supply.of_phase("final")
        supply.gather_ahead("final")
    assert put == [Supplies({})]
    ((phase, thread),) = threads
    assert phase == "final"
    assert thread != get_ident()


def test_what_cannot_be_gathered_is_said_when_it_is_asked_for(put):
    def gather(phase: str) -> Supplies:
        raise DataError("a.jpg: not an image")

    supply = Supply(gather)
    supply.gather_ahead("final")
    with pytest.raises(DataError, match=r"a\.jpg"):
        supply.of_phase("final")
    assert put == []
