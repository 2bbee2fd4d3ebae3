"""A host of several GPUs: one trial on each, each seeing its own, none on two or more threads than its slot has."""

from __future__ import annotations

import itertools
from collections import defaultdict

import pytest

from tests.cluster.nodes import TRIALS, cluster, study_file
from tests.cluster.pretenders import read_diaries
from tests.cluster.soundness import assert_sound
from tests.support.waiting import until

pytestmark = pytest.mark.cluster
GPUS = {"4", "5", "6", "7"}  # those of the host that its owner gave to Ray


def test_every_gpu_has_one_trial_at_a_time_which_sees_no_other(tmp_path):
    """The GPUs are there in name only, so the trials hold them, but compute on the CPU."""
    one = {"epochs": 60, "batch_size": 16, "lr": {"loguniform": [1e-4, 1e-2]}}
    network = {
        "approach": "tests.cluster.pretenders:Diarist",
        "image_size": [12, 12],
        "precision": "float32",
        "space": one,
        "max_trials": 8,
    }
    study_file(
        tmp_path,
        approaches={"one": network},
        budget={"search_seconds": 8, "trial_seconds": 1},
        final={"runs": 1, "trial_seconds": 1},
        slot={"cpus": 1, "gpus": "auto"},
    )
    with cluster(tmp_path) as host:
        host.add(cpus=8, gpus=4, CUDA_VISIBLE_DEVICES=",".join(sorted(GPUS)))
        with host.held():
            driver = host.start("run", "study.yaml", "--out", "study", program="tests.cluster.pretenders")
            until(lambda: len(host.nodes[0].processes(TRIALS)) == len(GPUS), driver)
        told, complaints = driver.communicate()
        assert (driver.returncode, complaints) == (0, ""), told
        assert_sound(tmp_path / "study", host.diary)
        notes = read_diaries(host.diary)

    assert {note.threads for note in notes} == {1}
    held = defaultdict(list)
    for note in notes:
        held[note.devices].append(note)
    assert held.keys() == GPUS
    for of_gpu in held.values():
        trials = [note.seed for note in of_gpu]
        changes = sum(before != after for before, after in itertools.pairwise(trials))
        assert changes == len(set(trials)) - 1, "two trials took turns on one GPU"
