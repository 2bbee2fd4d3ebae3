"""Studies to export: small, with all the ways in which a trial may end."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.records.schema import FeatureCost
from tests.support.study_files import small_config
from tests.support.synthetic_study import StudyWriter, data_info, predictions

SPACE = {
    "lr": {"loguniform": [1e-4, 1e-2]},
    "weight_decay": {"loguniform": [1e-6, 1e-2]},
    "epochs": {"int": [1, 30]},
    "batch_size": 16,
}


def written(root: Path, **changes: object) -> StudyWriter:
    """A study directory that has its study file and nothing else, and its writer."""
    writer = StudyWriter(root)
    writer.store.write_bytes("study.yaml", small_config(**changes).to_yaml().encode())
    return writer


def network(lr: float, epochs: int, weight_decay: float = 1e-4) -> dict[str, object]:
    return {"lr": lr, "epochs": epochs, "weight_decay": weight_decay, "batch_size": 16}


@pytest.fixture
def study(tmp_path: Path) -> str:
    """BetterCNN's published configuration has no weight decay, which its search space cannot hold; one trial runs."""
    published = {"lr": 0.001, "weight_decay": 0.0, "epochs": 10}
    changes = {"approaches__better_cnn__space": SPACE, "approaches__better_cnn__published": published}
    writer = written(tmp_path / "small", **changes, budget__search_seconds=8)
    features = FeatureCost(
        key="k", backbone="glyphs", image_size=(8, 8), cost_s=0.0, cached=False, approaches=("feature_svm",)
    )
    writer.store.write_record("features/k.json", features)
    writer.store.write_record("data.json", data_info())
    writer.phase("search", "started", slots=2)
    origin = {"origin": "published"}
    writer.trial("better_cnn", 0, "finished", 2.0, 0.55, params=network(0.001, 10, 0.0), **origin)
    writer.trial("fine_tune", 0, "finished", 1.5, 0.75, params={"lr": 0.001, "epochs": 2}, **origin)
    writer.trial("feature_svm", 0, "finished", 0.5, 0.90, params={"C": 1.0, "kernel": "rbf"}, **origin)
    writer.trial("better_cnn", 1, "cut", 2.0, 0.65, params=network(0.003, 30), origin="suggested")
    writer.trial("better_cnn", 2, "diverged", 0.7, 0.70, params=network(0.009, 3), origin="suggested")
    writer.trial("better_cnn", 3, "diverged", 0.1, None, params=network(0.01, 3), origin="suggested")
    writer.trial("better_cnn", 4, "failed", 0.3, 0.99, params=network(0.0001, 5), reason="out of memory")
    writer.trial("feature_svm", 1, "finished", 0.5, 0.85, params={"C": 0.1 + 0.2, "kernel": "linear"})
    running = {"approach": "fine_tune", "phase": "search", "index": 1, "seed": 7}
    writer.event("fine_tune-r0-0001", 0, "started", **running, params={"lr": 0.01, "epochs": 5}, allowance_s=2.0)
    writer.event("fine_tune-r0-0001", 1, "validated", **running, charged_s=0.4, steps=8, valid_accuracy=0.4)
    writer.event("fine_tune-r0-0001", 2, "validated", **running, charged_s=0.8, steps=16, valid_accuracy=0.6)
    writer.phase("final", "started", slots=2)
    for index in range(2):
        rows = predictions("feature_svm", index, accuracy=0.88)
        writer.final("feature_svm", index, rows, params={"C": 1.0, "kernel": "rbf"})
    return str(tmp_path / "small")
