"""Weights: the bundled network as .safetensors and .pth, changed in keys, tensors, metadata, header and bytes.

What is loaded must be what a plain reading gives, and answer an image with finite numbers (oracles/weights.py).
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from hypothesis import strategies as st
from torch import Tensor

from tests.fuzz.oddities import Edit, Input, cuts, edited, nth, spliced, splices, texts
from tests.fuzz.oracles.weights import finite_answer, same_tensors
from tests.fuzz.runner import Kind
from trainables.backbones.networks import BUNDLED_FILE, Backbone, load, normalise

BASES = ("glyphs.safetensors", "glyphs.pth", "old.pth", "glyphs.pt")
DTYPES = {name: getattr(torch, name) for name in ("float64", "float16", "int8", "int64", "bool", "complex64")}
TENSORS: dict[str, Callable[[Tensor], object]] = {
    "nan": lambda tensor: tensor.float() * math.nan,
    "inf": lambda tensor: tensor.float() + math.inf,
    "zeros": torch.zeros_like,
    "huge": lambda tensor: tensor.float() * 1e38,
    "flat": lambda tensor: tensor.flatten(),
    "empty": lambda tensor: tensor[:0] if tensor.ndim else tensor,
    "scalar": lambda _: torch.tensor(1.0),
    "sparse": lambda tensor: tensor.float().to_sparse(),
    "meta": lambda tensor: tensor.to("meta"),
    "quantized": lambda tensor: torch.quantize_per_tensor(tensor.float(), 0.1, 0, torch.qint8),
    "number": lambda _: 1.0,
    "text": lambda _: "x",
    "none": lambda _: None,
    "nested": lambda tensor: {"x": tensor},
}
TENSORS |= {name: partial(torch.Tensor.to, dtype=kind) for name, kind in DTYPES.items()}
WHOLES: dict[str, Callable[[dict[Any, Any]], object]] = {
    "list": lambda state: [*state.values()],
    "tensor": lambda state: next(iter(state.values())),
    "network": lambda _: torch.nn.Linear(2, 2),
    "nothing": lambda _: {},
    "text": lambda _: "x",
}
KEYS = (1, 0, (1, 2), None, 1.5, True, b"x", "", "fc.weight", "fc.bias", "conv1.0.weight", "module.fc.bias", "\x00")
STATISTICS = (
    *("[0, 0, 0]", "[NaN, 0, 0]", "[1e400, 1, 1]", "[1, 1]", "0.5", "[-1, 1, 1]", "{", "", "null", "[[1], 1, 1]"),
    *('["1", "1", "1"]', "[1e-320, 1, 1]", "[0.5, 0.5, 0.5]"),
)
HEADERS = (b"{}", b"[]", b"{", b"null", b'{"x": 1}', b"[" * 5000, b'{"__metadata__": {"mean": 1}}', b"\xff\xfe")
names = st.one_of(st.sampled_from(KEYS), texts)
which = st.integers(0, 300)
stated = st.one_of(st.sampled_from(STATISTICS), texts)
EDITS: tuple[st.SearchStrategy[Edit], ...] = (
    st.tuples(st.just("tensor"), which, st.sampled_from([*TENSORS])),
    st.tuples(st.just("key"), which, names),
    st.tuples(st.just("add"), which, names, st.sampled_from([*TENSORS])),
    st.tuples(st.just("drop"), which),
    st.tuples(
        st.just("meta"), st.sampled_from(("mean", "std", "model")), st.one_of(st.sampled_from(STATISTICS), texts)
    ),
    st.tuples(st.just("header"), st.sampled_from(HEADERS)),
    st.tuples(st.just("length"), st.integers(0, 2**64 - 1)),
    st.tuples(st.just("whole"), st.sampled_from([*WHOLES])),
    splices,
    cuts,
)


@cache
def _glyphs() -> tuple[dict[str, Tensor], dict[str, str]]:
    with safetensors.safe_open(BUNDLED_FILE, framework="pt") as file:
        return safetensors.torch.load_file(BUNDLED_FILE), dict(file.metadata())


@cache
def _untouched(base: str) -> bytes:
    return _bytes(base, *_glyphs())


def _bytes(base: str, state: Any, metadata: dict[str, str]) -> bytes:
    if base.endswith(".safetensors"):
        return safetensors.torch.save(state, metadata)
    stream = io.BytesIO()
    torch.save(state, stream, _use_new_zipfile_serialization=base != "old.pth")
    return stream.getvalue()


def lay(one: Input, folder: Path) -> Backbone:
    """Write the file; what the library refuses to write is left as it was."""
    (state, metadata), content = _glyphs(), _untouched(one.base)
    whole: Any = dict(state)
    metadata = dict(metadata)
    for what, *how in one.edits:
        if what == "meta":
            metadata[how[0]] = how[1]
        elif what == "whole":
            whole = WHOLES[how[0]](whole) if isinstance(whole, dict) else whole
        elif what in ("tensor", "key", "add", "drop") and isinstance(whole, dict) and whole:
            _change(whole, what, *how)
    if any(what in ("meta", "whole", "tensor", "key", "add", "drop") for what, *_ in one.edits):
        try:
            content = _bytes(one.base, whole, metadata)
        except Exception:  # sparse tensors, keys that are no text, and the like, in .safetensors
            content = _untouched(one.base)
    for what, *how in one.edits:
        content = _damaged(content, what, *how)
    (folder / one.base).write_bytes(content)
    return Backbone(model="shufflenet_v2_x0_5", weights=str(folder / one.base))


def _change(state: dict[Any, Any], what: str, number: int, *how: Any) -> None:
    key = nth([*state], number)
    if what == "tensor" and isinstance(state[key], Tensor):
        state[key] = TENSORS[how[0]](state[key])
    elif what == "add":
        state[how[0]] = TENSORS[how[1]](torch.ones(3, 3))
    elif what in ("key", "drop"):
        value = state.pop(key)
        state.update({how[0]: value} if what == "key" else {})


def _damaged(content: bytes, what: str, *how: Any) -> bytes:
    if what == "splice":
        return spliced(content, *how)
    if what == "header":
        return len(how[0]).to_bytes(8, "little") + how[0] + content[8 + int.from_bytes(content[:8], "little") :][:1000]
    return int(how[0]).to_bytes(8, "little") + content[8:] if what == "length" else content


def use(backbone: Backbone, folder: Path) -> None:
    """Load the network, as approaches do, and answer one image."""
    network = load(backbone).eval()
    statistics = normalise(backbone)
    same_tensors(Path(str(backbone.weights)), network)
    finite_answer(network, *statistics)


WEIGHTS = Kind("weights", st.builds(Input, st.sampled_from(BASES), edited(*EDITS)), lay, use)
