"""An approach none of whose trials survives is marked as such, and the others are compared."""

from __future__ import annotations

import json

import pytest

from analysis.records.store import Store
from tests.cluster.nodes import cluster, study_file
from tests.cluster.soundness import assert_sound

pytestmark = pytest.mark.cluster


def test_an_approach_whose_every_trial_kills_its_process_is_marked_and_the_others_are_reported(tmp_path):
    network = {
        "image_size": [12, 12],
        "precision": "float32",
        "space": {"lr": {"loguniform": [1e-4, 1e-2]}, "epochs": 5, "batch_size": 16},
        "max_trials": 1,
    }
    approaches = {
        name.lower(): network | {"approach": f"tests.cluster.pretenders:{name}"} for name in ("Diarist", "Deadly")
    }
    study_file(tmp_path, approaches=approaches, final={"runs": 1, "trial_seconds": 1})
    with cluster(tmp_path) as here:
        here.add(cpus=1)
        told, complaints = (driver := here.start("run", "study.yaml", "--out", "study")).communicate()
    assert (driver.returncode, complaints) == (0, ""), told

    (failed,) = [event for event in Store(str(tmp_path / "study")).trial_events() if event.event == "failed"]
    assert failed.reason == (
        "it was started 3 times and failed each time; the last time: "
        "its process was killed or crashed (memory ran out, a signal, or a fault in native code)"
    )
    report = json.loads((tmp_path / "study" / "report" / "report.json").read_text())
    assert report["approaches"]["deadly"]["problem"] == f"every trial failed: {failed.reason}"
    assert report["approaches"]["diarist"]["accuracy"]["estimate"] > 0
    assert f"deadly has no test result: every trial failed: {failed.reason}" in " ".join(report["verdict"].split())
    assert_sound(tmp_path / "study", here.diary)
