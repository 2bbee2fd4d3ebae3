"""A small study directory as a runner would leave it, written through records.Store.

Each is written once in a process; whoever asks for it again gets a copy.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from analysis.records.schema import DataInfo, FeatureCost, PhaseEvent, TrialEvent
from analysis.records.store import Store
from analysis.report.write import write_report

CLASSES = ("ferry", "gondola", "<b>barge & tug</b>")
IMAGES = 120
TRAINING = {"lr": {"loguniform": [1e-4, 1.0]}, "epochs": {"logint": [5, 40]}}
SETTINGS = {
    "name": "three-boats",
    "approaches": {
        "better_cnn": {"space": TRAINING},
        "fine_tune": {"space": TRAINING},
        "feature_svm": {
            "space": {"C": {"loguniform": [0.1, 1000.0]}, "gamma": {"loguniform": [0.01, 10.0]}},
            "published": {"C": 1.0, "gamma": "scale"},
        },
    },
    "budget": {"search_seconds": 60.0, "trial_seconds": 20.0},
}
ACCURACY = {"better_cnn": 0.6, "fine_tune": 0.85, "feature_svm": 0.88}
INCUMBENTS: dict[str, dict[str, Any]] = {
    "better_cnn": {"lr": 3e-3, "epochs": 20},
    "fine_tune": {"lr": 3e-4, "epochs": 20},
    "feature_svm": {"C": 1.0, "gamma": "scale"},
}  # what `write_study` searches for


class StudyWriter:
    """Writes events with times that rise by themselves."""

    def __init__(self, root: Path) -> None:
        self.store = Store(str(root))
        self.now = 1_000.0

    def phase(self, phase: str, event: str, **more: object) -> None:
        self.now += 1
        self.store.write_phase_event(PhaseEvent(phase=phase, event=event, time=self.now, **more))

    def trial(self, approach: str, index: int, ending: str, charged: float, best: float | None, **more: Any) -> None:
        replicate = int(more.pop("replicate", 0))
        name = f"{approach}-r{replicate}-{index:04d}"
        self.run(
            name, ending, charged, best, approach=approach, phase="search", index=index, replicate=replicate, **more
        )

    def final(
        self, approach: str, index: int, predictions: pd.DataFrame, *, replicate: int = 0, **more: object
    ) -> None:
        name = f"{approach}-r{replicate}-seed{index}"
        accuracy = float((predictions.label == predictions.prediction).mean())
        calibrated = "calibrated_on_validation" if approach == "feature_svm" else "softmax"
        identity = {"approach": approach, "phase": "final", "index": index, "seed": 900 + index, "replicate": replicate}
        self.run(name, "finished", 15.0, 0.9, **identity, **more)
        self.event(name, 3, "evaluated", **identity, charged_s=15.0, test_accuracy=accuracy, probabilities=calibrated)
        self.store.write_predictions(name, predictions)

    def run(self, name: str, ending: str, charged: float, best: float | None, **more: object) -> None:
        params = more.pop("params", {"lr": 1e-3, "epochs": 10})
        reason = more.pop("reason", None)
        self.event(name, 0, "started", **more, params=params, allowance_s=max(20.0, charged))
        scores = {"valid_accuracy": best, "best_accuracy": best, "best_at_s": charged / 2} if best is not None else {}
        if scores:
            self.event(name, 1, "validated", **more, charged_s=charged / 2, **scores)
        order = 2 if scores else 1
        self.event(
            name, order, ending, **more, charged_s=charged, **scores, reason=reason, overshoot_s=0.1, uncharged_s=0.5
        )

    def event(self, name: str, order: int, event: str, **more: object) -> None:
        self.now += 3
        self.store.write_trial_event(TrialEvent(trial=name, order=order, event=event, time=self.now, **more))


def data_info(**more: object) -> DataInfo:
    """Of the images that `predictions` are of."""
    counts = {"train": (20, 20, 20), "valid": (10, 10, 10), "test": (40, 40, 40)}
    sizes = {"train": 60, "valid": 30, "test": IMAGES}
    named = {"source": "folder boats", "fingerprint": "f" * 64, "classes": CLASSES}
    return DataInfo.model_validate({**named, "counts": counts, **sizes, **more})


def predictions(approach: str, seed: int, *, accuracy: float, images: int = IMAGES) -> pd.DataFrame:
    """Predictions of one final run: the same images are hard for every run, a few vary with the seed."""
    hard = np.random.default_rng(0).random(images)
    jitter = np.random.default_rng(seed + sum(map(ord, approach))).normal(0, 0.1, images)
    label = np.arange(images) % len(CLASSES)
    predicted = np.where(hard + jitter < accuracy, label, (label + 1) % len(CLASSES))
    p = np.full((images, len(CLASSES)), 0.1)
    p[np.arange(images), predicted] = 0.8
    columns = {f"p_{c}": p[:, c].astype(np.float32) for c in range(len(CLASSES))}
    ids = [f"test/{i:04d}.jpg" for i in range(images)]
    groups = [f"boat{i // 4}" for i in range(images)]
    fixed = {"approach": approach, "seed": seed, "image": ids, "group": groups, "label": label, "prediction": predicted}
    return pd.DataFrame({**fixed, **columns})


def two_runs_each(approaches: Sequence[str]) -> pd.DataFrame:
    """Predictions of approaches of these names, two runs each."""
    runs = [predictions(name, seed, accuracy=0.8) for name in approaches for seed in range(2)]
    return pd.concat(runs, ignore_index=True)


def write_study(root: Path, *, grouped: bool = False, accuracy: dict[str, float] = ACCURACY, seeds: int = 3) -> str:
    """Three approaches: one ran out of configurations; a cut, a diverged and a failed trial; a cached backbone."""
    return _copied(_study(grouped, tuple(accuracy.items()), seeds), root)


def write_finished_study(root: Path) -> str:
    """The same with its report: as a session leaves it that has come to its end."""
    return _copied(_finished(), root)


def _copied(study: Path, root: Path) -> str:
    shutil.copytree(study, root, copy_function=shutil.copyfile, dirs_exist_ok=True)
    return str(root)


@cache
def _folder() -> Path:
    """Where the originals lie until this process ends."""
    folder = tempfile.mkdtemp(prefix="synthetic-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@cache
def _study(grouped: bool, accuracy: tuple[tuple[str, float], ...], seeds: int) -> Path:
    root = Path(tempfile.mkdtemp(dir=_folder()))
    writer = StudyWriter(root)
    writer.store.write_bytes("study.yaml", yaml.safe_dump(SETTINGS).encode())
    writer.store.write_bytes("environment.json", b'{"python": "3.11", "commit": "abc", "hardware": {"cpus": 2}}')
    skipped = ("train/ferry/<broken>.jpg",)
    writer.store.write_record("data.json", data_info(grouped=grouped, skipped=skipped, duplicates=2))
    svm = FeatureCost(
        key="k", backbone="resnet", image_size=(32, 32), cost_s=10.0, cached=True, approaches=("feature_svm",)
    )
    writer.store.write_record("features/k.json", svm)
    writer.phase("search", "started", slots=2)
    writer.trial("better_cnn", 0, "finished", 20.0, 0.55)
    writer.trial("fine_tune", 0, "cut", 20.0, 0.80, params={"lr": 1e-4, "epochs": 40})
    writer.trial("feature_svm", 0, "finished", 5.0, 0.90, params=INCUMBENTS["feature_svm"], origin="published")
    writer.trial("better_cnn", 1, "diverged", 15.0, None, params={"lr": 1.0, "epochs": 10})
    writer.trial("fine_tune", 1, "failed", 4.0, None, reason="out of memory")
    writer.trial("feature_svm", 1, "finished", 5.0, 0.85, params={"C": 100.0, "gamma": 0.1})
    writer.phase("search", "exhausted", approach="feature_svm", replicate=0, reason="all 2 grid points were tried")
    writer.trial("better_cnn", 2, "finished", 20.0, 0.65, params={"lr": 3e-3, "epochs": 20})
    writer.trial("fine_tune", 2, "finished", 20.0, 0.86, params={"lr": 3e-4, "epochs": 20})
    writer.trial("fine_tune", 3, "finished", 15.0, 0.84, params={"lr": 3e-4, "epochs": 5})
    writer.phase("search", "finished")
    writer.phase("final", "started", slots=2)
    for approach, level in accuracy:
        for index in range(seeds):
            rows = predictions(approach, index, accuracy=level)
            writer.final(approach, index, rows if grouped else rows.assign(group=None), params=INCUMBENTS[approach])
    writer.phase("final", "finished")
    return root


@cache
def _finished() -> Path:
    root = Path(tempfile.mkdtemp(dir=_folder()))
    writer = StudyWriter(root)
    write_study(root)
    writer.now = 2_000.0
    writer.phase("report", "started", slots=2)
    write_report(str(root))
    writer.phase("report", "finished")
    writer.store.write_bytes("finished.yaml", writer.store.read_bytes("study.yaml"))
    return root
