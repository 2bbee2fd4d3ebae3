from __future__ import annotations

import errno
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from tests.support.rivals import on_one_cpu
from tests.support.stand_ins import Ticker, images
from trainables.backbones import features as module
from trainables.backbones import networks
from trainables.backbones.costs import Cost, Price
from trainables.backbones.features import Features, content_key, extract, frozen_features
from trainables.backbones.networks import GLYPHS, Backbone
from trainables.batches import PREDICT_VALUES
from trainables.cache import CacheError
from trainables.clock import Clock
from trainables.process.run_queue import SCHEDSTAT

CPU = torch.device("cpu")
RANDOM = Backbone(model="shufflenet_v2_x0_5", weights=None)
PICTURES = images(5).inputs


def cached(cache: Path, pictures: np.ndarray = PICTURES, *, bfloat16: bool = False) -> Features:
    return frozen_features(GLYPHS, pictures, device=CPU, bfloat16=bfloat16, cache=cache)


def key(
    pictures: np.ndarray = PICTURES,
    *,
    backbone: Backbone = GLYPHS,
    device: torch.device = CPU,
    bfloat16: bool = False,
) -> str:
    return content_key(backbone, pictures, device=device, bfloat16=bfloat16)


def cache_file(cache: Path) -> Path:
    (file,) = cache.glob("features/*.safetensors")
    return file


