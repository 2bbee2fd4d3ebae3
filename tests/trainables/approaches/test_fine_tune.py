from __future__ import annotations

from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn

from tests.support.stand_ins import feature_task, image_task
from trainables.approaches.fine_tune import FineTune, FineTuneHyperparameters, FineTuneSettings
from trainables.backbones import networks
from trainables.backbones.networks import GLYPHS
from trainables.errors import HyperparameterError

CPU = torch.device("cpu")
Frozen = Literal["head", "backbone", "none"]


def fine_tune(frozen: Frozen, *, seed: int = 0, images: int = 12, **hyperparameters: Any) -> FineTune:
    task = feature_task() if frozen == "backbone" else image_task(count=images)
    settings = FineTuneSettings(image_size=(16, 16), backbone=GLYPHS, frozen=frozen)
    given = FineTuneHyperparameters(**({"batch_size": 8, "epochs": 2} | hyperparameters))
    return FineTune(task, settings, given, seed=seed, device=CPU)


def tensors(approach: FineTune) -> dict[str, Tensor]:
    state: dict[str, Any] = dict(approach.model_state())
    return state


def changed_by_an_epoch(approach: FineTune) -> dict[str, bool]:
    """Of every parameter and statistic, whether training has changed it."""
    before = tensors(approach)
    while approach.epoch < 1:
        approach.step()
    after = tensors(approach)
    return {name: not torch.equal(before[name], after[name]) for name in before}


class TestFrozenHead:
    def test_leaves_the_new_layer_as_it_was_and_trains_all_others(self):
        changed = changed_by_an_epoch(fine_tune("head"))
        assert {name for name, moved in changed.items() if not moved} == {"fc.weight", "fc.bias"}

    def test_decides_by_the_seed_which_new_layer_that_is(self):
        one, same, other = (
            fine_tune("head", seed=seed).training.network.get_parameter("fc.weight") for seed in (1, 1, 2)
        )
        assert torch.equal(one, same)
        assert not torch.equal(one, other)


class TestNothingFrozen:
    def test_trains_everything(self):
        assert all(changed_by_an_epoch(fine_tune("none")).values())

    def test_starts_from_the_weights_of_the_backbone_with_a_layer_for_the_classes(self):
        network = fine_tune("none").training.network
        torch.testing.assert_close(*(one.get_parameter("conv1.0.weight") for one in (network, networks.load(GLYPHS))))
        assert network.get_submodule("fc").out_features == 3

    def test_sees_images_normalised_as_the_weights_expect(self):
        approach = fine_tune("none")
        seen: list[Tensor] = []
        approach.training.network.get_submodule("conv1").register_forward_pre_hook(
            lambda _, inputs: seen.append(inputs[0])
        )
        approach.predict(image_task().valid.inputs)
        mean, std = (torch.tensor(values)[:, None, None] for values in networks.normalise(GLYPHS))
        raw = torch.tensor(image_task().valid.inputs).permute(0, 3, 1, 2) / 255
        torch.testing.assert_close(seen[0], (raw - mean) / std)

    def test_trains_where_one_image_is_left_over_although_batch_norm_needs_two(self):
        approach = fine_tune("none", images=9)
        assert [approach.step().examples for _ in range(2)] == [9, 9]


class TestFrozenBackbone:
    def test_trains_a_linear_layer_on_features(self):
        approach = fine_tune("backbone", epochs=60, lr=0.05)
        assert isinstance(approach.training.network, nn.Linear)
        while approach.epoch < approach.epochs:
            approach.step()
        valid = feature_task().valid
        assert (approach.predict(valid.inputs).labels == valid.labels).mean() > 0.85  # by chance: 0.33

    @pytest.mark.parametrize("augmented", [{"flip": True}, {"crop": 2}])
    def test_refuses_to_augment_what_it_never_sees(self, augmented):
        with pytest.raises(HyperparameterError, match="cached features; leave them out or use frozen: none") as error:
            fine_tune("backbone", **augmented)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(("frozen", "inputs"), [("backbone", "features"), ("head", "images"), ("none", "images")])
def test_only_a_frozen_backbone_learns_from_features(frozen, inputs):
    settings = FineTuneSettings(image_size=(16, 16), backbone=GLYPHS, frozen=frozen)
    assert FineTune.learns_from(settings) == inputs


def test_the_published_learning_rate_schedule_and_optimizer_are_the_defaults():
    published = FineTuneHyperparameters()
    assert (published.lr, published.epochs, published.optimizer) == (0.001, 10, "adam")
    assert (published.schedule, published.weight_decay, published.flip, published.crop) == ("constant", 0, False, 0)
