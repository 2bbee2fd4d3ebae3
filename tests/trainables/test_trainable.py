"""The adapter to Tune without a Ray cluster: a Trainable is a class like any other until Tune runs it."""

from __future__ import annotations

import math
import weakref
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import ray
import torch
from threadpoolctl import threadpool_info

from tests.support.stand_ins import CLASSES, feature_task, image_task, images
from tests.support.workers import CNN, LONG, SHORT, SIZE, AtHand, Delivered, config_of, run, start, start_with, worked
from trainables.approach import Examples, Predictions, Step
from trainables.approaches.better_cnn import BetterCNN
from trainables.approaches.feature_svm import FeatureSVM, FeatureSVMSettings
from trainables.approaches.fine_tune import FineTune, FineTuneSettings
from trainables.backbones.extraction import extract
from trainables.backbones.networks import GLYPHS
from trainables.checkpoints import CheckpointStore
from trainables.data.splits import Division
from trainables.errors import one_line
from trainables.spec import DeliveryError, Inputs, Supplies, pin_threads

TEST = images(9, seed=2)
pytestmark = pytest.mark.usefixtures("dictated_time")


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
        assert not ray.is_initialized()

    def test_learns_from_the_division_of_its_replicate(self, places):
        task = image_task()
        assert task.valid is not None
        turned = Division(np.arange(len(task.train), len(task.train) + len(task.valid)), np.arange(len(task.train)))
        inputs = replace(CNN, divisions=(Division(turned.valid, turned.train), turned))
        seen = [inputs.task_of(replicate) for replicate in (0, 1)]
        assert np.array_equal(seen[0].train.inputs, task.train.inputs)
        assert np.array_equal(seen[1].train.inputs, task.valid.inputs)
        assert np.array_equal(seen[1].valid.labels, task.train.labels)
        trained = [run(start(config_of(replicate=r), {"cnn": inputs}, places)) for r in (0, 1)]
        assert [len(one) for one in trained] == [4, 1], "fewer images make fewer steps"

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
        svm = Inputs(FeatureSVM, FeatureSVMSettings(image_size=SIZE, backbone=GLYPHS), feature_task())
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

    def test_a_worker_of_the_search_goes_on_with_final_runs_and_fetches_once_what_each_phase_needs(self, places):
        delivered = Delivered()
        search = AtHand(Supplies({"cnn": CNN}))
        final = AtHand(Supplies({"cnn": replace(CNN, test=TEST)}, delivered))
        worker = start_with(config_of(), search, places)
        for index in range(2):
            assert "test_accuracy" not in run(worker)[-1]
            worker.reset_config(config_of(trial=f"cnn-r0-{index + 1:04d}"))
        for index in range(2):
            worker.reset_config(config_of(trial=f"cnn-r0-seed{index}", phase="final") | {"supplies": final})
            assert "test_accuracy" in run(worker)[-1]
        assert [spec.trial for spec, _, _ in delivered] == ["cnn-r0-seed0", "cnn-r0-seed1"]
        assert (search.fetched, final.fetched) == (1, 1)

    def test_a_worker_lets_go_of_what_the_search_needed_before_it_fetches_what_final_runs_need(self, places):
        """A node had to have room for both."""
        held = image_task()
        search = AtHand(Supplies({"cnn": replace(CNN, task=held)}))
        images = weakref.ref(held.train)
        seen: list[object] = []
        final = AtHand(Supplies({"cnn": replace(CNN, test=TEST)}, Delivered()), lambda: seen.append(images()))
        worker = start_with(config_of(), search, places)
        run(worker)
        search.supplies = Supplies({})
        del held
        worker.reset_config(config_of(trial="cnn-r0-seed0", phase="final") | {"supplies": final})
        assert (final.fetched, seen) == (1, [None])

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
        settings = FineTuneSettings(image_size=SIZE, backbone=GLYPHS, frozen="backbone")
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

    @pytest.mark.parametrize("lost", ["approach", "steps", "timing"])
    def test_to_go_on_from_a_checkpoint_that_does_not_fit_begins_anew_with_a_word(self, places, caplog, lost):
        """As after an edit of the approach: the trial was to fail with KeyError, although nothing is wrong with it."""
        fresh = worked(run(start(config_of(), {"cnn": CNN}, places)))
        before = start(config_of(params=LONG), {"cnn": CNN}, places)
        for _ in range(4):
            before.step()
        store = CheckpointStore(places["checkpoints"], "cnn-r0-0000")
        state = store.load()
        assert state is not None
        del state[lost]
        store.save(state)
        results = run(start(config_of(), {"cnn": CNN}, places))
        assert worked(results) == fresh
        assert results[0]["resumed_at_s"] == 0
        (word,) = caplog.messages
        assert word == f"cnn-r0-0000: its checkpoint does not fit (KeyError: '{lost}'), so it begins anew"

    def test_of_the_device_to_load_a_checkpoint_is_left_to_tune(self, places):
        class Lost(BetterCNN):
            def load_training_state(self, state: Any) -> None:
                raise torch.AcceleratorError("device lost")

        before = start(config_of(params=LONG), {"cnn": CNN}, places)
        for _ in range(4):
            before.step()
        with pytest.raises(torch.AcceleratorError):
            start(config_of(params=LONG), {"cnn": replace(CNN, kind=Lost)}, places).step()

    def test_right_after_going_on_says_from_where(self, places):
        """Otherwise what the attempt before had done since its checkpoint would be neither lost nor charged."""
        whole = start(config_of(params=LONG), {"cnn": CNN}, places)
        for _ in range(4):
            whole.step()
        (result,) = run(start(config_of(params=LONG), {"cnn": replace(CNN, kind=Breaking)}, places))
        assert (result["event"], result["resumed_at_s"]) == ("failed", 40)

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
            run(start(config_of(phase=phase, trial=phase), {"cnn": replace(CNN, test=TEST)}, places, Delivered()))
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
        settings = FeatureSVMSettings(image_size=SIZE, backbone=GLYPHS, precision="float32")
        delivered = Delivered()
        inputs = {"svm": Inputs(FeatureSVM, settings, task, test=TEST, backbone=GLYPHS)}
        worker = start(config_of("svm", phase="final", params={}), inputs, places, delivered)
        assert run(worker)[-1]["probabilities"] == "calibrated_on_validation"
        made = extract(GLYPHS, TEST.inputs, device=torch.device("cpu"), bfloat16=False)
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
        for trial, seed in enumerate((3, 3, 4)):
            final = config_of(phase="final", trial=f"cnn-r0-seed{trial}", seed=seed)
            run(start(final, {"cnn": replace(CNN, test=TEST)}, places, delivered))
        one, same, other = (predictions.probabilities for _, predictions, _ in delivered)
        np.testing.assert_array_equal(one, same)
        assert (one != other).any()


def test_a_worker_keeps_the_memory_that_is_freed(places, monkeypatch):
    asked: list[bool] = []
    monkeypatch.setattr("trainables.trainable.keep_freed_memory", lambda: asked.append(True))
    start(config_of(), {"cnn": CNN}, places)
    assert asked == [True]


def test_a_worker_keeps_to_the_threads_of_its_slot(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    pin_threads(2)
    assert torch.get_num_threads() == 2
    assert {pool["num_threads"] for pool in threadpool_info()} <= {1, 2}  # a pool built for one core stays at 1
