"""How what a phase's trials need reaches their processes: through Ray's object store, put there when the phase begins.

So the processes of the search go on with the final runs, and have nothing of the test split before. The store holds the
supplies of one phase at a time: those of the search leave it before those of the final runs are put there, as far as no
process looks into them any more.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Thread
from types import TracebackType
from typing import Literal, Self

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

    A context manager: at its end the store is rid of the last ones too.

    Args:
        gather: makes the supplies of a phase; called once for each.
    """

    def __init__(self, gather: Callable[[TrialPhase], Supplies]) -> None:
        self._gather = gather
        self._gathered: dict[TrialPhase, Future[Supplies]] = {}
        self._stored: InObjectStore | None = None
        self._held: ray.ObjectRef | None = None  # else the store would drop them

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._drop()

    def gather_ahead(self, phase: TrialPhase) -> None:
        """Make the supplies of a phase in a thread, unless that has begun; they stay in this process until it begins.

        What goes wrong is raised by `of_phase`.
        """
        if phase not in self._gathered and not self._has(phase):
            self._gathered[phase] = future = Future[Supplies]()
            Thread(target=_resolve, args=(future, self._gather, phase), daemon=True).start()

    def of_phase(self, phase: TrialPhase) -> InObjectStore:
        """Where those of a phase are."""
        if self._stored is None or not self._has(phase):
            self.gather_ahead(phase)
            gathered = self._gathered.pop(phase).result()
            self._drop()
            self._held = ray.put(gathered)
            self._stored = InObjectStore(phase, cloudpickle.dumps(self._held))
        return self._stored

    def _has(self, phase: TrialPhase) -> bool:
        return self._stored is not None and self._stored.phase == phase

    def _drop(self) -> None:
        if self._held is not None:
            with suppress(AttributeError):  # another version of Ray names it otherwise: then they stay
                # Ray keeps for good what a reference leads to that has been pickled, as it cannot know who will ask.
                ray._private.worker.global_worker.core_worker.remove_object_ref_reference(self._held)
        self._held = self._stored = None


def _resolve(future: Future[Supplies], gather: Callable[[TrialPhase], Supplies], phase: TrialPhase) -> None:
    try:
        future.set_result(gather(phase))
    except BaseException as error:
        future.set_exception(error)
