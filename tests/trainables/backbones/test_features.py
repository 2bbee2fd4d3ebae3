from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from tests.support.rivals import on_one_cpu
from tests.support.stand_ins import Ticker, images
from trainables.backbones import extraction, networks
from trainables.backbones import features as module
from trainables.backbones.costs import Cost, Price
from trainables.backbones.extraction import Features, chunks, divided, extract, sample_cost, together
from trainables.backbones.features import frozen_features
from trainables.backbones.networks import GLYPHS, Backbone
from trainables.batches import PREDICT_VALUES
from trainables.cache import CacheError, drop, entries, key_of_all
from trainables.clock import Clock
from trainables.process.run_queue import SCHEDSTAT

CPU = torch.device("cpu")
RANDOM = Backbone(model="shufflenet_v2_x0_5", weights=None)
PICTURES = images(5).inputs


def cached(cache: Path, pictures: np.ndarray = PICTURES, *, bfloat16: bool = False) -> Features:
    return frozen_features(GLYPHS, pictures, device=CPU, bfloat16=bfloat16, cache=cache)


@pytest.fixture
def key(tmp_path, monkeypatch) -> Callable[..., str]:
    """The name of the features of pictures, of which nothing is extracted for it."""

    def named(
        pictures: np.ndarray = PICTURES,
        *,
        backbone: Backbone = GLYPHS,
        device: torch.device = CPU,
        bfloat16: bool = False,
    ) -> str:
        nothing = Features(np.ones((len(pictures), 2), np.float32), Price(Cost(1.0)), cached=False)
        with monkeypatch.context() as patched:
            patched.setattr(module, "extract", lambda *_, **__: nothing)
            cache = tmp_path / "another cache"
            made = frozen_features(backbone, pictures, device=device, bfloat16=bfloat16, cache=cache)
        (name,) = made.keys
        return name

    return named


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

    @pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError()])
    def test_halves_a_batch_for_which_memory_runs_out_and_gives_the_same(self, monkeypatch, error):
        whole = extract(GLYPHS, PICTURES, device=CPU, bfloat16=False)
        forward, width = extraction.extractor(GLYPHS, CPU, bfloat16=False)
        seen: list[int] = []

        def narrow(pictures: np.ndarray) -> np.ndarray:
            seen.append(len(pictures))
            if len(pictures) > 2:
                raise error
            return forward(pictures)

        monkeypatch.setattr(extraction, "extractor", lambda *_, **__: (narrow, width))
        halved = extract(GLYPHS, PICTURES, device=CPU, bfloat16=False)
        assert seen == [5, 3, 2, 2, 1]
        np.testing.assert_allclose(halved.values, whole.values, rtol=1e-4, atol=1e-5)
        assert sample_cost(GLYPHS, PICTURES, device=CPU, bfloat16=False).seconds > 0

    def test_of_a_single_image_for_which_memory_runs_out_fails_with_that_error(self, monkeypatch):
        def full(_: np.ndarray) -> np.ndarray:
            raise torch.OutOfMemoryError("CUDA out of memory")

        monkeypatch.setattr(extraction, "extractor", lambda *_, **__: (full, 2))
        with pytest.raises(torch.OutOfMemoryError, match="CUDA out of memory"):
            extract(GLYPHS, PICTURES, device=CPU, bfloat16=False)

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


