"""What trials are given: train and validation in the search; the test split in final runs, opened here alone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from study.config.models import StudyConfig
from study.prepare.frozen import SEARCH_SPLITS, Frozen
from trainables.approach import Examples, Task
from trainables.backbones.networks import backbone_of
from trainables.data.dataset import Dataset
from trainables.spec import Inputs


def search_inputs(config: StudyConfig, dataset: Dataset, frozen: Mapping[str, Frozen]) -> dict[str, Inputs]:
    """What search trials get: train and validation. The test split is not in it."""
    divisions = dataset.divisions(config.replicates)
    return {
        name: Inputs(
            kind=approach.kind,
            settings=config.settings(name),
            task=_task(config, name, dataset, frozen, refit=False),
            divisions=divisions,
        )
        for name, approach in config.approaches.items()
    }


def final_inputs(config: StudyConfig, dataset: Dataset, frozen: Mapping[str, Frozen]) -> dict[str, Inputs]:
    """What final runs get: the data they train on, and the test split."""
    inputs, divisions = {}, dataset.divisions(config.replicates)
    for name, approach in config.approaches.items():
        settings = config.settings(name)
        inputs[name] = Inputs(
            kind=approach.kind,
            settings=settings,
            task=_task(config, name, dataset, frozen, refit=config.final.refit == "train_and_valid"),
            test=Examples(dataset.images("test", settings.image_size), dataset.splits["test"].labels),
            backbone=backbone_of(settings) if name in frozen else None,
            divisions=divisions,
        )
    return inputs


def _task(config: StudyConfig, name: str, dataset: Dataset, frozen: Mapping[str, Frozen], *, refit: bool) -> Task:
    size = config.settings(name).image_size
    parts = {
        split: Examples(
            frozen[name].values[split] if name in frozen else dataset.images(split, size),
            dataset.splits[split].labels,
        )
        for split in SEARCH_SPLITS
    }
    train, valid = parts["train"], parts["valid"]
    if not refit:
        return Task(train, valid, len(dataset.classes))
    together = Examples(np.concatenate([train.inputs, valid.inputs]), np.concatenate([train.labels, valid.labels]))
    return Task(together, None, len(dataset.classes))
