"""What the benchmarks compute of what they measure, against numbers worked out by hand."""

from __future__ import annotations

import math
from contextlib import suppress

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from benchmarks import gpu
from benchmarks.engines import ours
from benchmarks.engines.__main__ import Pace, pace
from benchmarks.engines.work import SLOTS
from benchmarks.growth import images
from benchmarks.growth.axes import predictions
from benchmarks.growth.costs import Axis, Cost, Growth, measured
from benchmarks.processes import Measured
from benchmarks.svm import VALID, configurations, features
from benchmarks.training import pictures
from benchmarks.training.cases import CPU_CASES, Case
from benchmarks.training.meter import WARM_UP, Enough, Meter
from benchmarks.training.rates import flops_per_image
from benchmarks.training.ways import this, tuned
from study.cluster.ray_folder import StartError
from tests.support.stand_ins import Ticker
from trainables.approach import Examples, Task
from trainables.data import image_cache

SMALL = Case("BetterCNN, small", "better_cnn", (16, 24), 8)


def run(began: float, wall_s: float) -> Measured:
    return Measured(began=began, wall_s=wall_s, cpu_s=0, peak_mb=0, output="", code=0)


def test_an_engine_is_judged_by_what_came_before_it_was_interrupted():
    results = [(110.0, 2.0), (114.0, 4.0), (116.0, 3.0), (131.0, 9.0)]  # the last while it was already ending
    found = pace(run(began=100.0, wall_s=35.0), results, within_s=30.0)
    assert found == Pace(first_s=10.0, per_minute=60 * 2 / 20, trial_s=3.0, number=3)


def test_this_is_told_of_as_many_cpus_as_the_others_use_whatever_the_machine_has(tmp_path, monkeypatch):
    told = []

    def not_started(cpus: int | None) -> None:
        told.append(cpus)
        raise StartError("no Ray here")

    monkeypatch.setattr("study.cluster.connection.on_this_machine", not_started)
    monkeypatch.setattr("sys.argv", [])
    with pytest.raises(SystemExit):
        ours.main(str(ours.write_study(tmp_path)), str(tmp_path / "study"))
    assert told == [SLOTS]
    assert ours.arguments(tmp_path)[:2] == ["-m", ours.__name__]


def test_an_engine_without_a_result_has_no_rate():
    assert pace(run(began=100.0, wall_s=31.0), [], within_s=30.0) == Pace(None, None, None, 0)


def test_better_cnn_takes_the_operations_that_its_layers_have():
    first, second = 2 * 26 * 96 * 30 * 75, 2 * 11 * 46 * 15 * 270  # outputs, times inputs of each
    linear = 2 * (1725 * 128 + 128 * 50 + 50 * 16)
    case = CPU_CASES["better_cnn"]
    assert flops_per_image(case, gradient_of_images=True) == 3 * (first + second + linear)
    assert flops_per_image(case) == 3 * (first + second + linear) - first


def test_an_extraction_is_forward_alone():
    case = Case("features", "extract", (64, 64), 8, "resnet18")
    trained = Case("fine-tuned", "fine_tune", (64, 64), 8, "resnet18")
    assert 2.9 < flops_per_image(trained, gradient_of_images=True) / flops_per_image(case) < 3.1  # but for last layers


def told_by(meter: Meter, ticker: Ticker) -> int:
    """Batches of 10 images of which the first takes 100 s, and each later one 2 s; how many until it was enough."""
    for told in range(1, 100):
        ticker.now += 100 if told == 1 else 2
        try:
            meter(10, torch.tensor(float(told)))
        except Enough:
            return told
    raise AssertionError("it is never enough")


def test_the_first_batches_are_not_counted_and_the_loop_ends_after_the_last():
    ticker = Ticker()
    meter = Meter(for_s=math.inf, most=3, clock=ticker)
    assert told_by(meter, ticker) == WARM_UP + 3
    speed = meter.speed()
    assert speed.losses == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert (speed.loop_s, speed.images_per_s) == (6.0, 5.0)


