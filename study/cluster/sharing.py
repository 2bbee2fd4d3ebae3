"""How images and features reach the nodes: once each, whatever the number of trials.

What fits goes through Ray's object store, which copies it to each node that asks, once, and lets all processes there
read that copy. What does not fit is put into the study's storage, from where each node fetches it once into a file
that its processes map (trainables/data/stored_examples.py). To an approach both are arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.records.storage import Storage
from study.cluster.nodes import Resources
from trainables.approach import Examples
from trainables.data.stored_examples import store
from trainables.spec import Inputs

ROOM = 0.7  # of a node's object store may be taken by inputs; results and Ray's own objects need the rest


@dataclass(frozen=True)
class Sharing:
    """Shares examples with all nodes.

    Args:
        storage: of the study.
        room: bytes of inputs for which every node has room in its object store.
    """

    storage: Storage
    room: float

    def inputs(self, inputs: Mapping[str, Inputs]) -> Mapping[str, Inputs]:
        """The inputs of all approaches, in the form in which they travel best."""
        arrays = {id(array): array for one in inputs.values() for array in _arrays(one)}
        if sum(array.nbytes for array in arrays.values()) <= self.room:
            return inputs
        stored: dict[int, Examples] = {}  # by the array's id: approaches share arrays

        def share(examples: Examples) -> Examples:
            key = id(examples.inputs)
            if key not in stored:
                stored[key] = store(self.storage, examples)
            return stored[key]

        return {name: _changed(one, share) for name, one in inputs.items()}

    def lots(self, lots: Sequence[Examples]) -> Sequence[Examples]:
        """Lots of examples that are on their way at the same time, in the form in which they travel best."""
        if sum(lot.inputs.nbytes for lot in lots) <= self.room:
            return lots
        return [store(self.storage, lot) for lot in lots]


def room(nodes: Iterable[Resources]) -> float:
    """Bytes of inputs for which all these nodes have room in their object stores."""
    return ROOM * min(node.get("object_store_memory", 0.0) for node in nodes)


def _arrays(inputs: Inputs) -> list[np.ndarray]:
    parts = (inputs.task.train, inputs.task.valid, inputs.test)
    return [part.inputs for part in parts if part is not None]


def _changed(inputs: Inputs, change: Callable[[Examples], Examples]) -> Inputs:
    task = inputs.task
    valid = change(task.valid) if task.valid is not None else None
    test = change(inputs.test) if inputs.test is not None else None
    return replace(inputs, task=replace(task, train=change(task.train), valid=valid), test=test)
