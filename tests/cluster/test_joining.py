"""A node that joins while a study runs is put to use, however short the trials are."""

from __future__ import annotations

import pytest

from analysis.records.store import Store
from tests.cluster.nodes import cluster, study_file
from tests.cluster.pretenders import read_diaries
from tests.cluster.soundness import assert_sound
from tests.support.waiting import until

pytestmark = pytest.mark.cluster


def test_a_late_node_gets_trials_though_each_is_over_before_a_process_is_up(tmp_path):
    """Its process is not given up whenever a trial ends on the other node (see study/tune/scheduler.py)."""
    with cluster(tmp_path, 1) as nodes:
        network = {
            "approach": "diarist",
            "image_size": [12, 12],
            "precision": "float32",
            "space": {"lr": {"loguniform": [1e-4, 1e-2]}, "epochs": 2, "batch_size": 16},  # of 0.2 s
        }
        study_file(nodes.folder, approaches={"one": network}, budget={"search_seconds": 60, "trial_seconds": 2})
        driver = nodes.start("run", "study.yaml", "--out", "study")
        until(lambda: read_diaries(nodes.diary), driver)
        late = nodes.add(cpus=1)
        until(lambda: {note.pid for note in read_diaries(nodes.diary)} & {*late.processes()}, driver)
        assert {event.phase for event in Store(str(nodes.folder / "study")).phase_events()} == {"search"}
        driver.terminate()
        told, complaints = driver.communicate(timeout=120)
        assert driver.returncode == 143, told + complaints
        assert_sound(nodes.folder / "study", nodes.diary)
