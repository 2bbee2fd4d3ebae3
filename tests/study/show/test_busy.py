"""When a busy machine is told of while a study runs, from events by hand."""

from __future__ import annotations

import pytest
import yaml

from analysis.records.schema import TrialEvent
from analysis.records.store import Store
from study.show.busy import Busy, busy_line
from tests.study.show.test_progress import Screen


def event(charged_s: float, waited_s: float | None, *, approach: str = "svm", index: int = 0) -> TrialEvent:
    return TrialEvent(
        trial=f"{approach}-r0-{index:04d}", order=0, event="heartbeat", approach=approach, phase="search", index=index,
        charged_s=charged_s, waited_s=waited_s,
    )  # fmt: skip


def told(*events: TrialEvent) -> list[int]:
    """At which of these events something is told."""
    busy = Busy()
    return [number for number, one in enumerate(events) if busy.see(one)]


def test_a_calm_machine_is_not_spoken_of():
    assert told(event(10, 1.0), event(20, 2.0), event(20, 4.0, index=1)) == []


def test_a_busy_one_is_told_of_once_and_again_when_it_is_far_busier():
    same = [event(10 * n, 5.0 * n) for n in range(1, 6)]  # factor 2
    assert told(*same) == [0]
    assert told(*same, event(100, 66.0), event(100, 67.0)) == [0, 6], "from 2 to 3"


def test_nothing_is_concluded_from_the_first_seconds():
    assert told(event(5.0, 4.5), event(9.9, 8.0), event(10.1, 8.0)) == [2]


def test_an_event_of_a_trial_replaces_those_before_it():
    assert told(event(7.5, 5.0), event(7.5, 5.0), event(7.5, 5.0)) == []


def test_all_trials_of_an_approach_count_together():
    assert told(event(7.5, 5.0), event(7.5, 5.0, index=1)) == [1]
    assert told(event(7.5, 5.0), event(7.5, 5.0, approach="cnn")) == []


def test_what_a_trial_is_charged_for_features_before_it_works_does_not_count():
    begun = event(90.0, None).model_copy(update={"event": "started"})
    assert told(begun, event(95.0, 3.0), event(100.0, 6.0)) == [2], "6 of 10 s"


def test_where_the_wait_is_not_known_nothing_is_told():
    assert told(event(100.0, None)) == []


def test_the_line_names_factors_and_the_mend():
    assert busy_line({}) is None
    assert busy_line({"svm": 4.05, "cnn": 1.84}) == (
        "Busy machine: charged seconds over those with a CPU are svm 4.0, cnn 1.8; other programs had the rest, so the "
        "budget buys less training; let the study have its machine to itself"
    )


@pytest.mark.parametrize("terminal", [False, True])
def test_the_line_is_shown_while_the_study_runs(terminal):
    screen = Screen(terminal=terminal)
    text = screen.show(event(10.0, 5.0, approach="better_cnn"), event(20.0, 10.0, approach="better_cnn"))
    assert text.count("Busy machine") == 1


def write_trial(store: Store, heartbeat: TrialEvent) -> None:
    """A trial that has come as far as this."""
    begun = {"event": "started", "charged_s": 0.0, "waited_s": None, "allowance_s": 20.0}
    store.write_trial_event(heartbeat.model_copy(update=begun))
    store.write_trial_event(heartbeat.model_copy(update={"order": 1, "allowance_s": 20.0}))


def test_status_tells_it_too(tmp_path, transfer_study):
    settings = {"name": "n", "approaches": {"svm": {}}, "budget": {"search_seconds": 60, "trial_seconds": 20}}
    store = Store(str(tmp_path / "study"))
    store.write_bytes("study.yaml", yaml.safe_dump(settings).encode())
    write_trial(store, event(10.0, 1.0))
    assert "Busy machine" not in transfer_study("status", store.location).out
    write_trial(store, event(10.0, 5.0, index=1))
    write_trial(store, event(10.0, 9.0, index=2))
    assert (
        "Busy machine: charged seconds over those with a CPU are svm 2.0;"
        in transfer_study("status", store.location).out
    )
