"""The adapter to Tune without a Ray cluster: a Trainable is a class like any other until Tune runs it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
import torch
from stand_ins import BUNDLED, CLASSES, SIDE, feature_task, image_task, images
from threadpoolctl import threadpool_info

from trainables import trainable
from trainables.approach import Examples, Predictions, Probabilities, Step
from trainables.better_cnn import BetterCNN, BetterCNNSettings
from trainables.clock import Clock
from trainables.feature_svm import FeatureSVM, FeatureSVMSettings
from trainables.features import extract
from trainables.fine_tune import FineTune, FineTuneSettings
from trainables.trainable import (
    ApproachTrainable,
    CheckpointStore,
    DeliveryError,
    Inputs,
    Slot,
    TrialSpec,
    one_line,
    pin_threads,
)

PIECE_S = 4.0  # that every step and every validation takes here
SIZE = (SIDE, SIDE)
CNN = Inputs(BetterCNN, BetterCNNSettings(image_size=SIZE), image_task())
TEST = images(9, seed=2)
SHORT = {"epochs": 2, "batch_size": 4}  # 6 steps an epoch
LONG = SHORT | {"epochs": 3}  # a checkpoint at 40 s, the end at 84 s
WORKED = ("event", "charged_s", "overshoot_s", "epoch", "steps", "train_loss", "valid_accuracy", "best_at_s", "done")


class Breaking(BetterCNN):
    """Fails in its third step."""

    def step(self) -> Step:
        if self.training.epoch * self.training.steps_per_epoch >= 2:
            raise ValueError("the disk is on fire\nsecond line")
        return super().step()


class Diverging(BetterCNN):
    """Its loss is never finite."""

    def step(self) -> Step:
        return replace(super().step(), loss=math.nan)


class Forgetting(BetterCNN):
    """Knows nothing any more once its first epoch is over."""

    def step(self) -> Step:
        step = super().step()
        if self.epoch > 1:
            for parameter in self.training.network.parameters():
                parameter.data.zero_()
        return step


class Unsure(BetterCNN):
    """Predicts no numbers."""

    def predict(self, inputs: np.ndarray) -> Predictions:
        sure = super().predict(inputs)
        return replace(sure, probabilities=np.full_like(sure.probabilities, np.nan))


class OnABrokenDevice(BetterCNN):
    """Its GPU has fallen off the bus."""

    def step(self) -> Step:
        raise torch.AcceleratorError("device lost")


class Sealed(Examples):
    """A test split that nobody may look into."""

    def __init__(self) -> None:
        pass

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(f"the test split was read: {name}")


class Delivered(list[tuple[TrialSpec, Predictions, Probabilities]]):
    """What final runs have handed over."""

    def __call__(self, spec: TrialSpec, predictions: Predictions, probabilities: Probabilities) -> None:
        self.append((spec, predictions, probabilities))


@pytest.fixture(autouse=True)
def dictated_time(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = itertools.count()

    def clock_for(device: torch.device, *, charged_s: float = 0.0) -> Clock:
        return Clock(lambda: next(looks) * PIECE_S, charged_s=charged_s)

    monkeypatch.setattr(trainable, "clock_for", clock_for)


@pytest.fixture(autouse=True)
def no_ray() -> Iterator[None]:
    yield
    assert not ray.is_initialized()


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    return {"checkpoints": str(tmp_path / "checkpoints"), "cache": str(tmp_path / "cache")}


def start(
    config: dict[str, Any], inputs: Mapping[str, Inputs], places: dict[str, str], deliver: Delivered | None = None
) -> ApproachTrainable:
    """A worker process's trainable, set up for its first trial."""

    class Worker(ApproachTrainable):
        def setup(self, config: dict[str, Any]) -> None:
            super().setup(config, inputs, Slot(cpus=1, gpus=0.0), deliver=deliver, **places)

    return Worker(config)


def config_of(approach: str = "cnn", *, trial: str = "cnn-r0-0000", **changes: Any) -> dict[str, Any]:
    spec = {"trial": trial, "approach": approach, "phase": "search", "index": 0, "params": SHORT, "seed": 1}
    return spec | {"allowance_s": 1e6} | changes


def run(worker: ApproachTrainable) -> list[dict[str, Any]]:
    results = [worker.step()]
    while not results[-1]["done"]:
        results.append(worker.step())
    return results


