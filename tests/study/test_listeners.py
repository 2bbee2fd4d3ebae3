"""What is written of events, and remembered."""

from __future__ import annotations

from typing import Any

import pytest

from analysis.records.schema import PhaseEvent, TrialEvent
from analysis.records.store import Store
from study.lease import InUseError, Lease
from study.listeners import History, Record


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
