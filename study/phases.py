"""The phases of a study on record: when each began and ended, and how many slots it had meanwhile.

A cluster grows and shrinks while a study runs. Whoever hands out trials asks here how many slots there are, so that
each change stands in the records from the moment on at which it was noticed, and the report knows how much could have
been done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from analysis.records.schema import Phase, PhaseEvent
from study.show.progress import Progress


class Phases:
    """Writes the phase events of one session.

    Args:
        write: puts an event on record.
        slots: counts the slots at this moment.
        progress: told of each phase, and of the slots.
    """

    def __init__(self, write: Callable[[PhaseEvent], None], slots: Callable[[], int], progress: Progress) -> None:
        self._write, self._count, self._progress = write, slots, progress
        self._phase: Phase = "prepare"
        self._slots: int | None = None

    @contextmanager
    def during(self, phase: Phase) -> Iterator[None]:
        """Record that a phase begins, and that it ends, unless an error ends it."""
        self._phase, self._slots = phase, self._count()
        self._progress.phase(phase, self._slots)
        self._write(PhaseEvent(phase=phase, event="started", slots=self._slots))
        yield
        self._write(PhaseEvent(phase=phase, event="finished"))

    def slots(self) -> int:
        """Slots at this moment of a phase; a number that has changed goes on record."""
        slots = self._count()
        if slots != self._slots:
            self._write(PhaseEvent(phase=self._phase, event="resized", slots=slots))
            self._progress.resized(slots)
            self._slots = slots
        return slots
