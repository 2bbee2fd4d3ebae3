"""Which processes do a study's work, with an approach that keeps a diary."""

from __future__ import annotations

import json

import pytest
import yaml

from analysis.records.store import Store
from tests.support.commands import machine
from tests.support.study_files import small_study

NOTING = """
import json, os, time
from benchmarks.no_op import NoOp

class Noting(NoOp):
    def step(self):
        with open("DIARY", "a") as diary:
            print(json.dumps([time.time(), os.getpid()]), file=diary)
        time.sleep(0.2)  # the other slot's last trial of the search still runs when this one's has ended
        return super().step()
"""


@pytest.mark.slow
def test_the_final_runs_go_on_in_the_processes_of_the_search(tmp_path):
    space = {"guess": {"uniform": [0.0, 0.9]}, "steps": {"int": [1, 4]}}
    mine = {"approach": "noting:Noting", "image_size": [8, 8], "space": space, "max_trials": 6}
    diary = tmp_path / "diary"
    (tmp_path / "noting.py").write_text(NOTING.replace("DIARY", str(diary)))
    study = small_study(approaches={"mine": mine}, backbones={}, final={"runs": 4})
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    with machine(tmp_path) as here:
        told = here.transfer_study("run", "study.yaml", "--out", "out")
    assert (told.code, told.err) == (0, ""), told
    store = Store(str(tmp_path / "out"))
    began = {event.phase: event.time for event in store.phase_events() if event.event == "started"}
    notes = [json.loads(line) for line in diary.read_text().splitlines()]
    searched = {pid for at, pid in notes if began["search"] <= at < began["final"]}
    assert {pid for at, pid in notes if at >= began["final"]} <= searched
    assert not [event for event in store.trial_events() if event.phase == "search" and event.test_accuracy is not None]
