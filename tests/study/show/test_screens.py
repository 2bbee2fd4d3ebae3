"""What the commands print about a study that is there, written through records.Store."""

import io
import json

import pytest
import yaml
from rich.console import Console

from analysis.records.schema import TrialEvent
from analysis.records.store import Store
from study.show.screens import show_outcome
from tests.support.synthetic_study import write_study

SETTINGS = {"name": "n", "approaches": {"cnn": {}}, "budget": {"search_seconds": 100, "trial_seconds": 20}}


@pytest.fixture
def store(tmp_path) -> Store:
    made = Store(str(tmp_path / "study"))
    made.write_bytes("study.yaml", yaml.safe_dump(SETTINGS).encode())
    return made


def ended(store: Store, index: int, ending: str, best: float) -> None:
    identity = {"trial": f"cnn-r0-{index:04d}", "approach": "cnn", "phase": "search", "index": index}
    store.write_trial_event(TrialEvent(**identity, order=0, event="started", params={}, allowance_s=20.0))
    store.write_trial_event(TrialEvent(**identity, order=1, event=ending, charged_s=5.0, best_accuracy=best))


def test_status_never_calls_a_failed_trial_the_best(store, transfer_study):
    ended(store, 0, "failed", 0.99)
    assert "0.990" not in transfer_study("status", store.location).out
    ended(store, 1, "cut", 0.6)
    told = transfer_study("status", store.location).out
    assert "0.600" in told
    assert "0.990" not in told


def test_status_says_what_is_wrong_and_the_key_to_turn(store, transfer_study):
    for index in range(5):
        identity = {"trial": f"cnn-r0-{index:04d}", "approach": "cnn", "phase": "search", "index": index}
        params = {"epochs": 10 + index}
        store.write_trial_event(TrialEvent(**identity, order=0, event="started", params=params, allowance_s=20.0))
        store.write_trial_event(
            TrialEvent(**identity, order=1, event="cut", charged_s=20.0, steps=index + 1, epoch=0.1, best_accuracy=0.2)
        )
    told = transfer_study("status", store.location).out
    assert "cnn had all 5 search trials cut by the allowance after 1 to 5 steps (0.1 of 10 to 14 epochs)" in told
    assert "raise budget.trial_seconds (20 s" in told
    assert "tried only" not in told, "the search goes on"


def test_status_of_a_study_that_is_through_speaks_of_its_predictions_too(tmp_path, transfer_study):
    location = write_study(tmp_path / "boats", accuracy={"better_cnn": 0.0, "fine_tune": 0.85, "feature_svm": 0.88})
    told = transfer_study("status", location).out
    assert "better_cnn is not shown to be better than always naming the class" in told
    assert "in any of its 3 runs" in told
    assert "fine_tune tried only 4 configurations in its search" in told


def test_the_last_screen_shows_headline_and_verdict_and_the_most_accurate_first(store):
    def approach(accuracy: float | None) -> dict[str, object]:
        scored = accuracy and {"estimate": accuracy, "low": accuracy - 0.1, "high": accuracy + 0.1}
        return {"accuracy": scored, "charged_seconds": 1.0, "budget_seconds": 2.0, "trials": 3}

    found = {"none": approach(None), "low": approach(0.5), "high": approach(0.8)}
    report = {"headline": "high is more accurate than low.", "verdict": "Given 2.0 s, [high] is.", "approaches": found}
    store.write_bytes("report/report.json", json.dumps(report).encode())
    shown = io.StringIO()
    show_outcome(store.location, Console(file=shown, width=80))
    told = shown.getvalue()
    assert "\nhigh is more accurate than low.\n" in told
    assert "Given 2.0 s, [high] is." in told
    assert told.index("high ") < told.index("low ") < told.index("none ")