def test_a_loop_ends_with_the_batch_in_which_its_seconds_have_passed():
    ticker = Ticker()
    meter = Meter(for_s=7.0, clock=ticker)
    assert told_by(meter, ticker) == WARM_UP + 4
    assert (meter.speed().loop_s, meter.speed().images_per_s) == (8.0, 5.0)


def test_this_and_the_tuned_loop_train_the_same(tmp_path):
    pictures.write(tmp_path, [SMALL.size], distinct=32, times=1)
    losses = []
    for way in (this, tuned):
        meter = Meter(for_s=math.inf, most=6)  # two epochs of four batches
        with suppress(Enough):
            way(SMALL, tmp_path, torch.device("cpu"), meter)
        losses.append(meter.speed().losses)
    assert len(losses[0]) == WARM_UP + 6
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def test_the_pictures_in_memory_are_those_in_the_files(tmp_path):
    pictures.write(tmp_path, [(240, 800)], distinct=4, times=2)
    images, labels = pictures.read(tmp_path, (240, 800))
    assert images.shape == (8, 240, 800, 3)
    assert labels.tolist() == [0, 1, 2, 3, 0, 1, 2, 3]
    assert sorted(path.name for path in (tmp_path / "files" / "class-03").iterdir()) == ["0003-0.jpg", "0003-1.jpg"]
    assert Task(Examples(images, labels), None, 16).train.inputs.dtype == np.uint8


def test_growing_images_are_decoded_once_as_in_a_study(tmp_path, monkeypatch):
    monkeypatch.setenv("TRANSFER_STUDY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(image_cache, "pixels", lambda *_: pytest.fail("decoded again, for its size"))
    images.write(tmp_path / "images", 100)
    assert "images: arrays of all splits" in images.costs(tmp_path / "images")


def test_a_slope_is_that_of_the_last_two_sizes():
    growth = Growth("pairs", (10, 100, 1000), (Cost(1.0, 50), Cost(2.0, 50), Cost(200.0, 500)))
    assert growth.time_slope == pytest.approx(2)
    assert growth.memory_slope == pytest.approx(1)


def test_sizes_that_do_not_fit_into_the_allowance_are_left_out(monkeypatch):
    clock = iter([0.0, 1.0, 1.0, 11.0])  # the first size takes a second, the second ten: the third would take a hundred
    monkeypatch.setattr("benchmarks.growth.costs.time.monotonic", lambda: next(clock))
    axis = Axis("images", (1, 10, 100), lambda size: {"opening": Cost(float(size), 1.0)})
    growths, left_out = measured(axis, allowance_s=60.0, told=lambda line: None)
    assert left_out == [100]
    assert growths == [Growth("opening", (1, 10), (Cost(1.0, 1.0), Cost(10.0, 1.0)))]


def test_the_predictions_have_a_row_for_every_run_and_image():
    table = predictions(3)
    assert len(table) == 3 * 5 * 1000
    right = (table.label == table.prediction).groupby(table.approach).mean()
    assert right.to_list() == pytest.approx([0.7, 0.8, 0.9], abs=0.05)


def test_a_row_that_is_held_to_one_thread_leaves_the_next_as_many_as_before(tmp_path):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        gpu.svm(gpu.Setting(tmp_path, torch.device("cpu"), 1.0, 1), 40)
        assert torch.get_num_threads() == 2
        assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"} == {2}
    finally:
        torch.set_num_threads(before)


def test_the_features_and_the_configurations_are_the_same_every_time():
    X, y = features(50, 20)
    assert X.shape == (50 + VALID, 20)
    assert X.min() >= 0
    assert np.array_equal(X, features(50, 20)[0])
    assert configurations(5)[:3] == configurations(3)
    assert len(set(y)) == 16
