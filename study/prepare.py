"""Before the search: data decoded, frozen features extracted, every approach tried on for size.

Whatever is wrong with the data, the weights or the settings shows here, before a second of anybody's budget is spent.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import ray
import torch

from analysis.records.schema import DataInfo, FeatureCost, HyperparameterValue
from analysis.records.store import Store
from analysis.records.trials import charged_first, feature_charges
from study.cluster.arrival import refuse_not_arrived
from study.cluster.counts import Counts
from study.cluster.nodes import nodes, slots_of
from study.cluster.reach import refuse_out_of_reach
from study.cluster.sharing import Sharing
from study.config.approaches import ApproachConfig
from study.config.models import StudyConfig
from study.place import StudyError
from trainables.approach import Examples, Settings, Task
from trainables.backbones.costs import costs_note, in_all
from trainables.backbones.extraction import Features, chunks, divided, together
from trainables.backbones.features import frozen_features, key_of_all
from trainables.backbones.networks import Backbone, as_feature_extractor, check_image_size
from trainables.cache import cache_dir
from trainables.data.dataset import Dataset
from trainables.data.grouping import days
from trainables.data.image_cache import Watcher, watched
from trainables.data.splits import Split
from trainables.errors import FEWER, ApproachError, BackboneError, InputError, is_out_of_memory, one_line
from trainables.precision import in_bfloat16
from trainables.spec import Slot, pin_threads

SEARCH_SPLITS: tuple[Split, ...] = ("train", "valid")


@dataclass(frozen=True)
class Frozen:
    """One frozen backbone at one image size: its features by split, what they cost, and what is odd about that."""

    values: Mapping[Split, np.ndarray]
    cost: FeatureCost
    note: str | None = None


@dataclass(frozen=True)
class Prepared:
    """What a study has before its search.

    Attributes:
        info: what the records say about the data.
        frozen: features of the frozen backbones, by approach.
        costs: what they cost when the study began, which is what is charged, also after resuming.
        owed_s: seconds that each search of an approach is charged for them once.
        precharged_s: seconds that every single trial of an approach is charged for them.
        notes: a line for each set of features whose cost was measured on a busy machine.
    """

    info: DataInfo
    frozen: Mapping[str, Frozen]
    costs: Sequence[FeatureCost]
    owed_s: Mapping[str, float]
    precharged_s: Mapping[str, float]
    notes: Sequence[str] = ()


def prepare(
    config: StudyConfig, dataset: Dataset, store: Store, slot: Slot, sharing: Sharing, doing: Watcher
) -> Prepared:
    """Get everything ready and write nothing, so that a study which is refused leaves no trace.

    But for images that Ray's object store has no room for: they travel through the storage.

    Args:
        doing: told what is being done, and how far it is (0 of 0 where that is not counted).

    Raises:
        InputError: an approach cannot be built on this data or imported by the workers, these cannot write to the
            storage, the data has changed since the study began, or the budget is too small for what features cost.
    """
    doing("building each approach once", 0, 0)
    rehearse(config, dataset)
    doing("starting a process in a slot", 0, 0)
    refuse_not_arrived({name: approach.kind for name, approach in config.approaches.items()}, slot)
    refuse_out_of_reach(store.absolute, slot)
    with watched(doing):
        info = data_info(config, dataset)
    _refuse_other_data(store, info)
    recorded = store.feature_costs() if store.exists("study.yaml") else []  # else left by one that died beginning
    charged = config.feature_cost != "free" and not recorded  # else nobody pays what they would cost now
    frozen = freeze(config, dataset, slot, sharing, doing, charged=charged)
    costs = recorded or feature_costs(frozen)
    prepared = Prepared(
        info=info,
        frozen=frozen,
        costs=costs,
        owed_s=feature_charges(costs, config.feature_cost),
        precharged_s=charged_first(costs, config.feature_cost),
        notes=tuple(dict.fromkeys(one.note for one in frozen.values() if one.note)) if charged else (),
    )
    _refuse_too_little(config, prepared)
    return prepared


def data_info(config: StudyConfig, dataset: Dataset) -> DataInfo:
    """What the study's records say about its data."""
    return DataInfo(
        source=dataset.source,
        fingerprint=dataset.fingerprint(config.image_sizes),
        classes=dataset.classes,
        train=len(dataset.splits["train"]),
        valid=len(dataset.splits["valid"]),
        test=len(dataset.splits["test"]),
        counts={str(split): counts for split, counts in dataset.counts.items()},
        grouped=dataset.splits["test"].groups is not None,
        skipped=dataset.skipped,
        duplicates=len(dataset.duplicates),
        test_days=tuple(day.isoformat() for day in days(dataset.splits["test"])) or None,
    )