class TestChunks:
    """Of two batches of two images each: the last has a single batch."""

    MANY = images(21).inputs

    @pytest.fixture(autouse=True)
    def small(self, monkeypatch):
        monkeypatch.setitem(PREDICT_VALUES, "cpu", 2 * self.MANY[0].size)
        monkeypatch.setattr(extraction, "BATCHES_A_CHUNK", 2)

    def test_are_whole_batches_but_for_the_last(self):
        assert chunks(self.MANY, CPU) == [(0, 4), (4, 8), (8, 12), (12, 16), (16, 20), (20, 21)]

    def test_give_the_same_features_to_the_bit_as_all_at_once_and_as_several_slots(self, tmp_path):
        at_once = extract(GLYPHS, self.MANY, device=CPU, bfloat16=False).values
        shares = [cached(tmp_path, self.MANY[start:stop]) for start, stop in divided(chunks(self.MANY, CPU), among=4)]
        in_chunks = cached(tmp_path, self.MANY)
        assert in_chunks.cached, "chunks are the same however they were divided"
        np.testing.assert_array_equal(in_chunks.values, at_once)
        np.testing.assert_array_equal(together(shares).values, at_once)
        assert together(shares).keys == in_chunks.keys
        assert together(shares).cost_s == pytest.approx(in_chunks.cost_s)

    def test_cost_the_same_in_one_slot_as_in_many_since_neither_loading_nor_warming_up_counts(
        self, tmp_path, monkeypatch
    ):
        """Dictated: loading takes 100 s, a process's first batch 10 s, others a second for each image."""
        ticker, in_all = Ticker(), []

        def load(*_: object, **__: object) -> tuple[object, int]:
            ticker.now += 100
            worked: list[int] = []

            def forward(pictures: np.ndarray) -> np.ndarray:
                ticker.now += len(pictures) if worked else 10
                worked.append(len(pictures))
                return np.zeros((len(pictures), 2), np.float32)

            return forward, 2

        monkeypatch.setattr(module, "extractor", load)
        monkeypatch.setattr(extraction, "clock_for", lambda device: Clock(ticker, cpu=ticker, waited=ticker))
        for slots in (1, 3, 6):  # of six, the last one has a single batch
            shares = divided(chunks(self.MANY, CPU), slots)
            parts = [cached(tmp_path / str(slots), self.MANY[start:stop]) for start, stop in shares]
            in_all.append(together(parts).price.cost)
        assert in_all == [Cost(21.0, 21.0, 21.0)] * 3

    def test_that_the_cache_has_are_not_made_again(self, tmp_path, extractions):
        cached(tmp_path, self.MANY[4:12])
        whole = cached(tmp_path, self.MANY)
        assert extractions == [4, 4, 4, 4, 4, 1]
        assert not whole.cached

    def test_that_another_process_is_at_are_left_to_it_and_waited_for_in_the_end(self, tmp_path, key):
        """It is at the first chunk, and makes it once this process has told that the others are done."""
        told: list[int] = []
        path = tmp_path / "features" / f"{key(self.MANY[:4])}.safetensors"
        path.parent.mkdir()
        lock = FileLock(f"{path}.lock", thread_local=False)
        lock.acquire()

        def tell(done: int) -> None:
            told.append(done)
            if done == 17:
                lock.release()

        made = frozen_features(GLYPHS, self.MANY, device=CPU, bfloat16=False, cache=tmp_path, told=tell)
        assert max(told[: told.index(17)]) < 17
        assert told[-1] == 21
        np.testing.assert_array_equal(made.values, extract(GLYPHS, self.MANY, device=CPU, bfloat16=False).values)

    def test_that_were_made_on_a_busy_machine_are_measured_again_by_one_sample_of_all(self, tmp_path, monkeypatch):
        samples: list[int] = []

        def now(backbone: Backbone, pictures: np.ndarray, **_: object) -> Cost:
            samples.append(len(pictures))
            return Cost(2.1, 2.1, 0.0)

        busy = Features(np.ones((4, 2), np.float32), Price(Cost(8.0, 2.0, 6.0)), cached=False)
        monkeypatch.setattr(module, "extract", lambda *_, **__: busy)
        monkeypatch.setattr(module, "sample_cost", now)
        ask = partial(frozen_features, GLYPHS, self.MANY[:20], device=CPU, bfloat16=False, cache=tmp_path, charged=True)
        assert ask().cost_s == 5 * 8.0
        again = ask()
        assert samples == [20]
        assert again.cost_s == pytest.approx(2.1)
        assert again.price.found == Cost(40.0, 10.0, 30.0)

    def test_have_one_name_together_which_is_that_of_the_only_one(self):
        assert key_of_all(["a"]) == "a"
        assert len({key_of_all(["a", "b"]), key_of_all(["b", "a"]), key_of_all(["a", "b", "c"])}) == 3

    def test_of_a_set_are_listed_as_one_by_the_name_that_a_study_has_for_it_and_dropped_by_it(self, tmp_path):
        ask = partial(frozen_features, GLYPHS, device=CPU, bfloat16=False, cache=tmp_path, data="digits, train")
        parts = [
            ask(self.MANY[start:stop], part_of="all", at=start)
            for start, stop in reversed(divided(chunks(self.MANY, CPU), among=2))
        ]
        others = ask(images(9, seed=5).inputs, part_of="others")
        whole = together(parts[::-1])
        listed = {entry.key: entry for entry in entries(tmp_path)}
        assert set(listed) == {key_of_all(whole.keys), key_of_all(others.keys)}
        entry = listed[key_of_all(whole.keys)]
        assert (entry.kind, entry.count, len(entry.files)) == ("features", 21, 6)
        assert entry.cost_s == pytest.approx(whole.cost_s)
        assert entry.size == sum(path.stat().st_size for path in entry.files)
        assert drop(entry.key, tmp_path) == [entry]
        assert [entry.key for entry in entries(tmp_path)] == [key_of_all(others.keys)]
        assert not any(path.exists() or Path(f"{path}.lock").exists() for path in entry.files)

    @given(st.integers(1, 60), st.integers(1, 70))
    def test_are_divided_in_order_and_evenly(self, count, among):
        parts = [(3 * at, 3 * at + 3) for at in range(count)]
        runs = divided(parts, among)
        assert len(runs) == min(count, among)
        assert [start for start, _ in runs] == [0, *(stop for _, stop in runs[:-1])]
        assert runs[-1][1] == 3 * count
        lengths = {stop - start for start, stop in runs}
        assert max(lengths) - min(lengths) in (0, 3)


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
        monkeypatch.setattr(extraction, "extractor", extractor)
        monkeypatch.setattr(extraction, "clock_for", lambda device: Clock(ticker, cpu=ticker, waited=ticker))
        monkeypatch.setattr(extraction, "SAMPLE_IMAGES", images_enough)
        monkeypatch.setattr(extraction, "SAMPLE_S", seconds_enough)
        cost = sample_cost(GLYPHS, PICTURES, device=CPU, bfloat16=False)
        assert sum(seen) == 2 + timed
        assert cost == Cost(5.0, 5.0, 5.0), "a second for each of five images"

    def test_costs_something_with_a_real_network(self):
        cost = sample_cost(GLYPHS, PICTURES, device=CPU, bfloat16=False)
        assert cost.seconds > 0
        assert cost.cpu_s


class TestKey:
    def test_changes_with_one_pixel_the_shape_the_order_the_backbone_and_the_precision(self, key):
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

    def test_changes_with_the_number_of_threads_since_the_cost_does(self, key):
        on_one = key()
        torch.set_num_threads(2)
        assert key() != on_one

    def test_changes_with_the_processor_or_gpu(self, key, monkeypatch):
        here = key()
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"cpu_name": "another"})
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a GPU")
        assert len({here, key(), key(device=torch.device("cuda"))}) == 3

    def test_is_the_same_for_equal_images_however_they_lie_in_memory(self, key):
        assert key(np.asfortranarray(PICTURES)) == key()

    def test_names_the_file(self, key, tmp_path):
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
