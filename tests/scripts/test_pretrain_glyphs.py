from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.ft2font import FT2Font
from safetensors import safe_open
from safetensors.torch import load_file

from trainables.backbones import networks
from trainables.backbones.networks import Backbone

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "pretrain_glyphs.py"
SMALL = "shufflenet_v2_x0_5"


@pytest.fixture(scope="module")
def glyphs() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pretrain_glyphs", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pretrain(out: Path) -> str:
    """Run the script for two steps on three characters; what it prints."""
    settings = ["--steps", "2", "--batch-size", "4", "--characters", "0xX", "--test-glyphs", "20"]
    command = [sys.executable, str(SCRIPT), "--out", str(out), *settings]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    assert "on 20 glyphs of held-out fonts" in pretrain(path)
    return path


def facts(path: Path) -> dict[str, str]:
    with safe_open(path, framework="pt") as file:
        return dict(file.metadata())


@pytest.mark.slow
def test_the_script_writes_a_network_that_loads_with_its_classes_and_statistics(written):
    backbone = Backbone(model=SMALL, weights=str(written))
    assert json.loads(facts(written)["classes"]) == ["0", "X"]
    assert networks.load(backbone).get_submodule("fc").out_features == 2
    mean, std = networks.normalise(backbone)
    assert json.loads(facts(written)["mean"]) == list(mean)
    assert 0 < mean[0] < 0.5
    assert 0 < std[0] < 0.5


@pytest.mark.slow
def test_the_same_command_writes_the_same_weights(written, tmp_path):
    again = tmp_path / "again.safetensors"
    pretrain(again)
    assert facts(again) == facts(written)  # not byte by byte: safetensors writes its metadata in any order
    torch.testing.assert_close(load_file(again), load_file(written), rtol=0, atol=0)


def test_the_bundled_file_is_what_the_defaults_describe():
    bundled = facts(networks.BUNDLED_FILE)
    assert bundled["model"] == SMALL
    assert json.loads(bundled["classes"]) == list("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt")
    assert json.loads(bundled["settings"]) == {"steps": 6000, "batch_size": 128, "lr": 0.004, "seed": 0}
    assert 0.9 < float(bundled["source_accuracy"]) <= 1


@pytest.mark.slow
def test_the_bundled_network_reads_held_out_fonts_as_well_as_its_file_says(glyphs):
    """Over 1,000 glyphs that neither training nor the stated figure saw: within four standard errors."""
    stated = float(facts(networks.BUNDLED_FILE)["source_accuracy"])
    backbone = Backbone(model=SMALL, weights="bundled")
    (mean, *_), (std, *_) = networks.normalise(backbone)
    sample = glyphs.Glyphs(glyphs.HELD_OUT_FONTS, glyphs.CHARACTERS, seed=12345)
    accuracy = glyphs.measure(networks.load(backbone), sample, glyphs=1000, mean=mean, std=std)
    assert accuracy == pytest.approx(stated, abs=4 * (stated * (1 - stated) / 1000) ** 0.5)


def test_the_same_seed_draws_the_same_glyphs_and_another_seed_others(glyphs):
    first, again, other = (glyphs.Glyphs(["DejaVuSans"], "0aB", seed=seed).batch(16) for seed in (1, 1, 2))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])


def test_glyphs_are_grey_images_in_the_unit_range_with_something_on_them(glyphs):
    images, labels = glyphs.Glyphs(glyphs.TRAIN_FONTS, glyphs.CHARACTERS, seed=0).batch(256)
    assert images.shape == (256, 1, 32, 32)
    assert labels.shape == (256,)
    assert images.min() >= 0
    assert images.max() <= 1
    assert (images.amax((1, 2, 3)) > 0.3).all()


def test_every_font_used_has_every_character(glyphs):
    for font in (*glyphs.TRAIN_FONTS, *glyphs.HELD_OUT_FONTS):
        known = FT2Font(f"{matplotlib.get_data_path()}/fonts/ttf/{font}.ttf").get_charmap()
        assert all(ord(character) in known for character in glyphs.CHARACTERS)


def test_no_held_out_font_is_trained_on(glyphs):
    assert not set(glyphs.HELD_OUT_FONTS) & set(glyphs.TRAIN_FONTS)


@pytest.mark.parametrize("character", list("1lMw"))
def test_a_rendered_glyph_is_centred_and_fills_seven_eighths_of_its_longer_side(glyphs, character):
    master = glyphs.render("DejaVuSerif", character)
    rows, columns = np.flatnonzero(master.any(1)), np.flatnonzero(master.any(0))
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert master.shape == (64, 64)
    assert max(height, width) == 56
    assert abs(rows.mean() - 31.5) <= 1
    assert abs(columns.mean() - 31.5) <= 1


def test_small_letters_share_a_class_with_capitals_of_the_same_shape_only(glyphs):
    assert [glyphs.class_of(c) for c in "xXaA0"] == ["X", "X", "a", "A", "0"]
