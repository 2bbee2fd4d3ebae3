"""Which processes do a study's work, with an approach that keeps a diary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from analysis.records.schema import TrialEvent
from analysis.records.store import Store
from tests.support.commands import machine
from tests.support.study_files import small_study

NOTING = """
import json, os, time
from pathlib import Path
from benchmarks.no_op import NoOp

HERE = Path("FOLDER")

def noted():
    lines = (HERE / "diary").read_text().splitlines() if (HERE / "diary").exists() else []
    return [json.loads(line)[1] for line in lines]

class Noting(NoOp):
    def __init__(self, task, *given, **named):
        super().__init__(task, *given, **named)
        if task.valid is None:  # a rehearsal, or one that is timed
            return
        with open(HERE / "diary", "a") as diary:
            print(json.dumps([time.time(), os.getpid()]), file=diary)
        while len(set(noted())) < 2:  # the search may not end before its second process works
            time.sleep(0.05)
"""
KILLING = """
import os, signal, time
from pathlib import Path
from analysis.records.store import Store
from noting import HERE, Noting, noted

class Killing(Noting):
    def __init__(self, task, *given, **named):
        super().__init__(task, *given, **named)
        self._is_trial = task.valid is not None

    def step(self):
        idle = noted()[0] if self._is_trial else os.getpid()
        if os.getpid() != idle and not (HERE / "killed").exists():
            while not any(event.event == "finished" for event in Store(str(HERE / "out")).trial_events()):
                time.sleep(0.05)
            os.kill(idle, signal.SIGKILL)
            (HERE / "killed").touch()
        return super().step()
"""


def run(folder: Path, approach: str, **mine: object) -> Store:
    """A study of one approach of ours, with two slots and four final runs."""
    space = {"guess": {"uniform": [0.0, 0.9]}}
    study = small_study(
        approaches={"mine": {"approach": approach, "image_size": [8, 8], "space": space, **mine}},
        backbones={},
        budget={"search_seconds": 1200, "trial_seconds": 120},  # a trial may wait for another's process
        final={"runs": 4},
    )
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    for name, code in {"noting": NOTING, "killing": KILLING}.items():
        (folder / f"{name}.py").write_text(code.replace("FOLDER", str(folder)))
    with machine(folder) as here:
        told = here.transfer_study("run", "study.yaml", "--out", "out")
    assert (told.code, told.err) == (0, ""), told
    return Store(str(folder / "out"))


def last_events(store: Store, phase: str) -> list[TrialEvent]:
    return list({event.trial: event for event in store.trial_events() if event.phase == phase}.values())


@pytest.mark.slow
def test_the_final_runs_go_on_in_the_processes_of_the_search(tmp_path):
    store = run(tmp_path, "noting:Noting", max_trials=6)
    began = {event.phase: event.time for event in store.phase_events() if event.event == "started"}
    notes = [json.loads(line) for line in (tmp_path / "diary").read_text().splitlines()]
    searched = {pid for at, pid in notes if began["search"] <= at < began["final"]}
    assert {pid for at, pid in notes if at >= began["final"]} <= searched
    assert not [event for event in store.trial_events() if event.phase == "search" and event.test_accuracy is not None]


@pytest.mark.slow
def test_a_process_that_dies_idle_between_search_and_final_runs_fails_no_final_run(tmp_path):
    """The one that was to go on in it had failed for good, `started 3 times`, and no resume ran it again."""
    store = run(tmp_path, "killing:Killing", max_trials=2)
    assert (tmp_path / "killed").exists()
    assert [event.event for event in last_events(store, "final")] == ["evaluated"] * 4
    assert {event.event for event in store.trial_events() if event.phase == "final"}.isdisjoint({"failed", "lost"})
