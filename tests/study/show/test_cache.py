"""`transfer-study cache`: its lists, one-line answers and exit codes."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from study.commands.options import console
from study.show.cache import remark, size_in_words
from trainables.cache import Entry


def features(tmp_path: Path, key: str, **told: str) -> Path:
    path = tmp_path / "cache" / "features" / f"{key}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"features": np.ones((3, 4), np.float32)}, path, metadata={"cost_s": "43.1"} | told)
    return path


def test_without_a_cache_it_says_so(transfer_study, tmp_path):
    listed = transfer_study("cache")
    assert (listed.code, listed.out) == (0, f"{tmp_path / 'cache'}: nothing is cached\n")
    dropped = transfer_study("cache", "drop", "all")
    assert (dropped.code, dropped.out) == (0, f"{tmp_path / 'cache'}: nothing is cached, so nothing was dropped\n")


def test_it_lists_what_there_is_and_drops_it_by_the_key_that_it_shows(transfer_study, tmp_path, monkeypatch):
    monkeypatch.setattr(console, "_width", 200)  # its table is cut at the width of the terminal
    key = "0123456789abcdef"
    told = {"cpu_s": "10.5", "waited_s": "32.6", "backbone": "mobilenet_v2 (m.pth)", "image_size": "120 x 400"}
    path = features(tmp_path, key, data="boats [old], train", **told)
    listed = transfer_study("cache")
    shown = ("features", "mobilenet_v2 (m.pth), boats [old], train", "120 x 400", "43.1 s")
    assert listed.code == 0
    assert all(words in listed.out for words in shown)
    assert "busy machine (4.1): timed again when wanted" in listed.out
    assert listed.out.splitlines()[-1].endswith(f"1 entry, 1 files, {size_in_words(path.stat().st_size)}")
    dropped = transfer_study("cache", "drop", listed.out.splitlines()[1].split()[0])
    assert dropped.code == 0
    (line,) = dropped.out.splitlines()
    assert line.startswith("features 0123456789ab (mobilenet_v2 (m.pth), boats [old], train, 120 x 400): dropped, ")
    assert not path.exists()


def test_all_are_dropped_with_one_line(transfer_study, tmp_path):
    for key in ("ab", "cd"):
        features(tmp_path, key)
    (line,) = transfer_study("cache", "drop", "all").out.splitlines()
    assert f"{tmp_path / 'cache'}: 2 entries dropped, " in line
    assert transfer_study("cache").out.endswith("nothing is cached\n")


def test_a_key_that_is_not_there_is_one_line_and_exit_code_2(transfer_study, tmp_path):
    features(tmp_path, "ab")
    assert transfer_study("cache", "drop", "[x]").complaint == (
        "[x]: no such key; `transfer-study cache` lists what there is"
    )


@pytest.mark.parametrize(
    ("kind", "more", "words"),
    [
        ("features", {"cost_s": 43.1}, "perhaps of a busy machine: timed again when wanted"),
        ("features", {"cost_s": 43.1, "cpu_s": 10.0}, ""),
        ("features", {"cost_s": 10.0, "cpu_s": 9.9, "waited_s": 0.1}, ""),
        ("features", {"cost_s": 10.0, "cpu_s": 4.9, "waited_s": 5.0}, "busy machine (2.0): timed again when wanted"),
        ("features", {"damaged": True}, "damaged"),
        ("images", {"cost_s": 10.0}, "cost not charged"),
        ("facts", {}, ""),
        ("unfinished", {"damaged": True}, "left by a process that died"),
    ],
)
def test_a_remark_says_what_is_to_be_known_of_a_cost(kind, more, words):
    assert remark(Entry(kind=kind, key="k", files=(), size=0, made=time.time(), **more)) == words


@pytest.mark.parametrize(
    ("size", "words"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (3_449_000, "3.4 MB"), (2e15, "2000.0 TB")]
)
def test_sizes_are_told_as_people_say_them(size, words):
    assert size_in_words(int(size)) == words
