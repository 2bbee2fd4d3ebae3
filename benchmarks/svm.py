"""Seconds of a trial of the SVM: this, from its first trial on, beside scikit-learn's SVC with the same settings.

    python -m benchmarks.svm [--into benchmarks/README.md]           (three minutes)
    python -m benchmarks.svm --images 1000 --configurations 4
    python -m benchmarks.svm --before ../before                      (and this as it was in another tree)

Features as MobileNetV2 gives of the boats of Venice: 3,474 x 1,280, 395 more to validate on. All trials of this run in
one process, as they do in a reused worker, each by the approach's own class and the driver, its validation included;
SVC is fitted on everything at once and predicts the same images.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.processes import ROOT, python
from benchmarks.tables import Table, add_options, publish, ratio, seconds

CLASSES = 16
IMAGES, VALID, WIDTH = 3474, 395, 1280
Configuration = dict[str, Any]
Data = tuple[np.ndarray, np.ndarray]
Labels = Callable[[], np.ndarray]


@dataclass(frozen=True)
class Trial:
    """What one fit with its validation took, by the wall and in CPU seconds, and what it predicted."""

    wall_s: float
    cpu_s: float
    labels: list[int]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, quick="300 images, two configurations")
    parser.add_argument("--images", type=int, default=IMAGES, help=f"to train on ({IMAGES:,})")
    parser.add_argument("--width", type=int, default=WIDTH, help=f"features of an image ({WIDTH:,})")
    parser.add_argument("--configurations", type=int, default=8, help="trials (8)")
    parser.add_argument("--before", type=Path, help="a tree of this project as it was, these benchmarks copied into it")
    parser.add_argument("--one", choices=WAYS, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.quick:
        given.images, given.configurations = 300, 2
    tried = configurations(given.configurations)
    if given.one:
        print(json.dumps([vars(trial) for trial in WAYS[given.one](features(given.images, given.width), tried)]))
        return
    sizes = ["--images", given.images, "--width", given.width, "--configurations", given.configurations]
    trees = {"this": ROOT, "SVC": ROOT} | ({} if given.before is None else {"before": given.before.resolve()})
    found = {way: in_its_own_process(way, tree, list(map(str, sizes))) for way, tree in trees.items()}
    publish(table(tried, found), given.into)


def in_its_own_process(way: str, tree: Path, sizes: list[str]) -> list[Trial]:
    """All trials of one way."""
    run = python(["-m", "benchmarks.svm", "--one", "SVC" if way == "SVC" else "this", *sizes], tree=tree)
    return [Trial(**trial) for trial in json.loads(run.output.splitlines()[-1])]


def configurations(number: int) -> list[Configuration]:
    """So many as a search would try them: the published one, then drawn at random, the same every time."""
    rng = np.random.default_rng(1)
    drawn: list[Configuration] = [{"C": 1.0, "gamma": 1.0, "kernel": "rbf", "scaling": False}]
    while len(drawn) < number:
        drawn.append(
            {
                "C": float(10 ** rng.uniform(-2, 3)),
                "gamma": float(10 ** rng.uniform(-2, 1)),
                "kernel": str(rng.choice(["rbf", "rbf", "linear"])),
                "scaling": bool(rng.integers(2)),
            }
        )
    return drawn[:number]


def features(images: int, width: int = WIDTH) -> Data:
    """(images + VALID, width) float32, not negative, as behind a ReLU; and classes of different sizes that overlap."""
    rng = np.random.default_rng(0)
    shares = 1 / np.arange(1, CLASSES + 1)
    labels = rng.choice(CLASSES, images + VALID, p=shares / shares.sum())
    labels[:CLASSES] = np.arange(CLASSES)
    centres = rng.normal(0, 0.25, (CLASSES, width))
    return np.maximum(centres[labels] + rng.normal(0, 1, (len(labels), width)), 0).astype(np.float32), labels


def this(data: Data, tried: Sequence[Configuration], device_name: str = "cpu") -> list[Trial]:
    """Trials as a worker's process runs them, one after another."""
    import torch

    from trainables.approach import Examples, Task
    from trainables.approaches.feature_svm import FeatureSVM, FeatureSVMSettings
    from trainables.backbones.networks import GLYPHS
    from trainables.clock import clock_for
    from trainables.driver import Driver
    from trainables.process.memory import keep_freed_memory
    from trainables.spec import pin_threads

    pin_threads(1)
    keep_freed_memory()
    X, y = data
    train, valid = Examples(X[:-VALID], y[:-VALID]), Examples(X[-VALID:], y[-VALID:])
    task, device = Task(train, valid, CLASSES), torch.device(device_name)
    settings = FeatureSVMSettings(image_size=(32, 32), backbone=GLYPHS)

    def trial(seed: int, configuration: Configuration) -> Labels:
        hyperparameters = FeatureSVM.hyperparameters_type.model_validate(configuration)
        approach = FeatureSVM(task, settings, hyperparameters, seed=seed, device=device)
        driver = Driver(approach, valid, allowance_s=1e6, clock=clock_for(device))
        while not driver.advance().done:
            pass
        return lambda: approach.predict(valid.inputs).labels

    return [timed(partial(trial, seed, one)) for seed, one in enumerate(tried)]


