"""What is written of events, and remembered."""

from __future__ import annotations

from typing import Any

import pytest

from analysis.records.schema import PhaseEvent, TrialEvent
from analysis.records.store import Store
from study.lease import InUseError, Lease
from study.listeners import Dated, History, Record


def event(trial: str, order: int, time: float, **more: Any) -> TrialEvent:
    kind = "started" if order == 0 else "validated"
    about = {"approach": "cnn", "phase": "search", "index": int(trial[-1]), "event": kind}
    return TrialEvent(**about | {"trial": trial, "order": order, "time": time} | more)


EVENTS: list[TrialEvent | PhaseEvent] = [
    PhaseEvent(phase="search", event="started", slots=2),
    event("cnn-1", 0, 1.0, params={"lr": 1e-3, "flip": True, "kernel": "rbf", "epochs": 2}),
    event("cnn-0", 0, 2.0),
    event("cnn-1", 1, 4.0, charged_s=0.1 + 0.2, best_accuracy=1 / 3),
    PhaseEvent(phase="search", event="resized", slots=3),
    event("cnn-0", 1, 3.5, charged_s=1.0),  # the machine's clock was set back
    PhaseEvent(phase="search", event="finished"),
]


def test_what_is_remembered_is_what_would_be_read_from_the_records(tmp_path):
    store, history = Store(str(tmp_path)), History()
    for one in EVENTS:
        for listener in (Record(store), history):
            listener(one)
    read = History.read(store)
    assert history.trials == read.trials == store.trial_events()
    assert history.phases == read.phases == store.phase_events()


def test_what_happens_after_resuming_follows_what_was_read(tmp_path):
    store = Store(str(tmp_path))
    for one in EVENTS:
        Record(store)(one)
    history = History.read(store)
    later = event("cnn-2", 0, 5.0)
    history(later)
    assert history.trials == [*store.trial_events(), later]


def test_a_driver_that_has_lost_its_lease_writes_nothing_any_more(tmp_path):
    class Lost(Lease):
        def __init__(self) -> None:
            pass

        def check(self) -> None:
            raise InUseError("another process took this study over")

    store = Store(str(tmp_path))
    for one in EVENTS:
        with pytest.raises(InUseError):
            Record(store, Lost())(one)
    assert store.trial_events() == []
    assert store.phase_events() == []


def test_an_hour_that_the_clock_is_set_back_or_forward_is_in_no_time_of_an_event():
    """What the listeners are told of three events ten seconds apart, whatever the machine's clock says."""
    for jump_s in (-3600.0, 3600.0):
        clock, passed = iter([1000.0, 1010.0 + jump_s]), iter([0.0, 0.0, 10.0, 20.0])
        seen = History()
        tell = Dated((seen,), now=clock.__next__, passed=passed.__next__)
        for order in range(3):
            tell(event("cnn-0", order, 1000.0 + order * jump_s))
        assert [one.time for one in seen.trials] == [1000.0, 1010.0, 1020.0]


def test_a_clock_that_was_set_back_between_two_sittings_goes_on_from_the_records():
    seen = History([PhaseEvent(phase="search", event="finished", time=5000.0)], [event("cnn-0", 0, 4000.0)])
    assert seen.last_time == 5000.0
    tell = Dated((seen,), not_before=seen.last_time, now=lambda: 1400.0, passed=iter([0.0, 1.0, 2.0]).__next__)
    tell(event("cnn-0", 1, 1401.0))
    tell(PhaseEvent(phase="final", event="started", time=1402.0))
    assert seen.trials[-1].time == 5001.0
    assert seen.phases[-1].time == 5002.0


def test_the_events_of_one_trial_stay_in_order_in_records_of_a_clock_that_was_set_back(tmp_path):
    """Curves of a study that was resumed were drawn from a trial's end before its beginning, and broke."""
    store = Store(str(tmp_path))
    for one in (event("cnn-0", 0, 5000.0), event("cnn-1", 0, 5001.0), event("cnn-0", 1, 1402.0)):
        store.write_trial_event(one)
    assert [(one.trial, one.order) for one in store.trial_events()] == [("cnn-0", 0), ("cnn-0", 1), ("cnn-1", 0)]
