"""A study that can begin or go on: prepared on the cluster where it runs, and what is written of it before that."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import ray

from analysis.records.storage import Storage
from analysis.records.store import Store
from analysis.records.trials import costs_by_approach
from study.cluster.code import Code
from study.cluster.first_node import first_slot
from study.cluster.nodes import Slots, nodes
from study.cluster.sharing import Sharing, room
from study.config.models import SlotConfig, StudyConfig
from study.planning.in_slots import time_in_slots
from study.prepare.prepare import Prepared, prepare
from study.provenance import environment
from study.session.inputs import search_inputs
from study.session.received import keep
from study.show.progress import Progress
from study.show.timings import timing_lines
from trainables.cache import cache_dir
from trainables.data.dataset import Dataset
from trainables.leftovers import clean
from trainables.spec import Inputs, Slot


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A study that can begin or go on, with nothing written yet; and where it runs."""

    config: StudyConfig
    store: Store
    dataset: Dataset
    prepared: Prepared
    slot: Slot
    count_slots: Callable[[], int]
    sharing: Sharing
    progress: Progress

    @cached_property
    def search_inputs(self) -> Mapping[str, Inputs]:
        """What search trials get, in the form in which it travels best; timing and the search need it."""
        return self.sharing.inputs(search_inputs(self.config, self.dataset, self.prepared.frozen))


def get_ready(config: StudyConfig, store: Store, dataset: Dataset, progress: Progress) -> Ready:
    """Prepare a study on the connected cluster."""
    clean(cache_dir())
    slot = first_slot(config, progress.say)
    count_slots = Slots(slot)
    sharing = Sharing(Storage(store.absolute), room(nodes()))
    prepared = prepare(config, dataset, store, slot, sharing, progress.doing)
    for note in prepared.notes:
        progress.say(note)
    return Ready(
        config=config,
        store=store,
        dataset=dataset,
        prepared=prepared,
        slot=slot,
        count_slots=count_slots,
        sharing=sharing,
        progress=progress,
    )


def say_what_budgets_buy(ready: Ready) -> None:
    """Time a step and a validation of each approach in the slots: whoever sees that they are too few can stop here."""
    ready.progress.doing("timing a step and a validation of each approach")
    features_s = costs_by_approach(ready.prepared.costs)
    timings = time_in_slots(ready.config, ready.search_inputs, ready.slot, features_s=features_s)
    for line in timing_lines(ready.config, timings):
        ready.progress.say(line)


def write_beginning(ready: Ready, code: Code) -> None:
    """Make a directory a study."""
    store = ready.store
    store.write_record("data.json", ready.prepared.info)
    store.write_bytes("environment.json", _environment(ready))
    for cost in ready.prepared.costs:
        store.write_record(f"features/{cost.key}.json", cost)
    keep(store, code)
    write_study_file(ready)  # last, because it makes the directory a study


def write_study_file(ready: Ready) -> None:
    """With the slot that `auto` came to, so that resuming keeps it."""
    resolved = ready.config.model_copy(update={"slot": SlotConfig(cpus=ready.slot.cpus, gpus=ready.slot.gpus)})
    ready.store.write_bytes("study.yaml", resolved.to_yaml().encode())


def write_environment(ready: Ready) -> None:
    """Where a later session runs, unless that is on record: beside the first, in environments/0002.json and so on."""
    store, about = ready.store, _environment(ready)
    later = store.own("environments")
    known = store.read_many([name for name in ("environment.json", *later) if store.exists(name)])
    if _machine(about) not in map(_machine, known):
        store.write_bytes(f"environments/{len(later) + 2:04d}.json", about)


def _environment(ready: Ready) -> bytes:
    cluster = dict(ray.cluster_resources())
    about = environment(seed=ready.config.seed, slots=ready.count_slots(), cluster=cluster)
    return json.dumps(about, indent=2).encode()


def _machine(environment: bytes) -> dict[str, object]:
    """What does not change from one hour to the next, as free memory and a cluster's nodes do."""
    return {name: value for name, value in json.loads(environment).items() if name not in {"cluster", "slots"}}
