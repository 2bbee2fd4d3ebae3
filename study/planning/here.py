"""Timing in this process, for `plan`: on the study's own images, and on frozen features that nobody has made yet."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from study.config.models import StudyConfig
from study.planning.timing import Timing, Untimed, seconds_each, time_approach
from trainables.approach import Examples, Settings, Task
from trainables.backbones.extraction import extract
from trainables.backbones.networks import Backbone, backbone_of
from trainables.data.dataset import Dataset
from trainables.errors import one_line
from trainables.precision import in_bfloat16
from trainables.spec import Inputs, Slot, pin_threads

FIRST_IMAGES = 8  # extracted to warm up, and to know how many more there is time for
SPREAD = 0.1  # of the features' own, by which those that are made up differ from the ones they copy


@dataclass(frozen=True)
class Sampled:
    """Features (n, D) of some training images, their labels (n,), and the seconds of work that one image takes."""

    values: np.ndarray
    labels: np.ndarray
    image_s: float


def time_here(config: StudyConfig, dataset: Dataset, slot: Slot) -> tuple[Timing | Untimed, ...]:
    """Time every approach with the threads of one slot; about five seconds of work each, fifteen in all."""
    within_s = seconds_each(len(config.approaches))
    with _pinned(slot.cpus):
        return tuple(_time(config, name, dataset, slot.device, within_s) for name in config.approaches)


def sample(
    backbone: Backbone, settings: Settings, examples: Examples, device: torch.device, within_s: float
) -> Sampled:
    """Extract features of as many images, one of each class first, as fit into some seconds."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(examples))
    _, first = np.unique(examples.labels[order], return_index=True)
    order = np.concatenate([order[first], np.delete(order, first)])
    bfloat16 = in_bfloat16(settings, device)
    warming = extract(backbone, examples.inputs[np.sort(order[:FIRST_IMAGES])], device=device, bfloat16=bfloat16)
    count = max(FIRST_IMAGES, int(within_s * FIRST_IMAGES / max(warming.cost_s, 1e-6)))
    rows = np.sort(order[:count])
    made = extract(backbone, examples.inputs[rows], device=device, bfloat16=bfloat16)
    return Sampled(made.values, examples.labels[rows], made.cost_s / len(rows))


def stand_in(sampled: Sampled, labels: np.ndarray) -> Examples:
    """Features for all these labels: copies of those of the same class (of any, where none was sampled), varied a bit.

    How long a fit takes depends on how the classes lie, which copies keep roughly.
    """
    rng = np.random.default_rng(0)
    rows = rng.integers(len(sampled.labels), size=len(labels))
    for label in np.unique(sampled.labels):
        own, wanted = np.flatnonzero(sampled.labels == label), np.flatnonzero(labels == label)
        rows[wanted] = rng.choice(own, size=len(wanted))
    noise = SPREAD * sampled.values.std(axis=0) * rng.standard_normal((len(labels), sampled.values.shape[1]))
    return Examples((sampled.values[rows] + noise).astype(np.float32), labels)


def _time(config: StudyConfig, name: str, dataset: Dataset, device: torch.device, within_s: float) -> Timing | Untimed:
    approach, settings = config.approaches[name], config.settings(name)
    features_s = 0.0
    try:
        train, valid = (
            Examples(dataset.images("train", settings.image_size), dataset.splits["train"].labels),
            Examples(dataset.images("valid", settings.image_size), dataset.splits["valid"].labels),
        )
        backbone = backbone_of(settings)
        if approach.kind.learns_from(settings) == "features" and backbone is not None:
            sampled = sample(backbone, settings, train, device=device, within_s=within_s / 2)
            features_s = sampled.image_s * (len(train) + len(valid))
            train, valid = stand_in(sampled, train.labels), stand_in(sampled, valid.labels)
            within_s /= 2
    except Exception as error:  # weights that are missing, for one
        return Untimed(name, one_line(error))
    inputs = Inputs(approach.kind, settings, Task(train, valid, len(dataset.classes)))
    return time_approach(name, approach, inputs, device=device, within_s=within_s, features_s=features_s)


@contextmanager
def _pinned(cpus: int) -> Iterator[None]:
    """Hold this process to a slot's CPUs for as long as the context lasts."""
    variable, threads = os.environ.get("OMP_NUM_THREADS"), torch.get_num_threads()
    pin_threads(cpus)
    try:
        yield
    finally:
        pin_threads(threads)
        if variable is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = variable
