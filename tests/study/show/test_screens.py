"""What the commands print about a study that is there, written through records.Store."""

import pytest
import yaml

from analysis.records.schema import TrialEvent
from analysis.records.store import Store

SETTINGS = {"name": "n", "approaches": {"cnn": {}}, "budget": {"search_seconds": 60, "trial_seconds": 20}}


@pytest.fixture
def store(tmp_path) -> Store:
    made = Store(str(tmp_path / "study"))
    made.write_bytes("study.yaml", yaml.safe_dump(SETTINGS).encode())
    return made


def ended(store: Store, index: int, ending: str, best: float) -> None:
    identity = {"trial": f"cnn-{index}", "approach": "cnn", "phase": "search", "index": index}
    store.write_trial_event(TrialEvent(**identity, order=0, event="started", params={}))
    store.write_trial_event(TrialEvent(**identity, order=1, event=ending, charged_s=5.0, best_accuracy=best))


def test_status_never_calls_a_failed_trial_the_best(store, transfer_study):
    ended(store, 0, "failed", 0.99)
    assert "0.990" not in transfer_study("status", store.location).out
    ended(store, 1, "cut", 0.6)
    told = transfer_study("status", store.location).out
    assert "0.600" in told
    assert "0.990" not in told
