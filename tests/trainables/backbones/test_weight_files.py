"""Files that are no weights, each called what it is in one line, and weights that nobody could learn from."""

from __future__ import annotations

import gzip
import os
import pickle
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save as as_safetensors
from torch import nn

from tests.support.bombs import bombs
from trainables.backbones.weight_files import content_digest, misfit, read_metadata, read_state
from trainables.errors import BackboneError

WEIGHTS = {"fc.weight": torch.ones(2, 3), "fc.bias": torch.zeros(2)}
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 13834\n"


def refusal(path: Path, read: Callable[[Path], object] = read_state) -> str:
    """What is said of a file, in one line that fits a terminal."""
    with pytest.raises(BackboneError) as error:
        read(path)
    text = str(error.value)
    assert len(text) <= 300, text
    assert "\n" not in text
    return text.removeprefix(f"{path}: ")


@pytest.mark.parametrize("name", ["net.pth", "net.pt", "net.safetensors"])
@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "an empty file"),
        (POINTER, "a git-lfs pointer"),
        (b"<!DOCTYPE html><html><title>Log in</title>", "a page of HTML"),
        (b"\n  <html>", "a page of HTML"),
        (b'{"error": "quota"}', "JSON"),
        (gzip.compress(b"weights"), "a compressed file"),
        (b"\x89HDF\r\n\x1a\n" + bytes(99), "an HDF5 file"),
    ],
)
def test_a_file_that_is_something_else_is_called_what_it_is(tmp_path, name, content, what):
    (tmp_path / name).write_bytes(content)
    assert refusal(tmp_path / name).startswith(f"not a weights file ({what}")


def test_a_file_under_the_other_suffix_is_told_its_own(tmp_path):
    (tmp_path / "net.pth").write_bytes(as_safetensors(WEIGHTS))
    assert refusal(tmp_path / "net.pth").endswith("let its name end in .safetensors")
    torch.save(WEIGHTS, tmp_path / "net.safetensors")
    assert refusal(tmp_path / "net.safetensors").endswith("let its name end in .pth")


def test_a_whole_model_is_told_how_to_become_weights(tmp_path):
    for new in (True, False):
        torch.save(nn.Sequential(nn.Linear(2, 2)), tmp_path / "net.pth", _use_new_zipfile_serialization=new)
        said = refusal(tmp_path / "net.pth")
        assert said.startswith("not a weights file (a pickle that would run torch.nn.modules.")
        assert said.endswith("such as a whole model); save the network with torch.save(network.state_dict(), path)")


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_a_torchscript_archive_is_called_so(tmp_path):
    torch.jit.script(nn.Linear(2, 2)).save(str(tmp_path / "net.pt"))
    assert refusal(tmp_path / "net.pt").startswith("not a weights file (a TorchScript archive, which holds code)")


@pytest.mark.parametrize("form", list(bombs(Path("x"))))
@pytest.mark.parametrize("name", ["net.pth", "net.safetensors"])
def test_a_pickle_is_refused_and_never_run(tmp_path, form, name):
    (tmp_path / name).write_bytes(bombs(tmp_path / "mark")[form])
    assert refusal(tmp_path / name).startswith("not a weights file (")
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize(
    ("state", "problem"),
    [
        ({0: torch.ones(2)}, "the key 0 is no name"),
        ({("fc", "weight"): torch.ones(2)}, "the key ('fc', 'weight') is no name"),
        ({None: torch.ones(2)}, "the key None is no name"),
        ({"fc": torch.eye(3).to_sparse()}, "'fc' is sparse"),
        ({"fc": torch.ones(2, device="meta")}, "'fc' is without values"),
        ({"fc": torch.ones(2, dtype=torch.complex64)}, "'fc' is complex"),
        ({"fc": torch.tensor([1.0, float("nan"), float("inf")])}, "'fc' has 2 values of 3 that are not finite"),
        ({"x" * 1000: torch.full((2,), float("-inf"))}, "that are not finite"),
    ],
)
def test_weights_that_no_network_could_use_are_named(tmp_path, state, problem):
    torch.save(state, tmp_path / "net.pth")
    said = refusal(tmp_path / "net.pth")
    assert said.startswith("not a usable state dict (")
    assert problem in said


@pytest.mark.filterwarnings("ignore")  # torch wants quantized tensors gone
def test_quantized_weights_are_named(tmp_path):
    torch.save({"fc": torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)}, tmp_path / "net.pth")
    assert "quantized" in refusal(tmp_path / "net.pth") or "a pickle that would run" in refusal(tmp_path / "net.pth")


def test_whole_numbers_in_the_place_of_fractions_do_not_fit():
    given_ = WEIGHTS | {"fc.bias": torch.zeros(2, dtype=torch.int8)}
    assert misfit(WEIGHTS, given_) == "fc.bias is of int8 instead of float32"
    assert misfit(WEIGHTS, WEIGHTS | {"fc.bias": torch.zeros(2, dtype=torch.float16)}) is None


@pytest.mark.parametrize("read", [read_state, content_digest])
def test_a_pipe_and_a_device_are_not_waited_for(tmp_path, read):
    os.mkfifo(tmp_path / "net.pth")
    assert refusal(tmp_path / "net.pth", read) == "not a file, but a pipe or a device; check the path"
    (tmp_path / "zero.pth").symlink_to("/dev/zero")
    assert refusal(tmp_path / "zero.pth", read) == "not a file, but a pipe or a device; check the path"


@pytest.mark.parametrize("name", ["x" * 5000 + ".pth", "\0.pth", "~nobody-of-this-name/net.pth"])
def test_a_path_that_cannot_be_one_is_one_line_that_fits(name):
    with pytest.raises(BackboneError) as error:
        read_state(Path(name))
    assert len(str(error.value)) <= 300


@given(st.binary(max_size=64), st.sampled_from([".pth", ".safetensors"]), st.integers(0, 3))
def test_whatever_a_file_holds_it_is_weights_or_one_line(tmp_path_factory, noise, suffix, kind):
    path = tmp_path_factory.mktemp("noise") / f"net{suffix}"
    whole = as_safetensors(WEIGHTS) if suffix == ".safetensors" else pickle.dumps({"a": 1})
    at = len(noise) * 7 % len(whole)
    path.write_bytes([noise, whole[:at], whole[:at] + noise + whole[at:], whole[:at] + noise][kind])
    for read in (read_state, read_metadata, content_digest):
        with suppress(BackboneError):
            read(path)
            continue
        refusal(path, read)
