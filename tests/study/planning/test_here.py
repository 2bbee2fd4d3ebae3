"""Timing in this process: on a slot's threads, on features that nobody has made yet, whatever an approach does."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
import torch

from study.planning.here import Sampled, sample, stand_in, time_here
from study.planning.timing import Timing, Untimed
from tests.support.stand_ins import images
from tests.support.study_files import small_config
from trainables.approach import Settings
from trainables.backbones.networks import GLYPHS
from trainables.data.dataset import open_checked
from trainables.spec import Slot

SMALL = Settings(image_size=(16, 16), precision="float32")


def test_a_sample_has_an_image_of_each_class_and_says_what_one_takes():
    examples = images(90)
    found = sample(GLYPHS, SMALL, examples, device=torch.device("cpu"), within_s=0.0)
    assert set(found.labels) == {0, 1, 2}
    assert found.values.shape == (8, 1024), (
        "features of ShuffleNetV2 x0.5; eight images where there is no time for more"
    )
    assert found.image_s > 0


def test_features_that_stand_in_are_near_one_of_their_own_class():
    corners = np.repeat(np.eye(3, dtype=np.float32) * 100, 4, axis=0)
    made = stand_in(Sampled(corners, np.repeat([0, 1, 2], 4), 1.0), labels := np.arange(60) % 3)
    assert (made.inputs.argmax(axis=1) == labels).all()
    assert (made.labels == labels).all()
    assert len(np.unique(made.inputs[labels == 0], axis=0)) == 20, "all different, as features of images are"


def test_a_class_that_was_not_sampled_has_features_too():
    made = stand_in(Sampled(np.ones((2, 5), np.float32), np.array([0, 1]), 1.0), np.array([0, 1, 2, 2]))
    assert made.inputs.shape == (4, 5)


@pytest.mark.slow
def test_every_approach_is_timed_and_the_process_keeps_its_threads(tmp_path, monkeypatch):
    monkeypatch.setenv("TRANSFER_STUDY_CACHE", str(tmp_path))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    config = small_config()
    before = torch.get_num_threads()
    timings: Any = time_here(config, open_checked(config.data, config.replicates), Slot(1, 0.0))
    assert torch.get_num_threads() == before
    assert "OMP_NUM_THREADS" not in os.environ
    assert [type(timing) for timing in timings] == [Timing] * 3
    assert [timing.published.epochs for timing in timings] == [10, 2, 1]
    assert [timing.features_s > 0 for timing in timings] == [False, False, True]


def test_weights_that_are_missing_are_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("TRANSFER_STUDY_CACHE", str(tmp_path))
    config = small_config(backbones__glyphs={"model": "shufflenet_v2_x0_5", "weights": "gone.pth"})
    only = config.model_copy(update={"approaches": {"feature_svm": config.approaches["feature_svm"]}})
    (untimed,) = time_here(only, open_checked(config.data, config.replicates), Slot(1, 0.0))
    assert isinstance(untimed, Untimed)
    assert untimed.reason.startswith("BackboneError: ")
    assert "gone.pth" in untimed.reason
