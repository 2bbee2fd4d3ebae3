"""Who follows a study to its records: all that happens is an event, and each listener is told of each in turn.

The curves and the progress display (show/) listen too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from analysis.records.schema import PhaseEvent, TrialEvent
from analysis.records.store import Store, in_time
from study.lease import Lease

Event = TrialEvent | PhaseEvent
Listener = Callable[[Event], None]


class Dated:
    """Tells the listeners of each event with a time that only goes forward, even if the machine's clock is set.

    The order of times is that of the curves and of what a resumed study learns from, their differences are the seconds
    for which slots were there: an hour that a clock is set forward or back belongs to neither.

    Args:
        listeners: told of every event, in turn.
        not_before: seconds since 1970, the time of the last event on record: the clock may have been set back since.
        now: seconds since 1970, by the clock that may be set.
        passed: seconds, by a clock that nobody sets.
    """

    def __init__(
        self,
        listeners: Iterable[Listener],
        *,
        not_before: float = 0.0,
        now: Callable[[], float] = time.time,
        passed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._listeners, self._passed = tuple(listeners), passed
        self._ahead_s = max(now(), not_before) - passed()

    def __call__(self, event: Event) -> None:
        """Tell all of one event."""
        dated = event.model_copy(update={"time": self._ahead_s + self._passed()})
        for listener in self._listeners:
            listener(dated)


@dataclass(frozen=True)
class Record:
    """Puts every event on record.

    Args:
        store: of the study.
        lease: of this driver: with another one at work nothing is written any more.
    """

    store: Store
    lease: Lease | None = None

    def __call__(self, event: Event) -> None:
        """Write one event.

        Raises:
            InUseError: another driver has taken the study over.
            StorageError: it cannot be written.
        """
        if self.lease is not None:
            self.lease.check()
        if isinstance(event, PhaseEvent):
            self.store.write_phase_event(event)
        else:
            self.store.write_trial_event(event)


@dataclass
class History:
    """All events so far, those of earlier sessions among them; told after the record, so it holds what is on record."""

    phases: list[PhaseEvent] = field(default_factory=list)
    _trials: list[TrialEvent] = field(default_factory=list)

    @classmethod
    def read(cls, store: Store) -> History:
        """What the records of a study say."""
        return cls(store.phase_events(), store.trial_events())

    def __call__(self, event: Event) -> None:
        """Remember one event."""
        if isinstance(event, PhaseEvent):
            self.phases.append(event)
        else:
            self._trials.append(event)

    @property
    def last_time(self) -> float:
        """Seconds since 1970 of the latest event; 0 where there is none."""
        events: tuple[Event, ...] = (*self.phases, *self._trials)
        return max((event.time for event in events), default=0.0)

    @property
    def trials(self) -> list[TrialEvent]:
        """The events of trials, in the order in which they would be read from the records."""
        return in_time(self._trials)
