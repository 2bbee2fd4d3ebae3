"""The check of the contract has teeth: an approach that breaks one law is refused for that law."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
import torch

from trainables.approach import Approach, Example, Hyperparameters, Predictions, Settings, Step, Task
from trainables.contract import LAWS as ALL_LAWS
from trainables.contract import BrokenContractError, check_approach, check_law, says_what_it_needs
from trainables.training import GradientApproach

LAWS = {law.__name__: law for law in ALL_LAWS}
EXAMPLE = Example(Settings(image_size=(4, 4)), Hyperparameters())


class Lucky(Approach):
    """Three steps, each of which draws a class for every brightness; keeps the contract."""

    summary = "draws lots"
    settings_type = Settings
    hyperparameters_type = Hyperparameters
    examples: ClassVar = {"only": EXAMPLE}

    def __init__(
        self, task: Task, settings: Settings, hyperparameters: Hyperparameters, *, seed: int, device: torch.device
    ) -> None:
        self.classes, self.done, self.rng = task.classes, 0, np.random.default_rng(seed)
        self.lots = np.zeros(256, dtype=np.int64)

    @staticmethod
    def learns_from(settings: Settings) -> Literal["images", "features"]:
        return "images"

    @property
    def epoch(self) -> float:
        return float(self.done)

    @property
    def epochs(self) -> int:
        return 3

    def step(self) -> Step:
        self.lots = self.rng.integers(0, self.classes, 256)
        self.done += 1
        return Step(loss=float(self.lots.mean()))

    def predict(self, inputs: np.ndarray) -> Predictions:
        labels = self.lots[inputs.max(axis=(1, 2, 3))]
        return Predictions(labels, np.eye(self.classes, dtype=np.float32)[labels])

    def model_state(self) -> Mapping[str, object]:
        return {"lots": self.lots}

    def load_model_state(self, state: Mapping[str, Any]) -> None:
        self.lots = state["lots"]

    def training_state(self) -> Mapping[str, object]:
        return {"lots": self.lots, "done": self.done, "rng": self.rng.bit_generator.state}

    def load_training_state(self, state: Mapping[str, Any]) -> None:
        self.lots, self.done, self.rng.bit_generator.state = state["lots"], state["done"], state["rng"]


class NeverEnds(Lucky):
    def step(self) -> Step:
        step = super().step()
        self.done = min(self.done, 2)
        return step


class ForgetsItsModel(Lucky):
    def load_model_state(self, state: Mapping[str, Any]) -> None:
        pass


class ForgetsItsGenerator(Lucky):
    def load_training_state(self, state: Mapping[str, Any]) -> None:
        self.lots, self.done = state["lots"], state["done"]


class DrawsFromEverybodysGenerator(Lucky):
    def step(self) -> Step:
        self.rng = np.random.default_rng(int(torch.randint(1000, ())))
        return super().step()


class IgnoresItsSeed(Lucky):
    def __init__(self, *given: Any, seed: int, **named: Any) -> None:
        super().__init__(*given, seed=0, **named)


class HandsOverAnObject(Lucky):
    def model_state(self) -> Mapping[str, object]:
        return {"lots": {"of": [self.rng]}}


class HandsOverASet(Lucky):
    def training_state(self) -> Mapping[str, object]:
        return {**super().training_state(), "seen": {1, 2}}


class PromisesNothing(Lucky):
    probabilities = "none"


class NeedsValidation(Lucky):
    def calibrate(self) -> None:
        raise BrokenContractError("validation images are missing")


class GivesAList(Lucky):
    def predict(self, inputs: np.ndarray) -> Predictions:
        return Predictions([0] * len(inputs), None)  # type: ignore[arg-type]


class GivesFractions(Lucky):
    def predict(self, inputs: np.ndarray) -> Predictions:
        return Predictions(np.zeros(len(inputs)), None)


class FailsInStep(Lucky):
    def step(self) -> Step:
        raise KeyError("momentum")


class LearnsFromNobodysFeatures(Lucky):
    @staticmethod
    def learns_from(settings: Settings) -> Literal["images", "features"]:
        return "features"


class WithoutSettings(Lucky):
    settings_type = None


class OtherSettings(Settings):
    """Not those of the example."""


class WithAnotherExample(Lucky):
    settings_type = OtherSettings


class Undocumented(Lucky):
    summary = "two\nlines"


class AsksForMore(Hyperparameters):
    lr: float


class WithoutDefault(Lucky):
    hyperparameters_type = AsksForMore  # type: ignore[assignment] # Lucky's is inferred from its value


@pytest.mark.parametrize("law", ALL_LAWS, ids=lambda law: law.__name__)
def test_an_approach_that_keeps_every_law_passes(law):
    check_law(law, Lucky, "only", EXAMPLE)


@pytest.mark.parametrize(
    ("broken", "law"),
    [
        (NeverEnds, "ends_with_its_last_epoch"),
        (ForgetsItsModel, "keeps_all_that_predicting_needs_in_its_model_state"),
        (ForgetsItsGenerator, "goes_on_from_its_training_state_as_if_never_interrupted"),
        (DrawsFromEverybodysGenerator, "repeats_itself_with_the_same_seed"),
        (IgnoresItsSeed, "differs_with_another_seed"),
        (PromisesNothing, "predicts_classes_it_knows"),
        (
            HandsOverAnObject,
            r"hands_over_states_that_can_be_kept: model_state\(\)\[.lots.\]\[.of.\]\[0\] is a Generator, which only",
        ),
        (
            HandsOverASet,
            r"hands_over_states_that_can_be_kept: training_state\(\)\[.seen.\] is a set, which only a pickle",
        ),
        (NeedsValidation, "trains_without_validation_images"),
        (GivesAList, "predicts_classes_it_knows: labels are an array of integers, not list"),
        (GivesFractions, "predicts_classes_it_knows: labels are an array of integers, not float64"),
        (FailsInStep, "ends_with_its_last_epoch: KeyError: 'momentum'"),
        (LearnsFromNobodysFeatures, "has_a_backbone_where_it_learns_from_features: Settings has a field `backbone:"),
    ],
)
def test_an_approach_that_breaks_a_law_is_told_which(broken, law):
    name, _, how = law.partition(": ")
    with pytest.raises(
        BrokenContractError, match=rf"{broken.__name__} \(only\): not so that it {name.replace('_', ' ')}: {how}"
    ):
        check_law(LAWS[name], broken, "only", EXAMPLE)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (Undocumented, "one line"),
        (WithoutDefault, "not so: .'lr'."),
        (WithoutSettings, "WithoutSettings.settings_type extends Settings"),
        (WithAnotherExample, r"the settings of WithAnotherExample.examples.'only'. are OtherSettings, not Settings"),
        (GradientApproach, "GradientApproach is an approach: lacks __init__, learns_from, settings_type, hyperp"),
        (3, "3 is an approach: no subclass of trainables.approach.Approach"),
    ],
)
def test_what_a_class_says_about_itself_is_checked(monkeypatch, broken, words):
    monkeypatch.setattr("trainables.contract.pickle.loads", lambda written: broken)
    with pytest.raises(BrokenContractError, match=words):
        says_what_it_needs(broken)


def test_an_approach_whose_file_imports_a_clock_is_refused(monkeypatch):
    assert time.monotonic() > 0  # this file imports one
    monkeypatch.setattr("trainables.contract.says_what_it_needs", lambda kind: None)
    with pytest.raises(BrokenContractError, match="imports time: only the driver sees the clock"):
        check_approach(Lucky)


def test_a_class_that_nobody_else_can_import_is_refused():
    class Local(Lucky):
        pass

    main = type("Main", (Lucky,), {"__module__": "__main__"})
    for kind in (Local, main):
        with pytest.raises(BrokenContractError, match=f"{kind.__name__} can be imported by its name, from a file"):
            says_what_it_needs(kind)
