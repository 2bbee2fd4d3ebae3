"""Who follows a study to its records: all that happens is an event, and each listener is told of each in turn.

The curves and the progress display (show/) listen too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from analysis.records.schema import PhaseEvent, TrialEvent
from analysis.records.store import Store, in_time
from study.lease import Lease

Event = TrialEvent | PhaseEvent
Listener = Callable[[Event], None]


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
    def trials(self) -> list[TrialEvent]:
        """The events of trials, in the order in which they would be read from the records."""
        return in_time(self._trials)
