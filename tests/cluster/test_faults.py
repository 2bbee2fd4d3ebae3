"""Worker processes and nodes come and go while a study runs on a cluster."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from analysis.records.store import Store
from tests.cluster.nodes import TRIALS, Cluster, study_file
from tests.cluster.pretenders import Note, read_diaries
from tests.cluster.soundness import assert_sound
from tests.support.waiting import until

pytestmark = pytest.mark.cluster


def test_a_study_survives_a_killed_process_a_node_that_joins_and_one_that_is_lost(nodes):
    study_file(nodes.folder)
    study = nodes.folder / "come-and-go"
    driver = nodes.start("run", "study.yaml", "--out", study)
    _, node = nodes.nodes

    until(lambda: noted(nodes, "saved"), driver)
    os.kill(noted(nodes, "saved")[-1].pid, signal.SIGKILL)
    with nodes.held():
        late = nodes.add(cpus=1)
        until(lambda: late.processes(TRIALS), driver)
    until(lambda: {note.pid for note in noted(nodes, "step")} & {*late.processes()}, driver)
    until(lambda: noted(nodes, "step")[-1].pid in node.processes(), driver)
    nodes.lose(node)

    told, complaints = driver.communicate()
    assert (driver.returncode, complaints) == (0, ""), told
    assert_sound(study, nodes.diary)
    assert_all_evaluated(study)
    resized = [event.slots for event in Store(str(study)).phase_events() if event.event == "resized"]
    assert resized[0] == 3  # that one was lost Ray may notice only after the study: it asks a node for up to 20 s
    reasons = [event.reason for event in Store(str(study)).trial_events() if event.event == "lost"]
    assert any(reason.startswith("its process was killed or crashed") for reason in reasons), reasons
    assert any(reason.startswith(("its node was lost", "its node, or the way to it,")) for reason in reasons), reasons


def noted(nodes: Cluster, did: str) -> list[Note]:
    return [note for note in read_diaries(nodes.diary) if note.did == did]


def assert_all_evaluated(study: Path) -> None:
    events = Store(str(study)).trial_events()
    evaluated = {event.trial for event in events if event.event == "evaluated"}
    assert evaluated == {f"{name}-r0-seed{seed}" for name in ("one", "other") for seed in range(2)}
