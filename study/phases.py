"""The phases of a study: when each began and ended, and how many slots it had meanwhile.

A cluster grows and shrinks while a study runs. Whoever hands out trials asks here how many slots there are, so that
each change stands in the records from the moment on at which it was noticed, and the report knows how much could have
been done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from analysis.records.schema import Phase, PhaseEvent


class Phases:
    """Announces the phase events of one session.

    Args:
        listeners: told of every event, in turn.
        slots: counts the slots at this moment.
    """

    def __init__(self, listeners: Iterable[Callable[[PhaseEvent], None]], slots: Callable[[], int]) -> None:
        self._listeners, self._count = tuple(listeners), slots
        self._phase: Phase = "prepare"
        self._slots: int | None = None

    @contextmanager
    def during(self, phase: Phase) -> Iterator[None]:
        """Announce that a phase begins, and that it ends, unless an error ends it."""
        self._phase, self._slots = phase, self._count()
        self.announce(PhaseEvent(phase=phase, event="started", slots=self._slots))
        yield
        self.announce(PhaseEvent(phase=phase, event="finished"))

    def slots(self) -> int:
        """Slots at this moment of a phase; a number that has changed is announced."""
        slots = self._count()
        if slots != self._slots:
            self.announce(PhaseEvent(phase=self._phase, event="resized", slots=slots))
            self._slots = slots
        return slots

    def announce(self, event: PhaseEvent) -> None:
        """Tell all listeners."""
        for listener in self._listeners:
            listener(event)
