"""The axes along which a study grows, and what is measured at one size of each: all of it in processes of their own."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.growth.costs import Axis, Cost
from benchmarks.probit import Design, Variation, correct, latent
from benchmarks.processes import python

SEEDS, IMAGES, CLASSES = 5, 1000, 10
TRIALS_FOR_SLOTS = 300


def images(number: int) -> dict[str, Cost]:
    """Opening, decoding and reading so many images."""
    run = python(["-m", "benchmarks.growth.images", str(number)])
    return {name: Cost(**cost) for name, cost in json.loads(run.output.splitlines()[-1]).items()}


def trials(number: int) -> dict[str, Cost]:
    """A study of so many trials that do nothing, on two slots, and its report."""
    return _study(number, 2, "trials: 2 slots")


def slots(number: int) -> dict[str, Cost]:
    """A study of some hundred trials that do nothing, on so many slots."""
    return _study(TRIALS_FOR_SLOTS, number, f"slots: {TRIALS_FOR_SLOTS} trials")


def approaches(number: int) -> dict[str, Cost]:
    """A report on a table of predictions: so many approaches, five seeds each, a thousand images."""
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "predictions.csv"
        predictions(number).to_csv(table, index=False)
        run = python(["-m", "analysis", str(table), "--out", f"{folder}/report"])
        return {f"approaches: report, {SEEDS} seeds, {IMAGES:,} images": Cost(run.wall_s, run.peak_mb)}


AXES = (
    Axis("images", (1_000, 10_000, 100_000), images),
    Axis("trials", (12, 100, 1_000, 10_000), trials),
    Axis("slots", (2, 8, 32, 64), slots),
    Axis("approaches", (2, 5, 10, 20), approaches),
)
QUICK = (Axis("images", (100,), images), Axis("approaches", (2,), approaches))  # no slopes


def predictions(approaches: int) -> pd.DataFrame:
    """Approaches between 70 and 90 % accuracy, with seeds that differ; a wrong prediction is the next class."""
    design = Design((Variation(seed_sd=0.1),) * approaches, SEEDS, IMAGES)
    accuracies = np.linspace(0.7, 0.9, approaches)
    right = correct(design, latent(design, 1, np.random.default_rng(0)), list(accuracies))[0]  # (K, S, N)
    k, s, image = (axis.ravel() for axis in np.indices(right.shape))
    label = image % CLASSES
    prediction = np.where(right.ravel(), label, (label + 1) % CLASSES)
    names = np.array([f"approach-{number:02d}" for number in range(approaches)])
    return pd.DataFrame({"approach": names[k], "seed": s, "image": image, "label": label, "prediction": prediction})


def _study(trials: int, slots: int, name: str) -> dict[str, Cost]:
    run = python(["benchmarks/scale.py", "--trials", str(trials), "--slots", str(slots), "--json"])
    cost = json.loads(run.output.splitlines()[-1])
    driver_s = sum(cost["cpu_ms"]) / len(cost["cpu_ms"]) * trials / 1000
    return {
        f"{name}, search": Cost(trials / cost["per_second"], cost["last_mb"]),
        f"{name}, the driver's CPU": Cost(driver_s, cost["last_mb"]),
        f"{name}, final runs and report": Cost(cost["after_s"], cost["peak_mb"]),
    }
