"""Balanced accuracy where classes are of very different sizes: its interval, and the test of a difference."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.per_class import balanced_accuracy, balanced_difference
from benchmarks.error_rates.cell import ALPHA, Tally, batches
from benchmarks.probit import Design, Variation, correct, latent

# Test images of the 16 classes of MarDCT as the seed study used them (1,324 boats in Venice): MotoscafoACTV 1, Gondola
# 3, Motopontonerettangolare 3, Sandoloaremi 3, Lanciafino10m 7, Polizia 15, Alilaguna 19, Raccoltarifiuti 19, Ambulanza
# 22, Topa 29, Barchino 51, Motobarca 59, Patanella 74, Mototopo 274, VaporettoACTV 325, Water 420.
BOATS = np.array([1, 3, 3, 3, 7, 15, 19, 19, 22, 29, 51, 59, 74, 274, 325, 420])

# True accuracies of the classes, of both approaches.
CLASSES = {
    "alike": np.full(16, 0.8),
    "high": np.full(16, 0.95),
    "rare-worse": np.clip(0.55 + 0.07 * np.log(BOATS), 0.0, 0.97),  # 0.55, 0.63 ... 0.97
    "rare-better": np.clip(0.97 - 0.07 * np.log(BOATS), 0.55, 1.0),
}
# Units, and final runs in each: seeds of one search, or replicates of two runs.
UNITS = {"S1": (1, 1), "S3": (3, 1), "S5": (5, 1), "R3": (3, 2), "R5": (5, 2)}


@dataclass(frozen=True)
class Balanced:
    """A cell of two approaches on the boats' classes."""

    classes: str
    units: str
    grouped: bool = False
    group: str = "balanced"
    studies: int = 4000

    @property
    def name(self) -> str:
        return f"balanced-{self.classes}-{self.units}{'-grouped' if self.grouped else ''}"

    @property
    def design(self) -> Design:
        units, runs = UNITS[self.units]
        luck = 0.0 if units == 1 else 0.1  # that of a single seed is left out, as the report says
        variation = Variation(seed_sd=luck)
        return Design((variation, variation), units, int(BOATS.sum()), _sizes() if self.grouped else (), runs)

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        return np.repeat(np.arange(len(BOATS)), BOATS)

    @cached_property
    def groups(self) -> NDArray[np.intp] | None:
        return self.design.groups if self.grouped else None

    def tally(self, studies: int, rng: np.random.Generator) -> Tally:
        tally = Tally()
        accuracies = CLASSES[self.classes][self.labels]
        units, runs = UNITS[self.units]
        for batch in batches(studies, 2 * units * runs * len(self.labels)):
            seen = correct(self.design, latent(self.design, batch, rng), (accuracies, accuracies))
            for a, b in seen.reshape(batch, 2, units, runs, -1).mean(axis=3):
                tally.add(self._judged(a, b))
        return tally

    def _judged(self, a: NDArray[np.float64], b: NDArray[np.float64]) -> dict[str, bool]:
        pair = balanced_difference("a", "b", a, b, self.labels, groups=self.groups, alpha=ALPHA)
        one = balanced_accuracy(a, self.labels, groups=self.groups, alpha=ALPHA)
        return {
            "false positives": pair.p < ALPHA,
            "coverage, no difference": pair.low <= 0 <= pair.high,
            "coverage, accuracy": one.low <= CLASSES[self.classes].mean() <= one.high,
        }


def _sizes() -> tuple[int, ...]:
    """Groups of two images of one class, such as frames of one boat, the last of a class being what is left."""
    return tuple(min(2, int(n) - start) for n in BOATS for start in range(0, int(n), 2))


CELLS = [
    *(Balanced(classes, units) for classes in CLASSES for units in UNITS),
    *(Balanced(classes, "S3", grouped=True) for classes in ("alike", "rare-worse")),
]
