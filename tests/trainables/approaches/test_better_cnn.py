from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import nn

from tests.support.stand_ins import SIDE, image_task
from trainables.approaches import better_cnn as module
from trainables.approaches.better_cnn import BetterCNN, BetterCNNHyperparameters, BetterCNNSettings, build
from trainables.errors import HyperparameterError

CPU = torch.device("cpu")


def better_cnn(*, seed: int = 0, **hyperparameters: object) -> BetterCNN:
    given_ = BetterCNNHyperparameters(**({"batch_size": 8, "epochs": 3} | hyperparameters))
    return BetterCNN(image_task(), BetterCNNSettings(image_size=(SIDE, SIDE)), given_, seed=seed, device=CPU)


def published_order(network: nn.Sequential) -> nn.Sequential:
    """ReLU before the pooling behind each convolution, as the lab's description has them."""
    layers = list(network)
    for at in (1, 4):
        layers[at : at + 2] = reversed(layers[at : at + 2])
    return nn.Sequential(*layers)


class TestLayers:
    def test_are_the_published_ones(self):
        """The lab's description, but for pooling before ReLU; 16 classes of boats, photographs of 30 x 100."""
        layers = [str(layer) for layer in build((30, 100), 16)]
        assert layers == [
            "Conv2d(3, 30, kernel_size=(5, 5), stride=(1, 1))",
            "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)",
            "ReLU()",
            "Conv2d(30, 15, kernel_size=(3, 3), stride=(1, 1))",
            "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)",
            "ReLU()",
            "Dropout(p=0.2, inplace=False)",
            "Flatten(start_dim=1, end_dim=-1)",
            "Linear(in_features=1725, out_features=128, bias=True)",
            "ReLU()",
            "Linear(in_features=128, out_features=50, bias=True)",
            "ReLU()",
            "Linear(in_features=50, out_features=16, bias=True)",
        ]

    @pytest.mark.parametrize("precision", ["float32", "bfloat16"])
    def test_train_to_the_bit_as_in_the_published_order_where_pooling_follows_relu(self, monkeypatch, precision):
        """Also where several pixels of a window are the largest, as in images of one colour, or all are negative."""

        def losses_and_predictions() -> tuple[list[float | None], list[float]]:
            task = image_task()
            task.train.inputs[::3] = 200  # ties in every window
            given_ = BetterCNNHyperparameters(batch_size=8, epochs=2, lr=0.01)
            made = BetterCNN(
                task, BetterCNNSettings(image_size=(SIDE, SIDE), precision=precision), given_, seed=0, device=CPU
            )
            losses = [made.step().loss for _ in range(2 * made.training.steps_per_epoch)]
            probabilities = made.predict(task.train.inputs).probabilities
            assert probabilities is not None
            return losses, probabilities.ravel().tolist()

        pooling_first = losses_and_predictions()
        monkeypatch.setattr(module, "build", lambda *sizes, **dropout: published_order(build(*sizes, **dropout)))
        assert losses_and_predictions() == pooling_first

    def test_have_as_many_parameters_as_counting_by_hand_gives(self):
        convolutions = (3 * 5 * 5 * 30 + 30) + (30 * 3 * 3 * 15 + 15)
        # 30 x 100 -> 26 x 96 -> 13 x 48 -> 11 x 46 -> 5 x 23, by 15 channels = 1,725
        linear = (15 * 5 * 23 * 128 + 128) + (128 * 50 + 50) + (50 * 16 + 16)
        assert sum(parameter.numel() for parameter in build((30, 100), 16).parameters()) == convolutions + linear

    @settings(max_examples=30)
    @given(height=st.integers(12, 70), width=st.integers(12, 70), classes=st.integers(2, 20))
    def test_fit_images_of_any_size_from_12_x_12(self, height, width, classes):
        with torch.device("meta"):
            assert build((height, width), classes)(torch.empty(2, 3, height, width)).shape == (2, classes)

    @pytest.mark.parametrize("size", [(11, 40), (40, 11), (1, 1)])
    def test_refuse_smaller_images_in_one_line_that_names_the_smallest(self, size):
        with pytest.raises(HyperparameterError, match="set image_size to at least 12 x 12") as error:
            build(size, 3)
        assert f"{size[0]} x {size[1]}" in str(error.value)
        assert "\n" not in str(error.value)

    def test_refuse_images_whose_first_layer_would_fill_the_memory(self):
        with pytest.raises(HyperparameterError, match="set image_size to at most 2,097,152 pixels in all"):
            build((4096, 4096), 3)
        with torch.device("meta"):
            largest = max(parameter.nbytes for parameter in build((1024, 2048), 3).parameters())
        assert largest < 1.01 * 2**30


class TestDefaults:
    def test_are_the_published_configuration(self):
        published = BetterCNNHyperparameters()
        assert BetterCNNSettings().image_size == (30, 100)
        assert (published.lr, published.epochs, published.batch_size) == (0.001, 10, 128)
        assert (published.optimizer, published.schedule, published.weight_decay) == ("adam", "constant", 0)
        assert (published.dropout, published.flip, published.crop) == (0.2, False, 0)

    @pytest.mark.parametrize("wrong", [{"dropout": 1.0}, {"lr": 0}, {"epochs": 0}, {"crop": -1}, {"momentum": 0.9}])
    def test_values_out_of_range_and_unknown_names_are_refused(self, wrong):
        with pytest.raises(ValidationError):
            BetterCNNHyperparameters(**wrong)


class TestTraining:
    def test_learns_to_tell_dark_images_from_bright_ones(self):
        approach = better_cnn(epochs=25, lr=0.003)
        while approach.epoch < approach.epochs:
            approach.step()
        valid = image_task().valid
        assert (approach.predict(valid.inputs).labels == valid.labels).mean() == 1

    def test_dropout_is_off_when_predicting(self):
        approach = better_cnn(dropout=0.9)
        inputs = image_task().valid.inputs
        assert (approach.predict(inputs).probabilities == approach.predict(inputs).probabilities).all()

    def test_the_dropout_asked_for_is_the_networks(self):
        dropouts = [
            layer for layer in better_cnn(dropout=0.35).training.network.modules() if isinstance(layer, nn.Dropout)
        ]
        assert [layer.p for layer in dropouts] == [0.35]
