"""How what a phase's trials need reaches their processes: through Ray's object store, put there when the phase begins.

So the processes of the search go on with the final runs, and have nothing of the test split before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import ray
from ray import cloudpickle

from trainables.spec import Supplies

TrialPhase = Literal["search", "final"]


@dataclass(frozen=True)
class InObjectStore:
    """Supplies in Ray's object store.

    Attributes:
        reference: to them, pickled, as Tune copies and prints the configurations in which it travels.
    """

    phase: TrialPhase
    reference: bytes = field(repr=False)

    def fetch(self) -> Supplies:
        """Get them into this process; arrays stay in the memory that all processes of the node share."""
        supplies: Supplies = ray.get(cloudpickle.loads(self.reference))
        return supplies


class Supply:
    """Puts the supplies of each phase into the object store, when its first trial is handed out.

    Args:
        gather: makes the supplies of a phase.
    """

    def __init__(self, gather: Callable[[TrialPhase], Supplies]) -> None:
        self._gather = gather
        self._stored: InObjectStore | None = None
        self._held: ray.ObjectRef | None = None  # else the store would drop them

    def of_phase(self, phase: TrialPhase) -> InObjectStore:
        """Where those of a phase are."""
        if self._stored is None or self._stored.phase != phase:
            self._held = ray.put(self._gather(phase))
            self._stored = InObjectStore(phase, cloudpickle.dumps(self._held))
        return self._stored
