from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from trainables.backbones import networks
from trainables.backbones.folding import folded
from trainables.backbones.networks import Backbone

IMAGES = torch.rand(2, 3, 40, 48, generator=torch.Generator().manual_seed(0)) * 4 - 2


def extractor(model: str) -> nn.Module:
    """A network as if it had been trained: batch norm whose statistics and weights are all different."""
    network, _ = networks.as_feature_extractor(Backbone(model=model))
    chance = torch.Generator().manual_seed(1)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            for values, spread in ((layer.running_mean, 0.2), (layer.bias, 0.2)):
                values.data.copy_(torch.randn(values.shape, generator=chance) * spread)
            for values in (layer.running_var, layer.weight):
                values.data.copy_(torch.rand(values.shape, generator=chance) + 0.5)
    return network


def difference(given: Tensor, expected: Tensor) -> float:
    """The largest, in units of the largest feature."""
    return float((given.float() - expected).abs().max() / expected.abs().max())


def left(network: nn.Module) -> int:
    return sum(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())


@pytest.mark.parametrize(
    "model", ["mobilenet_v2", "resnet18", "shufflenet_v2_x0_5", "efficientnet_b0", "convnext_tiny"]
)
def test_features_are_the_same_but_for_rounding_and_no_batch_norm_is_left(model):
    network = extractor(model)
    with torch.inference_mode():
        expected = network(IMAGES)
        assert difference(folded(network)(IMAGES), expected) <= 4e-6
        assert difference(network(IMAGES), expected) == 0, "the network itself stays as it was"
    assert left(folded(network)) == 0


@pytest.mark.parametrize("model", ["mobilenet_v2", "resnet18"])
def test_in_bfloat16_features_are_as_near_to_those_in_float32_as_unfolded_ones(model):
    network = extractor(model)
    with torch.inference_mode():
        exact = network(IMAGES)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert difference(folded(network)(IMAGES), exact) <= 1.5 * difference(network(IMAGES), exact)


def test_a_network_without_batch_norm_is_used_as_it_is():
    network = extractor("convnext_tiny")
    assert folded(network) is network


def test_a_network_that_cannot_be_traced_is_used_as_it_is():
    class Undecided(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm2d(3)

        def forward(self, x: Tensor) -> Tensor:
            return self.norm(x) if x.sum() > 0 else x

    network = Undecided()
    assert folded(network) is network
    assert not network.training


@pytest.mark.parametrize(
    "layers", [[nn.BatchNorm2d(3), nn.Conv2d(3, 3, 1)], [nn.Conv2d(3, 3, 1), nn.ReLU(), nn.BatchNorm2d(3)]]
)
def test_batch_norm_that_follows_no_convolution_stays(layers):
    network = nn.Sequential(*layers).eval()
    assert left(folded(network)) == 1
