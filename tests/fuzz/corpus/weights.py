"""Weights that broke the program once."""

from __future__ import annotations

from functools import partial

from tests.fuzz.corpus import known
from tests.fuzz.oddities import LARGEST

refused = partial(known.refused, "weights")
CORPUS = (
    refused("a number as a key", "glyphs.pth", ("key", 0, 1)),
    refused("a tuple as a key", "glyphs.pth", ("key", 0, (1, 2))),
    refused("None as a key", "glyphs.pth", ("key", 0, None)),
    refused("a sparse tensor", "glyphs.pth", ("tensor", 0, "sparse")),
    refused("a tensor without numbers", "glyphs.pth", ("tensor", 0, "meta")),
    refused("a quantized tensor", "glyphs.pth", ("tensor", 0, "quantized")),
    refused("NaN in .pth", "glyphs.pth", ("tensor", "conv1.0.weight", "nan")),
    refused("NaN in .safetensors", "glyphs.safetensors", ("tensor", "conv1.0.weight", "nan")),
    refused("a standard deviation of nought", "glyphs.safetensors", ("meta", "std", "[0, 0, 0]")),
    refused("a file cut short", "glyphs.safetensors", ("splice", 5000, LARGEST, b"")),
)