def rehearse(config: StudyConfig, dataset: Dataset) -> None:
    """Build every approach once on a handful of images.

    Raises:
        InputError: weights are missing or do not fit, images are too small for the layers, and the like.
    """
    labels = dataset.splits["train"].labels[:2]
    for name, approach in config.approaches.items():
        try:
            _rehearse(name, approach, config.settings(name), labels, len(dataset.classes))
        except InputError:
            raise
        except Exception as error:  # whatever somebody else's class does
            raise ApproachError(
                f"approaches.{name}: {approach.kind.__name__} cannot be built ({one_line(error)}); mend it"
            ) from error


def _rehearse(name: str, approach: ApproachConfig, settings: Settings, labels: np.ndarray, classes: int) -> None:
    backbone = backbone_of(settings)
    if backbone is not None:
        check_image_size(backbone, settings.image_size)
    if approach.kind.learns_from(settings) == "features":
        if backbone is None:
            raise ApproachError(
                f"approaches.{name}: learns from features, but has no backbone that they could come from; "
                f"{approach.kind.settings_type.__name__} needs a field `backbone: Backbone`"
            )
        _, width = as_feature_extractor(backbone)
        inputs = np.zeros((len(labels), width), dtype=np.float32)
    else:
        inputs = np.zeros((len(labels), *settings.image_size, 3), dtype=np.uint8)
    task = Task(Examples(inputs, labels), None, classes)
    for params in corner_params(approach):
        hyperparameters = approach.kind.hyperparameters_type.model_validate(params)
        approach.kind(task, settings, hyperparameters, seed=0, device=torch.device("cpu"))


def corner_params(approach: ApproachConfig) -> list[dict[str, HyperparameterValue]]:
    """Two configurations that the search could try: the first value of everything, and the last."""
    return [
        dict(approach.constants) | {name: given.bounds[end] for name, given in approach.varied.items()}
        for end in (0, -1)
    ]


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
    pending = {settings: _extraction(settings, dataset, slot, sharing, counts, charged) for settings in users}
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


def backbone_of(settings: Settings) -> Backbone | None:
    """The backbone that an approach's settings name, if they name one."""
    backbone = getattr(settings, "backbone", None)
    return backbone if isinstance(backbone, Backbone) else None


def _refuse_other_data(store: Store, info: DataInfo) -> None:
    if not store.exists("study.yaml"):  # else what is there was left by a driver that died at the beginning
        return
    if store.read_record("data.json", DataInfo).fingerprint != info.fingerprint:
        raise StudyError(
            f"{store.location}: the data has changed since the study began (fingerprint {info.fingerprint[:12]}); "
            "restore it, or start a new study"
        )


def _refuse_too_little(config: StudyConfig, prepared: Prepared) -> None:
    budget_s, trial_s = config.budget.search_seconds, config.budget.trial_seconds
    for name, cost_s in prepared.owed_s.items():
        if cost_s + trial_s > budget_s:
            raise StudyError(
                f"budget.search_seconds: {budget_s:g} s is too small for one trial of {name}: its frozen features "
                f"cost {cost_s:.1f} s, a trial up to {trial_s:g} s; raise it to at least {math.ceil(cost_s + trial_s)}"
            )
    for name, cost_s in prepared.precharged_s.items():
        if cost_s >= trial_s:
            raise StudyError(
                f"budget.trial_seconds: {trial_s:g} s is too small for one trial of {name}: with feature_cost: "
                f"every_trial its frozen features alone take {cost_s:.1f} s of it; raise it"
            )


class _FeatureSettings(Settings):
    backbone: Backbone


def _what_features_depend_on(settings: Settings) -> _FeatureSettings:
    backbone = backbone_of(settings)
    assert backbone is not None, "an approach that learns from features has a backbone"
    return _FeatureSettings(image_size=settings.image_size, precision=settings.precision, backbone=backbone)


def _extraction(
    settings: _FeatureSettings, dataset: Dataset, slot: Slot, sharing: Sharing, counts: Counts, charged: bool
) -> dict[Split, list[ray.ObjectRef]]:
    """The tasks that extract each split, in the order of the images."""
    extract = ray.remote(num_cpus=slot.cpus, num_gpus=slot.gpus)(_extract)  # not options(): see in_slots.py
    slots = slots_of(nodes(), slot)
    pending: dict[Split, list[ray.ObjectRef]] = {}
    for split in SEARCH_SPLITS:
        images, labels = dataset.images(split, settings.image_size), dataset.splits[split].labels
        pending[split] = [
            extract.remote(
                settings,
                sharing.examples(images[start:stop], labels[start:stop]),
                slot,
                f"{dataset.source}, {split}",
                counts,
                charged,
            )
            for start, stop in divided(chunks(images, _device(slot)), slots)
        ]
    return pending


def _device(slot: Slot) -> torch.device:
    return torch.device("cuda" if slot.gpus else "cpu")


def _extract(
    settings: _FeatureSettings, examples: Examples, slot: Slot, data: str, counts: Counts, charged: bool
) -> Features:
    pin_threads(slot.cpus)
    device = _device(slot)
    return frozen_features(
        settings.backbone,
        examples.inputs,
        device=device,
        bfloat16=in_bfloat16(settings, device),
        cache=cache_dir(),
        charged=charged,
        data=data,
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
