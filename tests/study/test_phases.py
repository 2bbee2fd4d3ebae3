"""What stands on record of a phase, on a cluster whose nodes come and go."""

from __future__ import annotations

import pytest

from analysis.records.errors import StorageError
from analysis.records.schema import PhaseEvent
from study.phases import Phases


class Cluster:
    """Phases on a cluster of so many slots, and the events that were written."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.events: list[PhaseEvent] = []
        self.disk_is_full = False
        self.phases = Phases([self._write], lambda: self.slots)

    def _write(self, event: PhaseEvent) -> None:
        if self.disk_is_full:
            raise StorageError("no space left")
        self.events.append(event)

    @property
    def written(self) -> list[tuple[str, str, int | None]]:
        return [(event.phase, event.event, event.slots) for event in self.events]


def test_a_phase_begins_with_its_slots_and_ends():
    cluster = Cluster(2)
    with cluster.phases.during("search"):
        assert cluster.phases.slots() == 2
    assert cluster.written == [("search", "started", 2), ("search", "finished", None)]


def test_each_change_of_the_slots_is_on_record_once():
    cluster = Cluster(1)
    with cluster.phases.during("search"):
        for cluster.slots in (1, 3, 3, 0, 2):
            assert cluster.phases.slots() == cluster.slots
    assert cluster.written[1:-1] == [("search", "resized", 3), ("search", "resized", 0), ("search", "resized", 2)]


def test_the_next_phase_begins_with_the_slots_there_are_then():
    cluster = Cluster(1)
    with cluster.phases.during("search"):
        pass
    cluster.slots = 4
    with cluster.phases.during("final"):
        cluster.phases.slots()
        cluster.slots = 5
        cluster.phases.slots()
    assert cluster.written[2:] == [("final", "started", 4), ("final", "resized", 5), ("final", "finished", None)]


def test_a_phase_that_an_error_ends_is_not_finished():
    cluster = Cluster(1)
    with pytest.raises(RuntimeError), cluster.phases.during("search"):
        raise RuntimeError
    assert cluster.written == [("search", "started", 1)]


def test_a_change_that_could_not_be_written_is_written_at_the_next_look():
    cluster = Cluster(1)
    with cluster.phases.during("search"):
        cluster.slots, cluster.disk_is_full = 2, True
        with pytest.raises(StorageError):
            cluster.phases.slots()
        cluster.disk_is_full = False
        cluster.phases.slots()
    assert ("search", "resized", 2) in cluster.written


def test_every_listener_is_told_in_turn():
    told: list[tuple[str, str]] = []
    phases = Phases(
        [lambda event: told.append(("first", event.event)), lambda event: told.append(("second", event.event))], int
    )
    with phases.during("report"):
        pass
    assert told == [("first", "started"), ("second", "started"), ("first", "finished"), ("second", "finished")]