def worked(results: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [tuple(result[name] for name in WORKED) for result in results]


class TestASearchTrial:
    def test_reports_heartbeats_and_validations_and_ends(self, places):
        results = run(start(config_of(), {"cnn": CNN}, places))
        assert [(result["event"], result["charged_s"]) for result in results] == [
            ("heartbeat", 12),
            ("validated", 28),
            ("heartbeat", 40),
            ("finished", 56),
        ]
        assert {result["trial"] for result in results} == {"cnn-r0-0000"}
        assert results[-1]["device"] == "cpu"
        assert all(result["uncharged_s"] >= 0 for result in results)

    def test_says_once_from_where_it_began(self, places):
        results = run(start(config_of(), {"cnn": CNN}, places))
        assert [result["resumed_at_s"] for result in results] == [0, None, None, None]

    def test_is_charged_for_its_features_where_every_trial_is(self, places):
        results = run(start(config_of(precharged_s=100.0), {"cnn": CNN}, places))
        assert results[0]["resumed_at_s"] == 100
        assert results[-1]["charged_s"] == 156

    def test_stops_itself_at_its_allowance(self, places):
        last = run(start(config_of(allowance_s=37.0), {"cnn": CNN}, places))[-1]
        assert (last["event"], last["charged_s"], last["overshoot_s"]) == ("cut", 36, 0)

    def test_never_looks_at_the_test_split(self, places):
        delivered = Delivered()
        sealed = replace(CNN, test=Sealed())
        last = run(start(config_of(), {"cnn": sealed}, places, delivered))[-1]
        assert last["event"] == "finished"
        assert "test_accuracy" not in last
        assert delivered == []

    def test_that_diverges_is_a_result(self, places):
        (result,) = run(start(config_of(), {"cnn": replace(CNN, kind=Diverging)}, places))
        assert (result["event"], result["charged_s"], result["best_accuracy"]) == ("diverged", 4, None)


class TestReuse:
    def test_one_worker_goes_from_any_approach_to_any_other(self, places):
        svm = Inputs(FeatureSVM, FeatureSVMSettings(image_size=SIZE, backbone=BUNDLED), feature_task())
        inputs = {"cnn": CNN, "svm": svm}
        first, second = config_of(), config_of("svm", trial="svm-r0-0000", params={"C": 2.0})
        worker = start(first, inputs, places)
        run(worker)
        assert worker.reset_config(second)
        results = run(worker)
        assert {result["trial"] for result in results} == {"svm-r0-0000"}
        assert results[-1]["charged_s"] == 8  # its own fit and validation, nothing of the trial before
        assert worker.reset_config(first)
        assert worked(run(worker)) == worked(run(start(first, inputs, places)))

    def test_a_worker_whose_trial_failed_takes_the_next(self, places):
        worker = start(config_of("broken"), {"broken": replace(CNN, kind=Breaking), "cnn": CNN}, places)
        assert run(worker)[-1]["event"] == "failed"
        worker.reset_config(config_of())
        assert run(worker)[-1]["event"] == "finished"


class TestAFailure:
    def test_in_a_step_is_a_result_with_its_reason_and_what_was_charged_until_then(self, places):
        (result,) = run(start(config_of(), {"cnn": replace(CNN, kind=Breaking)}, places))
        assert (result["event"], result["done"]) == ("failed", True)
        assert result["reason"] == "ValueError: the disk is on fire"
        assert result["charged_s"] == 12  # two steps that worked, and the one that did not

    def test_in_the_constructor_is_a_result_too_and_charges_nothing(self, places):
        settings = FineTuneSettings(image_size=SIZE, backbone=BUNDLED, frozen="backbone")
        inputs = {"tune": Inputs(FineTune, settings, feature_task())}
        (result,) = run(start(config_of("tune", params={"flip": True}), inputs, places))
        assert result["event"] == "failed"
        assert "charged_s" not in result  # what earlier attempts were charged stands
        assert result["reason"].startswith("HyperparameterError: fine_tune: flip and crop change images")

    def test_of_the_kept_state_to_predict_numbers_is_a_result_too(self, places):
        inputs = {"cnn": replace(CNN, kind=Unsure, task=replace(CNN.task, valid=None), test=TEST)}
        delivered = Delivered()
        result = run(start(config_of(phase="final"), inputs, places, delivered))[-1]
        assert result["event"] == "failed"
        assert result["reason"].startswith("FloatingPointError: the kept state predicts")
        assert delivered == []

    def test_leaves_no_checkpoint(self, places):
        CheckpointStore(places["checkpoints"], "cnn-r0-0000").save({"not": "a driver's state"})
        (result,) = run(start(config_of(), {"cnn": CNN}, places))
        assert (result["event"], result["reason"]) == ("failed", "KeyError: 'approach'")
        assert CheckpointStore(places["checkpoints"], "cnn-r0-0000").load() is None

    def test_of_the_device_is_not_the_trials_and_left_to_tune(self, places):
        worker = start(config_of(), {"cnn": replace(CNN, kind=OnABrokenDevice)}, places)
        with pytest.raises(torch.AcceleratorError):
            worker.step()

    def test_to_write_the_predictions_is_left_to_tune_and_keeps_the_checkpoint_for_the_next_attempt(self, places):
        def deliver(*_: object) -> None:
            raise OSError("no space left")

        final = config_of(phase="final", params=LONG)
        with pytest.raises(DeliveryError, match=r"cnn-r0-0000: predictions not written \(OSError: no space left\)"):
            run(start(final, {"cnn": replace(CNN, test=TEST)}, places, deliver))
        delivered = Delivered()
        results = run(start(final, {"cnn": replace(CNN, test=TEST)}, places, delivered))
        assert results[0]["resumed_at_s"] == 40
        assert len(delivered) == 1

    @pytest.mark.parametrize(
        ("error", "line"),
        [
            (ValueError("a\nb"), "ValueError: a"),
            (KeyError("x"), "KeyError: 'x'"),
            (ValueError(), "ValueError"),
            (ValueError("\n  \n"), "ValueError"),
        ],
    )
    def test_is_told_in_one_line(self, error, line):
        assert one_line(error) == line


class TestAFinalRun:
    def test_delivers_its_predictions_of_the_test_split_once(self, places):
        delivered = Delivered()
        final = config_of(phase="final", trial="cnn-r0-seed0")
        results = run(start(final, {"cnn": replace(CNN, test=TEST)}, places, delivered))
        ((spec, predictions, probabilities),) = delivered
        assert (spec.trial, spec.seed, probabilities) == ("cnn-r0-seed0", 1, "softmax")
        assert predictions.labels.shape == (9,)
        assert results[-1]["test_accuracy"] == (predictions.labels == TEST.labels).mean()
        assert results[-1]["probabilities"] == "softmax"
        assert all("test_accuracy" not in result for result in results[:-1])

    def test_is_not_charged_for_the_test_split(self, places):
        search, final = (
            run(start(config_of(phase=phase), {"cnn": replace(CNN, test=TEST)}, places, Delivered()))
            for phase in ("search", "final")
        )
        assert worked(final) == worked(search)

    def test_predicts_with_the_state_that_did_best_on_validation(self, places):
        best, whole = Delivered(), Delivered()
        inputs = {"cnn": replace(CNN, kind=Forgetting, test=TEST)}
        run(start(config_of(phase="final", params=SHORT | {"epochs": 1}), inputs, places, best))
        last = run(start(config_of(phase="final"), inputs, places, whole))[-1]
        assert (last["event"], last["best_at_s"]) == ("finished", 28)
        np.testing.assert_array_equal(whole[0][1].probabilities, best[0][1].probabilities)

    def test_that_learns_from_features_turns_the_test_images_into_features_and_calibrates(self, places):
        task = feature_task(width=1024)
        settings = FeatureSVMSettings(image_size=SIZE, backbone=BUNDLED, precision="float32")
        delivered = Delivered()
        inputs = {"svm": Inputs(FeatureSVM, settings, task, test=TEST, backbone=BUNDLED)}
        worker = start(config_of("svm", phase="final", params={}), inputs, places, delivered)
        assert run(worker)[-1]["probabilities"] == "calibrated_on_validation"
        made = extract(BUNDLED, TEST.inputs, device=torch.device("cpu"), bfloat16=False)
        alone = FeatureSVM(task, settings, FeatureSVM.hyperparameters_type(), seed=1, device=torch.device("cpu"))
        alone.step()
        ((_, predictions, probabilities),) = delivered
        assert probabilities == "calibrated_on_validation"
        np.testing.assert_array_equal(predictions.labels, alone.predict(made.values).labels)
        assert predictions.probabilities.shape == (9, CLASSES)

    def test_that_has_no_usable_state_reads_no_test_split(self, places):
        inputs = {"cnn": replace(CNN, kind=Diverging, test=Sealed())}
        delivered = Delivered()
        (result,) = run(start(config_of(phase="final"), inputs, places, delivered))
        assert result["event"] == "diverged"
        assert delivered == []

    def test_the_same_seed_gives_the_same_predictions_and_another_seed_others(self, places):
        delivered = Delivered()
        for seed in (3, 3, 4):
            run(start(config_of(phase="final", seed=seed), {"cnn": replace(CNN, test=TEST)}, places, delivered))
        one, same, other = (predictions.probabilities for _, predictions, _ in delivered)
        np.testing.assert_array_equal(one, same)
        assert (one != other).any()


class TestCheckpoints:
    def test_a_trial_goes_on_in_a_new_process_from_its_last_checkpoint(self, places):
        whole = run(start(config_of(trial="undisturbed", params=LONG), {"cnn": CNN}, places))
        interrupted(places)  # after 56 s
        resumed = run(start(config_of(params=LONG), {"cnn": CNN}, places))
        assert resumed[0]["resumed_at_s"] == 40
        assert worked(resumed) == worked(whole)[3:]

    def test_an_ended_trial_leaves_none(self, places):
        interrupted(places)
        run(start(config_of(params=LONG), {"cnn": CNN}, places))
        assert checkpoints(places) == []

    def test_another_trial_does_not_take_it(self, places):
        interrupted(places)
        other = start(config_of(trial="cnn-r0-0001", params=LONG), {"cnn": CNN}, places)
        assert other.step()["resumed_at_s"] == 0

    def test_the_next_one_is_due_after_as_long_as_ever_also_in_a_trial_that_goes_on(self, places):
        interrupted(places)
        resumed = start(config_of(params=LONG), {"cnn": CNN}, places)
        assert [resumed.step()["charged_s"] for _ in range(2)] == [56, 68]
        assert CheckpointStore(places["checkpoints"], "cnn-r0-0000").load()["charged_s"] == 40

    def test_a_damaged_one_is_said_to_be_and_the_trial_starts_from_the_beginning(self, places, caplog):
        interrupted(places)
        file = Path(places["checkpoints"], "cnn-r0-0000.pt")
        file.write_bytes(file.read_bytes()[:1000])
        assert start(config_of(params=LONG), {"cnn": CNN}, places).step()["resumed_at_s"] == 0
        assert "cnn-r0-0000.pt: left out as damaged" in caplog.text

    def test_a_trial_that_cannot_write_one_goes_on(self, places, caplog):
        Path(places["checkpoints"]).write_text("a file where the folder should be")
        worker = start(config_of(params=LONG), {"cnn": CNN}, places)
        assert [worker.step()["event"] for _ in range(4)] == ["heartbeat", "validated", "heartbeat", "validated"]
        assert "cnn-r0-0000: no checkpoint written" in caplog.text


def interrupted(places: dict[str, str]) -> None:
    """Leave a trial in the middle, as a process that is killed does, 16 s after its last checkpoint."""
    killed = start(config_of(params=LONG), {"cnn": CNN}, places)
    for _ in range(4):
        killed.step()
    assert checkpoints(places) == ["cnn-r0-0000.pt"]


def checkpoints(places: dict[str, str]) -> list[str]:
    return [file.name for file in Path(places["checkpoints"]).iterdir()]


class TestCheckpointStore:
    def test_gives_back_what_was_saved_last(self, tmp_path):
        store = CheckpointStore(f"{tmp_path}/deep/below", "a")
        assert store.load() is None
        store.save({"steps": 1, "weights": torch.arange(3)})
        store.save({"steps": 2, "weights": torch.arange(4)})
        loaded = CheckpointStore(f"{tmp_path}/deep/below", "a").load()
        assert loaded["steps"] == 2
        assert torch.equal(loaded["weights"], torch.arange(4))
        store.delete()
        assert store.load() is None
        store.delete()  # a second time does no harm

    def test_ignores_what_a_crash_left_half_written(self, tmp_path):
        (tmp_path / "a.part").write_bytes(b"half")
        store = CheckpointStore(str(tmp_path), "a")
        assert store.load() is None
        store.save({"steps": 1})
        assert store.load() == {"steps": 1}


def test_a_worker_keeps_to_the_threads_of_its_slot(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    pin_threads(2)
    assert torch.get_num_threads() == 2
    assert {pool["num_threads"] for pool in threadpool_info()} <= {1, 2}  # a pool built for one core stays at 1
