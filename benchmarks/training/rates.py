"""The arithmetic of an image, counted by torch, and the rate of matrix products that the processor reaches here."""

from __future__ import annotations

import time

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.training.cases import Case, network_of

SIDE = {"cpu": 1024, "cuda": 8192}
AT_LEAST_S = 0.3


def flops_per_image(case: Case, *, gradient_of_images: bool = False) -> float:
    """Floating-point operations of one image: forward, and backward where it trains; a product and a sum are two.

    Backward is twice forward, once for the gradient of the inputs and once for that of the weights, and not counted:
    torch's counter takes depthwise convolutions for dense ones there (20 times the forward pass of MobileNetV2).

    Args:
        gradient_of_images: counted too, though no training needs it.
    """
    network = network_of(case).to("meta").eval()
    forward = _forward_flops(network, case)
    if not case.trains:
        return forward
    first = next(layer for layer in network.modules() if isinstance(layer, nn.Conv2d))
    return 3 * forward - (0 if gradient_of_images else _forward_flops(first, case))


def _forward_flops(layers: nn.Module, case: Case) -> float:
    images = 2
    counter = FlopCounterMode(display=False)
    torch.backends.mha.set_fastpath_enabled(False)  # what it computes at once is not counted
    with counter, torch.no_grad():
        layers(torch.empty(images, 3, *case.size, device="meta"))
    torch.backends.mha.set_fastpath_enabled(True)
    return counter.get_total_flops() / images


def product_rate(device: torch.device, dtype: torch.dtype = torch.float32) -> float:
    """Floating-point operations a second of square matrix products, with the threads that this process has."""
    side = SIDE[device.type]
    a, b = (torch.rand(side, side, device=device).to(dtype) for _ in range(2))
    torch.mm(a, b)
    _wait(device)
    began, number = time.monotonic(), 0
    while time.monotonic() - began < AT_LEAST_S:
        for _ in range(4):
            torch.mm(a, b)
        number += 4
        _wait(device)
    return 2 * side**3 * number / (time.monotonic() - began)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
