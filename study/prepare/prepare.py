"""Before the search: data decoded, frozen features extracted, every approach tried on for size.

Whatever is wrong with the data, the weights or the settings shows here, before a second of anybody's budget is spent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.records.schema import DataInfo, FeatureCost
from analysis.records.store import Store
from analysis.records.trials import charged_first, feature_charges
from study.cluster.arrival import refuse_not_arrived
from study.cluster.reach import refuse_out_of_reach
from study.cluster.sharing import Sharing
from study.config.models import StudyConfig
from study.place import StudyError
from study.prepare.frozen import Frozen, feature_costs, freeze
from study.prepare.rehearsal import rehearse
from trainables.data.dataset import Dataset
from trainables.data.grouping import days
from trainables.data.image_cache import Watcher, watched
from trainables.spec import Slot


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
