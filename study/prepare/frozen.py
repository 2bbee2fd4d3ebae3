"""Frozen features, extracted in the slots before the search.

The images of all splits and sizes are shared with the nodes once, each whole; a task is told which of them are its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import ray

from analysis.records.schema import FeatureCost
from study.cluster.counts import Counts
from study.cluster.nodes import nodes, slots_of
from study.cluster.sharing import Sharing
from study.config.models import StudyConfig
from trainables.approach import Examples, Settings
from trainables.backbones.costs import costs_note, in_all
from trainables.backbones.extraction import Features, chunks, divided, together
from trainables.backbones.features import frozen_features
from trainables.backbones.networks import Backbone, backbone_of
from trainables.cache import cache_dir, key_of_all
from trainables.data.dataset import Dataset
from trainables.data.image_cache import Watcher
from trainables.data.splits import Split
from trainables.errors import FEWER, BackboneError, is_out_of_memory, one_line
from trainables.precision import in_bfloat16
from trainables.process.memory import keep_freed_memory
from trainables.spec import Slot, pin_threads

SEARCH_SPLITS: tuple[Split, ...] = ("train", "valid")
Lots = Mapping[tuple[Split, tuple[int, int]], ray.ObjectRef]
"""Where the images of a split at a size are."""


@dataclass(frozen=True)
class Frozen:
    """One frozen backbone at one image size: its features by split, what they cost, and what is odd about that."""

    values: Mapping[Split, np.ndarray]
    cost: FeatureCost
    note: str | None = None


def freeze(
    config: StudyConfig, dataset: Dataset, slot: Slot, sharing: Sharing, doing: Watcher, *, charged: bool = True
) -> dict[str, Frozen]:
    """Extract the training and validation features of every frozen backbone in the slots, as trials would be.

    The chunks of a split are divided among all slots; it costs what they took together, as if one slot had made all.

    Args:
        charged: whether somebody pays for them; else no cost that was measured on a busy machine is measured again.

    Returns:
        By approach; approaches with the same backbone and image size share one.
    """
    users: dict[_FeatureSettings, list[str]] = {}
    for name, approach in config.approaches.items():
        settings = config.settings(name)
        if approach.kind.learns_from(settings) == "features":
            users.setdefault(_what_features_depend_on(settings), []).append(name)
    counts = Counts()
    lots = _lots(dataset, {settings.image_size for settings in users}, sharing)
    pending = {settings: _extraction(settings, dataset, lots, slot, counts, charged) for settings in users}
    images = len(pending) * sum(len(dataset.splits[split]) for split in SEARCH_SPLITS)
    tasks = [task for splits in pending.values() for parts in splits.values() for task in parts]
    counts.follow(tasks, lambda done: doing("frozen features", done, images))
    frozen: dict[str, Frozen] = {}
    for settings, names in users.items():
        frozen.update(dict.fromkeys(names, _collected(settings, tuple(names), pending[settings])))
    return frozen


def feature_costs(frozen: Mapping[str, Frozen]) -> list[FeatureCost]:
    """What each set of features cost, and all approaches that use it, also where they name it in different ways."""
    merged: dict[str, FeatureCost] = {}
    for name, features in frozen.items():
        known = merged.setdefault(features.cost.key, features.cost.model_copy(update={"approaches": ()}))
        merged[known.key] = known.model_copy(update={"approaches": (*known.approaches, name)})
    return list(merged.values())


class _FeatureSettings(Settings):
    backbone: Backbone


def _what_features_depend_on(settings: Settings) -> _FeatureSettings:
    backbone = backbone_of(settings)
    assert backbone is not None, "an approach that learns from features has a backbone"
    return _FeatureSettings(image_size=settings.image_size, precision=settings.precision, backbone=backbone)


def _lots(dataset: Dataset, sizes: Collection[tuple[int, int]], sharing: Sharing) -> Lots:
    """The images of both splits at all sizes, shared: all are on their way at once."""
    keys = [(split, size) for split in SEARCH_SPLITS for size in sorted(sizes)]
    lots = [Examples(dataset.images(*key), dataset.splits[key[0]].labels) for key in keys]
    return dict(zip(keys, map(ray.put, sharing.lots(lots)), strict=True))


def _extraction(
    settings: _FeatureSettings, dataset: Dataset, lots: Lots, slot: Slot, counts: Counts, charged: bool
) -> dict[Split, list[ray.ObjectRef]]:
    """The tasks that extract each split, in the order of the images."""
    extract = ray.remote(num_cpus=slot.cpus, num_gpus=slot.gpus)(_extract)  # not options(): see in_slots.py
    slots = slots_of(nodes(), slot)
    pending: dict[Split, list[ray.ObjectRef]] = {}
    fingerprint = dataset.fingerprint([settings.image_size])
    for split in SEARCH_SPLITS:
        lot, names = lots[split, settings.image_size], (f"{dataset.source}, {split}", f"{fingerprint}, {split}")
        runs = divided(chunks(dataset.images(split, settings.image_size), slot.device), slots)
        pending[split] = [extract.remote(settings, lot, run, slot, names, counts, charged) for run in runs]
    return pending


def _extract(
    settings: _FeatureSettings,
    lot: Examples,
    run: tuple[int, int],
    slot: Slot,
    names: tuple[str, str],
    counts: Counts,
    charged: bool,
) -> Features:
    """Features of the images from the first number of `run` to before the second.

    Args:
        names: of the whole lot, for a reader and for the cache.
    """
    pin_threads(slot.cpus)
    keep_freed_memory()
    return frozen_features(
        settings.backbone,
        lot.inputs[slice(*run)],
        device=slot.device,
        bfloat16=in_bfloat16(settings, slot.device),
        cache=cache_dir(),
        charged=charged,
        data=names[0],
        part_of=names[1],
        at=run[0],
        told=counts.writer(uuid.uuid4().hex),
    )


def _collected(
    settings: _FeatureSettings, names: tuple[str, ...], pending: Mapping[Split, Sequence[ray.ObjectRef]]
) -> Frozen:
    try:
        found = {split: together([ray.get(task) for task in tasks]) for split, tasks in pending.items()}
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None) or error
        mend = f"; {FEWER}" if is_out_of_memory(cause) else ""
        raise BackboneError(f"frozen features of {settings.backbone.model}: {one_line(cause)}{mend}") from error
    prices = [features.price for features in found.values()]
    total = in_all(price.cost for price in prices)
    cost = FeatureCost(
        key=key_of_all(found["train"].keys),
        backbone=f"{settings.backbone.model} ({settings.backbone.weights or 'random weights'})",
        image_size=settings.image_size,
        cost_s=total.seconds,
        cpu_s=total.cpu_s,
        waited_s=total.waited_s,
        cached=all(features.cached for features in found.values()),
        approaches=names,
    )
    note = costs_note(f"{cost.backbone}, {cost.image_size[0]} x {cost.image_size[1]}", prices)
    return Frozen({split: features.values for split, features in found.items()}, cost, note)
