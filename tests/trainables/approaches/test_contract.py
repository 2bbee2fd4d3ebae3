"""The contract of approach.py, kept by every approach in every form it has."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
import pytest
import torch

from tests.support.stand_ins import BUNDLED, CLASSES, SIDE, feature_task, image_task
from trainables.approach import Approach, Step, Task
from trainables.approaches.registry import APPROACHES

CPU = torch.device("cpu")
SHORT = {"epochs": 3, "batch_size": 7, "schedule": "cosine"}
VARIED = SHORT | {"flip": True, "crop": 2}
# name: approach, settings beside the image size, hyperparameters
FORMS: dict[str, tuple[str, dict[str, object], dict[str, object]]] = {
    "better_cnn": ("better_cnn", {"precision": "float32"}, VARIED),
    "better_cnn in bfloat16": ("better_cnn", {"precision": "bfloat16"}, VARIED),
    "fine_tune": ("fine_tune", {"backbone": BUNDLED, "precision": "float32"}, VARIED),
    "fine_tune in bfloat16": ("fine_tune", {"backbone": BUNDLED, "precision": "bfloat16"}, SHORT),
    "fine_tune, head frozen": ("fine_tune", {"backbone": BUNDLED, "frozen": "head"}, SHORT),
    "fine_tune, backbone frozen": ("fine_tune", {"backbone": BUNDLED, "frozen": "backbone"}, SHORT),
    "feature_svm": ("feature_svm", {"backbone": BUNDLED}, {}),
}
LEARNED_BY_CHANCE = [form for form in FORMS if form != "feature_svm"]
form_by_form = pytest.mark.parametrize("form", FORMS)


def make(form: str, *, seed: int = 0) -> Approach:
    name, given_settings, given = FORMS[form]
    kind = APPROACHES[name]
    settings = kind.settings_type.model_validate({"image_size": (SIDE, SIDE)} | given_settings)
    hyperparameters = kind.hyperparameters_type.model_validate(given)
    return kind(task_for(form), settings, hyperparameters, seed=seed, device=CPU)


def task_for(form: str) -> Task:
    name, given_settings, _ = FORMS[form]
    kind = APPROACHES[name]
    settings = kind.settings_type.model_validate({"image_size": (SIDE, SIDE)} | given_settings)
    return image_task() if kind.learns_from(settings) == "images" else feature_task(1100)  # two fits for the SVM


def remaining_steps(approach: Approach) -> list[Step]:
    """What the steps report until the training is done."""
    steps = []
    while approach.epoch < approach.epochs:
        steps.append(approach.step())
    return steps


def trained(approach: Approach) -> Approach:
    remaining_steps(approach)
    return approach


def decisions(approach: Approach, form: str) -> np.ndarray:
    """What an approach predicts, as exactly as it says it."""
    predictions = approach.predict(task_for(form).valid.inputs)
    return predictions.labels if predictions.probabilities is None else predictions.probabilities


def through_a_file(state: Mapping[str, object]) -> dict[str, object]:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    read: dict[str, object] = torch.load(file, weights_only=False)
    return read


@form_by_form
def test_training_ends_with_the_last_epoch(form):
    approach = make(form)
    assert approach.epoch == 0
    before = approach.epoch
    while approach.epoch < approach.epochs:
        assert approach.next_cost > 0
        approach.step()
        assert approach.epoch > before
        before = approach.epoch
    assert approach.epoch == approach.epochs


@form_by_form
def test_predictions_are_known_classes_with_probabilities_that_sum_to_one(form):
    valid = task_for(form).valid
    predictions = trained(make(form)).predict(valid.inputs)
    assert predictions.labels.shape == (len(valid),)
    assert set(predictions.labels) <= set(range(CLASSES))
    if predictions.probabilities is not None:
        assert predictions.probabilities.shape == (len(valid), CLASSES)
        np.testing.assert_allclose(predictions.probabilities.sum(axis=1), 1, atol=1e-5)


@form_by_form
def test_a_model_state_carries_everything_that_predicting_needs(form):
    first = trained(make(form))
    second = make(form, seed=1)
    second.load_model_state(through_a_file(first.model_state()))
    np.testing.assert_array_equal(decisions(second, form), decisions(first, form))


@form_by_form
def test_training_resumed_in_another_process_equals_training_never_interrupted(form):
    whole = make(form)
    whole.step()
    state = through_a_file(whole.training_state())
    expected = remaining_steps(whole)
    resumed = make(form)
    resumed.load_training_state(state)
    assert remaining_steps(resumed) == expected
    np.testing.assert_array_equal(decisions(resumed, form), decisions(whole, form))


@form_by_form
def test_the_same_seed_gives_the_same_predictions_whatever_ran_before_in_the_process(form):
    first = decisions(trained(make(form, seed=5)), form)
    torch.rand(3)
    trained(make(form, seed=6))
    np.testing.assert_array_equal(decisions(trained(make(form, seed=5)), form), first)


@pytest.mark.parametrize("form", LEARNED_BY_CHANCE)
def test_another_seed_gives_other_predictions(form):
    one, other = (decisions(trained(make(form, seed=seed)), form) for seed in (0, 1))
    assert (one != other).any()