@pytest.fixture
def extractions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each time that features are really extracted."""
    done: list[int] = []

    def counted(backbone: Backbone, pictures: np.ndarray, **given: Any) -> Features:
        done.append(len(pictures))
        return extract(backbone, pictures, **given)

    monkeypatch.setattr(module, "extract", counted)
    return done


class TestExtraction:
    def reference(self) -> np.ndarray:
        """The network as torchvision wrote it, image by image."""
        network, _ = networks.as_feature_extractor(GLYPHS)
        mean, std = (torch.tensor(values)[:, None, None] for values in networks.normalise(GLYPHS))
        with torch.no_grad():
            rows = [network(((torch.tensor(one).permute(2, 0, 1) / 255 - mean) / std)[None]) for one in PICTURES]
        return torch.cat(rows).numpy()

    @pytest.mark.parametrize("batch", [2, 5])
    def test_is_the_networks_output_before_its_last_layer(self, monkeypatch, batch):
        monkeypatch.setitem(PREDICT_VALUES, "cpu", batch * PICTURES[0].size)
        made = extract(GLYPHS, PICTURES, device=CPU, bfloat16=False)
        assert made.values.dtype == np.float32
        assert made.values.shape == (5, 1024)
        np.testing.assert_allclose(made.values, self.reference(), rtol=1e-3, atol=1e-4)

    def test_in_bfloat16_is_nearly_the_same(self):
        made = extract(GLYPHS, PICTURES, device=CPU, bfloat16=True)
        assert made.values.dtype == np.float32
        assert np.corrcoef(made.values.ravel(), self.reference().ravel())[0, 1] > 0.99

    def test_says_after_each_batch_how_many_images_are_done(self, monkeypatch):
        monkeypatch.setitem(PREDICT_VALUES, "cpu", 2 * PICTURES[0].size)
        told: list[int] = []
        extract(GLYPHS, PICTURES, device=CPU, bfloat16=False, told=told.append)
        assert told == [2, 4, 5]

    def test_is_charged(self):
        made = extract(GLYPHS, PICTURES, device=CPU, bfloat16=False)
        assert made.cost_s > 0
        assert not made.cached


class TestCache:
    def test_gives_the_features_and_the_cost_of_the_time_they_were_made(self, tmp_path, extractions):
        first, second = cached(tmp_path), cached(tmp_path)
        assert len(extractions) == 1
        assert (first.cached, second.cached) == (False, True)
        assert second.cost_s == first.cost_s > 0
        np.testing.assert_array_equal(second.values, first.values)

    @pytest.mark.parametrize("damage", ["empty", "truncated", "garbage", "without features", "without cost"])
    def test_rebuilds_a_damaged_file(self, tmp_path, extractions, damage):
        first = cached(tmp_path)
        file = cache_file(tmp_path)
        if damage == "without features":
            save_file({"other": first.values}, file, metadata={"cost_s": "1.0"})
        elif damage == "without cost":
            save_file({"features": first.values}, file, metadata={"other": "1.0"})
        else:
            content = {"empty": b"", "truncated": file.read_bytes()[:-9], "garbage": b"not features" * 99}[damage]
            file.write_bytes(content)
        rebuilt = cached(tmp_path)
        assert len(extractions) == 2
        np.testing.assert_array_equal(rebuilt.values, first.values)
        assert cached(tmp_path).cached

    def test_leaves_no_half_written_file_behind_when_extraction_fails(self, tmp_path, monkeypatch):
        def fail(*_: object, **__: object) -> Features:
            raise MemoryError

        monkeypatch.setattr(module, "extract", fail)
        with pytest.raises(MemoryError):
            cached(tmp_path)
        monkeypatch.undo()
        assert not cached(tmp_path).cached

    def test_extracts_once_for_all_who_ask_at_the_same_time(self, tmp_path, extractions):
        together = threading.Barrier(3)

        def ask(_: int) -> Features:
            together.wait()
            return cached(tmp_path)

        with ThreadPoolExecutor(3) as pool:
            answers = list(pool.map(ask, range(3)))
        assert len(extractions) == 1
        assert sorted(answer.cached for answer in answers) == [False, True, True]
        assert len({answer.cost_s for answer in answers}) == 1


class TestACostThatIsCharged:
    """Costs are dictated: by what a file in the cache says, and by what a sample would find now."""

    CALM, BUSY = Cost(2.0, 2.0, 0.0), Cost(8.0, 2.0, 6.0)

    def ask(self, cache: Path, *, charged: bool = True) -> Features:
        return frozen_features(GLYPHS, PICTURES, device=CPU, bfloat16=False, cache=cache, charged=charged)

    def made(self, cache: Path, monkeypatch: pytest.MonkeyPatch, cost: Cost, now: Cost) -> Features:
        """Features made at a cost, and what a sample says from then on."""
        values = np.ones((5, 1024), dtype=np.float32)
        monkeypatch.setattr(module, "extract", lambda *_, **__: Features(values, Price(cost), cached=False))
        monkeypatch.setattr(module, "sample_cost", lambda *_, **__: now)
        return self.ask(cache)

    def test_made_on_a_busy_machine_is_charged_to_who_made_them_and_measured_again_for_the_next(
        self, tmp_path, monkeypatch
    ):
        first = self.made(tmp_path, monkeypatch, self.BUSY, self.CALM)
        assert first.cost_s == 8.0
        second = self.ask(tmp_path)
        assert second.price == Price(self.CALM, self.BUSY)
        np.testing.assert_array_equal(second.values, first.values)
        assert self.ask(tmp_path).price == Price(self.CALM), "what was measured on a calm machine stays"

    @pytest.mark.skipif(not SCHEDSTAT.exists(), reason="the kernel keeps no count of waits")
    def test_beside_three_processes_for_the_same_cpu_is_known_to_be_of_a_busy_machine(self, tmp_path):
        many = images(300).inputs
        ask = partial(frozen_features, GLYPHS, many, device=CPU, bfloat16=False, cache=tmp_path, charged=True)
        with on_one_cpu(rivals=3):
            made = ask()
        assert made.price.cost.busy, "fair shares leave it a quarter of its CPU"
        assert ask().price.found == made.price.cost, "measured again, whatever comes of it"

    def test_stays_under_suspicion_while_the_machine_is_busy(self, tmp_path, monkeypatch):
        better = Cost(4.0, 2.0, 2.0)
        self.made(tmp_path, monkeypatch, self.BUSY, better)
        assert self.ask(tmp_path).price == Price(better, self.BUSY, calm=False)
        monkeypatch.setattr(module, "sample_cost", lambda *_, **__: self.CALM)
        assert self.ask(tmp_path).price == Price(self.CALM, better)

    def test_is_not_measured_for_who_is_not_charged(self, tmp_path, monkeypatch):
        self.made(tmp_path, monkeypatch, self.BUSY, self.CALM)
        assert self.ask(tmp_path, charged=False).cost_s == 8.0
        assert self.ask(tmp_path).cost_s == 2.0

    def test_of_a_version_that_counted_no_cpu_seconds_is_measured_once(self, tmp_path, monkeypatch):
        self.made(tmp_path, monkeypatch, self.BUSY, self.CALM)
        save_file({"features": np.ones((5, 1024), np.float32)}, cache_file(tmp_path), metadata={"cost_s": "43.1"})
        assert self.ask(tmp_path).price == Price(self.CALM, Cost(43.1))
        assert self.ask(tmp_path).price == Price(self.CALM)

    def test_on_a_gpu_is_never_measured_again_since_the_wait_for_a_cpu_says_nothing_there(self, tmp_path, monkeypatch):
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a GPU")
        values = np.ones((5, 1024), dtype=np.float32)
        made = Features(values, Price(Cost(8.0, 1.0)), cached=False)
        monkeypatch.setattr(module, "extract", lambda *_, **__: made)
        monkeypatch.delattr(module, "sample_cost")
        asked = [
            frozen_features(GLYPHS, PICTURES, device=torch.device("cuda"), bfloat16=False, cache=tmp_path, charged=True)
            for _ in range(2)
        ]
        assert [one.cost_s for one in asked] == [8.0, 8.0]


class TestASample:
    @pytest.mark.parametrize(("images_enough", "seconds_enough", "timed"), [(4, 1e9, 4), (1, 1e9, 2), (1e9, 0.0, 2)])
    def test_is_a_few_batches_after_one_to_warm_up_and_stands_for_all(
        self, monkeypatch, images_enough, seconds_enough, timed
    ):
        ticker, seen = Ticker(), []

        def extractor(*_: object, **__: object) -> tuple[object, int]:
            def forward(pictures: np.ndarray) -> np.ndarray:
                ticker.now += len(pictures)
                seen.append(len(pictures))
                return np.zeros((len(pictures), 2), np.float32)

            return forward, 2

        monkeypatch.setitem(PREDICT_VALUES, "cpu", 2 * PICTURES[0].size)
        monkeypatch.setattr(module, "_extractor", extractor)
        monkeypatch.setattr(module, "clock_for", lambda device: Clock(ticker, cpu=ticker, waited=ticker))
        monkeypatch.setattr(module, "SAMPLE_IMAGES", images_enough)
        monkeypatch.setattr(module, "SAMPLE_S", seconds_enough)
        cost = module.sample_cost(GLYPHS, PICTURES, device=CPU, bfloat16=False)
        assert sum(seen) == 2 + timed
        assert cost == Cost(5.0, 5.0, 5.0), "a second for each of five images"

    def test_costs_something_with_a_real_network(self):
        cost = module.sample_cost(GLYPHS, PICTURES, device=CPU, bfloat16=False)
        assert cost.seconds > 0
        assert cost.cpu_s


class TestKey:
    def test_changes_with_one_pixel_the_shape_the_order_the_backbone_and_the_precision(self):
        other_pixel = PICTURES.copy()
        other_pixel[0, 0, 0, 0] ^= 1
        keys = [
            key(),
            key(other_pixel),
            key(PICTURES.reshape(5, 8, 32, 3)),
            key(PICTURES[::-1]),
            key(backbone=RANDOM),
            key(bfloat16=True),
        ]
        assert len(set(keys)) == len(keys)

    def test_changes_with_the_number_of_threads_since_the_cost_does(self):
        on_one = key()
        torch.set_num_threads(2)
        assert key() != on_one

    def test_changes_with_the_processor_or_gpu(self, monkeypatch):
        here = key()
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"cpu_name": "another"})
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a GPU")
        assert len({here, key(), key(device=torch.device("cuda"))}) == 3

    def test_is_the_same_for_equal_images_however_they_lie_in_memory(self):
        assert key(np.asfortranarray(PICTURES)) == key()

    def test_names_the_file(self, tmp_path):
        cached(tmp_path)
        assert cache_file(tmp_path).stem == key()


@pytest.mark.parametrize("step", ["made", "written"])
def test_a_cache_that_cannot_be_used_is_said_with_the_mend(tmp_path, monkeypatch, step):
    """A file is where its folder is to be; or the disk is full when the features are there."""
    if step == "made":
        (tmp_path / "features").touch()
    else:

        def full(*_: object, **__: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("trainables.backbones.features.save_file", full)
    with pytest.raises(CacheError, match=r"features: the cache cannot be used \(.+\); .*TRANSFER_STUDY_CACHE"):
        frozen_features(GLYPHS, images(3).inputs, device=torch.device("cpu"), bfloat16=False, cache=tmp_path)
