"""What a study does that was interrupted when hardly anything was left to do."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from analysis.records.errors import RecordsError
from analysis.records.reading import read_study
from analysis.records.store import Store
from study.config.models import StudyConfig
from study.extend import More, extended, refuse_unfinished
from study.listeners import History, Record
from study.search.finals import final_turns
from study.session.ready import Ready, write_environment
from study.session.session import Session
from study.show.progress import Progress
from tests.support.study_files import small_config
from tests.support.synthetic_study import StudyWriter, data_info, predictions

pytestmark = pytest.mark.usefixtures("undrawn")
NAMES = ("one", "other")
CNN = {"approach": "better_cnn", "image_size": [16, 16], "space": {"lr": {"loguniform": [1e-4, 1e-2]}, "epochs": 2}}
CONFIG = small_config(approaches=dict.fromkeys(NAMES, CNN), backbones={}, final={"runs": 3})


@pytest.fixture
def killed(tmp_path: Path) -> Store:
    """Killed after the last final run was evaluated, before it was said that they are finished."""
    writer = StudyWriter(tmp_path / "study")
    writer.store.write_bytes("study.yaml", CONFIG.to_yaml().encode())
    writer.store.write_record("data.json", data_info())
    writer.phase("search", "started", slots=1)
    for name in NAMES:
        for index in range(2):
            writer.trial(name, index, "finished", 2.0, 0.8 - index / 10, params={"lr": 1e-3, "epochs": 2})
    writer.phase("search", "finished")
    writer.phase("final", "started", slots=1)
    for turn in final_turns(CONFIG, writer.store.trial_events()):
        name, index = turn.spec.approach, turn.spec.index
        rows = predictions(name, index, accuracy=0.8).assign(group=None)
        writer.final(name, index, rows, params=dict(turn.spec.params), origin="incumbent")
    return writer.store


def ready(store: Store, config: StudyConfig) -> Ready:
    """A study that needs no cluster: there is nothing to run."""
    prepared = SimpleNamespace(owed_s={}, precharged_s={}, frozen={})
    quiet = Progress(Console(quiet=True))
    made: Any = SimpleNamespace(
        config=config,
        store=store,
        prepared=prepared,
        progress=quiet,
        count_slots=lambda: 1,
        dataset=None,
        sharing=SimpleNamespace(inputs=lambda inputs: inputs),
    )
    return cast(Ready, made)


def go_on(store: Store, config: StudyConfig) -> None:
    history = History.read(store)
    Session(ready(store, config), history, (Record(store), history)).to_the_end()


def test_a_study_that_was_killed_right_after_its_last_final_run_is_looked_at_when_it_is_resumed(killed):
    go_on(killed, CONFIG)
    (look,) = read_study(killed.location).looks
    assert look.runs == 3
    assert [event.event for event in killed.phase_events() if event.phase == "final"] == ["started", "finished"]
    refuse_unfinished(killed, CONFIG)


def test_a_study_that_is_resumed_when_it_is_finished_is_as_it_was(killed):
    go_on(killed, CONFIG)
    before = killed.trial_events(), len(killed.looks())
    go_on(killed, CONFIG)
    assert (killed.trial_events(), len(killed.looks())) == before
    assert [event.event for event in killed.phase_events() if event.phase == "final"] == ["started", "finished"]


def test_a_final_run_whose_predictions_are_lost_is_done_again_and_nothing_else_is(killed, monkeypatch):
    go_on(killed, CONFIG)
    lost = "predictions/one-r0-seed1.parquet"
    killed.delete(lost)
    turns: list[Any] = []
    monkeypatch.setattr(Session, "_run", lambda self, stages: turns.extend(stage.next() for stage in stages))
    with pytest.raises(RecordsError, match=r"one-r0-seed1\.parquet: missing, and its run was evaluated"):
        go_on(killed, CONFIG)  # as nobody has really run it
    assert [turn.trial for turn in turns] == ["one-r0-seed1"]
    assert lost not in killed.sums(), "the new ones need not be those of before to the last digit"


def test_an_extension_too_small_for_a_trial_does_not_lock_the_study(killed):
    go_on(killed, CONFIG)
    larger = extended(CONFIG, More(search_seconds=4.01))  # less than a hundredth more buys no trial
    killed.write_bytes("study.yaml", larger.to_yaml().encode())
    go_on(killed, larger)
    assert len(killed.looks()) == 1, "nothing new was seen"
    refuse_unfinished(killed, larger)


def test_a_later_session_elsewhere_leaves_its_environment_beside_the_first(killed, monkeypatch):
    about = {"processor": "old", "slots": 1, "cluster": {"memory": 5}}
    monkeypatch.setattr("study.session.ready.environment", lambda **_: dict(about))
    monkeypatch.setattr("study.session.ready.ray.cluster_resources", dict)
    killed.write_bytes("environment.json", b'{"processor": "old", "slots": 2, "cluster": {"memory": 9}}')
    write_environment(ready(killed, CONFIG))
    assert killed.names("environments", ".json") == []
    about["processor"] = "new"
    for _ in range(2):
        write_environment(ready(killed, CONFIG))
    assert killed.names("environments", ".json") == ["environments/0002.json"]
    assert b"new" in killed.read_bytes("environments/0002.json")
    killed.write_bytes("environments/._0002.json", b"\0\5\x16\7")  # as macOS leaves beside a file
    about["processor"] = "newest"
    write_environment(ready(killed, CONFIG))
    assert killed.own("environments") == ["environments/0002.json", "environments/0003.json"]