def plain(data: Data, tried: Sequence[Configuration]) -> list[Trial]:
    """scikit-learn as one would call it."""
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC
    from threadpoolctl import threadpool_limits

    X, y = data

    def trial(configuration: Configuration) -> Labels:
        train, valid = X[:-VALID], X[-VALID:]
        if configuration["scaling"]:
            scaler = StandardScaler().fit(train)
            train, valid = scaler.transform(train), scaler.transform(valid)
        gamma = configuration["gamma"] / (X.shape[1] * train.astype(np.float64).var())
        svc = SVC(C=configuration["C"], kernel=configuration["kernel"], gamma=gamma, cache_size=500)
        labels: np.ndarray = svc.fit(train, y[:-VALID]).predict(valid)
        return lambda: labels

    with threadpool_limits(1):
        return [timed(partial(trial, one)) for one in tried]


WAYS: dict[str, Callable[[Data, Sequence[Configuration]], list[Trial]]] = {"this": this, "SVC": plain}


def timed(trial: Callable[[], Labels]) -> Trial:
    """A trial's time; what it predicts is asked for afterwards."""
    began, used = time.monotonic(), _cpu_s()
    labels = trial()
    wall_s, cpu_s = time.monotonic() - began, _cpu_s() - used
    return Trial(wall_s, cpu_s, labels().tolist())


def table(tried: Sequence[Configuration], found: dict[str, list[Trial]]) -> Table:
    """A row a trial, in order, and one for all but the first, by which a search lives."""
    rows = [
        [f"{number}: {_named(one)}", *_cells({way: trials[number - 1] for way, trials in found.items()})]
        for number, one in enumerate(tried, 1)
    ]
    later = {way: trials[1:] for way, trials in found.items()}
    if len(tried) > 1:
        middle = {way: median(trial.wall_s for trial in trials) for way, trials in later.items()}
        cpu_s = {way: sum(trial.cpu_s for trial in trials) for way, trials in later.items()}
        others = [way for way in found if way != "this"]
        faster = [f"{ratio(middle[way] / middle['this'])} ({ratio(cpu_s[way] / cpu_s['this'])})" for way in others]
        rows.append(["later trials, median", *(seconds(middle[way]) for way in found), *faster, _all_alike(found)])
    others = [f"{way} / this (CPU s)" for way in found if way != "this"]
    head = ["trial", *(f"{way}, s" for way in found), *others, "same predictions"]
    return Table("svm", head, rows)


def _cells(trials: dict[str, Trial]) -> list[str]:
    own = trials["this"]
    others = [trial for way, trial in trials.items() if way != "this"]
    faster = [f"{ratio(one.wall_s / own.wall_s)} ({ratio(one.cpu_s / own.cpu_s)})" for one in others]
    return [*(seconds(trial.wall_s) for trial in trials.values()), *faster, _alike(own, trials["SVC"])]


def _all_alike(found: dict[str, list[Trial]]) -> str:
    pairs = list(zip(found["this"], found["SVC"], strict=True))
    same = sum(a == b for one, other in pairs for a, b in zip(one.labels, other.labels, strict=True))
    return f"{same} of {sum(len(one.labels) for one, _ in pairs)}"


def _alike(one: Trial, other: Trial) -> str:
    same = sum(a == b for a, b in zip(one.labels, other.labels, strict=True))
    return f"{same} of {len(one.labels)}"


def _named(one: Configuration) -> str:
    kernel = f"rbf, gamma {one['gamma']:.2g}" if one["kernel"] == "rbf" else "linear"
    return f"C {one['C']:.2g}, {kernel}{', scaled' if one['scaling'] else ''}"


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
