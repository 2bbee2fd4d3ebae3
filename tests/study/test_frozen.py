"""Frozen features from several slots, with stand-ins for Ray and for the network."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from analysis.records.storage import Storage
from study.cluster.sharing import Sharing
from study.prepare.frozen import Frozen, freeze
from tests.support.study_files import small_config
from trainables.approach import Examples
from trainables.backbones.costs import Cost, Price
from trainables.backbones.extraction import Features
from trainables.data.splits import Split
from trainables.data.stored_examples import StoredExamples
from trainables.spec import Slot

SIZES: dict[Split, int] = {"train": 600, "valid": 300}
IMAGES = {
    split: np.random.default_rng(count).integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    for split, count in SIZES.items()
}
BYTES = sum(images.nbytes for images in IMAGES.values())
SLOTS = 3


@pytest.fixture
def asked(monkeypatch, tmp_path) -> list[tuple[Any, tuple[int, int]]]:
    """What each task was given: the images, and which of them were its own."""
    monkeypatch.setenv("TRANSFER_STUDY_CACHE", str(tmp_path / "cache"))
    tasks: list[tuple[Any, tuple[int, int]]] = []

    def remote(**_: object) -> Any:
        def run(function: Any) -> Any:
            def now(settings: Any, lot: Any, run: Any, *rest: Any) -> Features:
                tasks.append((lot, run))
                made: Features = function(settings, lot, run, *rest)
                return made

            return SimpleNamespace(remote=now)

        return run

    def seen(backbone: object, images: np.ndarray, **_: object) -> Features:
        return Features(images[:, 0, 0].astype(np.float32), Price(Cost(1.0)), cached=False, keys=("k",))

    for name, stand_in in {
        "ray.remote": remote,
        "ray.put": lambda value: value,
        "ray.get": lambda value: value,
        "Counts": lambda: SimpleNamespace(follow=lambda *_: None, writer=lambda _: None),
        "nodes": lambda: [{"CPU": float(SLOTS)}],
        "frozen_features": seen,
        "chunks": lambda images, device: [(start, start + 100) for start in range(0, len(images), 100)],
        "pin_threads": lambda cpus: None,
        "keep_freed_memory": lambda: True,
    }.items():
        monkeypatch.setattr(f"study.prepare.frozen.{name}", stand_in)
    return tasks


def frozen(tmp_path: Any, room: float, **backbones: dict[str, str]) -> dict[str, Frozen]:
    approaches = {
        name: {"approach": "feature_svm", "backbone": name, "image_size": [4, 4], "space": {"C": 1.0}}
        for name in backbones
    }
    config = small_config(approaches=approaches, backbones=backbones)
    splits = {split: Examples(images, np.zeros(len(images), int)) for split, images in IMAGES.items()}
    dataset: Any = SimpleNamespace(
        source="mine", splits=splits, images=lambda split, size: IMAGES[split], fingerprint=lambda sizes: "f"
    )
    sharing = Sharing(Storage(str(tmp_path / "study")), room)
    return freeze(config, dataset, Slot(1, 0.0), sharing, lambda *_: None)


@pytest.mark.parametrize(("room", "kind"), [(BYTES, Examples), (BYTES - 1, StoredExamples)])
def test_images_travel_whole_and_once_whatever_the_number_of_slots_and_backbones(asked, tmp_path, room, kind):
    """Each slot's part was held against the room alone, and put into the storage under a name of its own."""
    glyphs = {"model": "shufflenet_v2_x0_5", "weights": "bundled"}
    made = frozen(tmp_path, room, one=glyphs, other={"model": "resnet18"})
    assert {type(lot) for lot, _ in asked} == {kind}
    assert len({id(lot) for lot, _ in asked}) == len(IMAGES)
    stored = list((tmp_path / "study").rglob("*.npy"))
    assert len(stored) == (0 if kind is Examples else len(IMAGES))
    assert len(asked) == len(made) * len(IMAGES) * SLOTS
    for features in made.values():
        for split, images in IMAGES.items():
            assert np.array_equal(features.values[split], images[:, 0, 0])
