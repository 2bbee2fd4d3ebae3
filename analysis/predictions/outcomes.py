"""From the table of test predictions to matrices of seeds x images, and the scores of each final run.

Notation: S runs of one approach, N test images, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.predictions.names import shown, some
from analysis.records.errors import RecordsError
from analysis.records.predictions import probability_columns
from analysis.statistics.crossed import FEWEST_GROUPS, effective_groups
from analysis.statistics.losses import ProbabilityScores, probability_scores, stack


@dataclass(frozen=True)
class Runs:
    """The final runs of one approach.

    Attributes:
        seeds: (S,) the seeds, ascending.
        predicted: (S, N) class indices.
        correct: (S, N) booleans.
        scores: what each run's probabilities are worth; None where a run gives none.
        replicates: (S,) the replicate of each run where the search was repeated, else None.
    """

    seeds: tuple[int | str, ...]
    predicted: NDArray[np.int32]
    correct: NDArray[np.bool_]
    scores: ProbabilityScores | None
    replicates: tuple[int, ...] | None = None

    def in_order(self, seeds: Sequence[int | str]) -> Runs:
        """The same runs in another order of their seeds."""
        rows = [self.seeds.index(seed) for seed in seeds]
        scores = self.scores and self.scores.runs(rows)
        replicates = self.replicates and tuple(self.replicates[row] for row in rows)
        return Runs(tuple(seeds), self.predicted[rows], self.correct[rows], scores, replicates)

    def by_replicate(self, replicate_of: Mapping[int | str, int]) -> NDArray[np.float64]:
        """Mean correctness over the seeds of each replicate, (R, N): repeated searches make the replicate the unit."""
        replicate = np.array([replicate_of[seed] for seed in self.seeds])
        return np.stack([self.correct[replicate == r].mean(axis=0) for r in np.unique(replicate)])


@dataclass(frozen=True)
class Outcomes:
    """What every final run answered on the test split.

    Attributes:
        labels: (N,) true class indices.
        groups: (N,) group of each image, or None.
        runs: by approach.
    """

    labels: NDArray[np.int64]
    groups: NDArray[np.int64] | None
    runs: dict[str, Runs]

    @property
    def units(self) -> int:
        """Images, or groups of images where these are given."""
        return len(self.labels) if self.groups is None else len(np.unique(self.groups))

    @property
    def effective_groups(self) -> float | None:
        """How many groups of one size would say as much (statistics/crossed.py); None where no groups are given."""
        return None if self.groups is None else effective_groups(np.unique(self.groups, return_counts=True)[1])


def with_matched_seeds(seen: Outcomes, names: Sequence[str]) -> Outcomes:
    """The same outcomes, in which row s of all these approaches belongs to the seed of one name.

    Raises:
        RecordsError: an approach has other seeds than the first.
    """
    first, *others = names
    seeds = seen.runs[first].seeds
    for name in others:
        if set(seen.runs[name].seeds) != set(seeds):
            theirs, ours = (some(found, 15) for found in (seen.runs[name].seeds, seeds))
            raise RecordsError(
                f"matched seeds must have the same names: {shown(name, 30)} has {theirs} where "
                f"{shown(first, 30)} has {ours}; give seeds that correspond one name, or compare them as unmatched"
            )
    return replace(seen, runs=seen.runs | {name: seen.runs[name].in_order(seeds) for name in names})


def read_outcomes(predictions: pd.DataFrame, *, grouped: bool) -> Outcomes:
    """Arrange predictions (columns as in analysis/records/predictions.py, any order of rows) by run and image.

    Raises:
        RecordsError: a run lacks an image that another run has, has one twice, they disagree about a label, or there
            are fewer than two images or three groups.
    """
    codes, images = pd.factorize(predictions["image"])
    labels = _shared_by_image(predictions["label"].to_numpy(dtype=np.int64), codes, images)
    groups = None
    if grouped:
        group_codes, _ = pd.factorize(predictions["group"], use_na_sentinel=False)
        groups = _shared_by_image(group_codes, codes, images)
    _refuse_few_units(images, groups)
    numbered = predictions.assign(image=codes)
    runs: dict[str, dict[int | str, _Run]] = {}
    for (approach, seed), of_run in numbered.groupby(["approach", "seed"], sort=True):
        runs.setdefault(str(approach), {})[seed] = _read_run(of_run, images, labels)
    return Outcomes(labels, groups, {name: _stack(of_approach, labels) for name, of_approach in runs.items()})


def confusion(runs: Runs, labels: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """Mean counts over the runs, (C, C): rows the true class, columns the predicted one.

    Raises:
        RecordsError: a label or a prediction is no class of the data set.
    """
    highest = int(max(labels.max(), runs.predicted.max()))
    if highest >= classes:
        raise RecordsError(f"predictions hold class {highest}, but the data set has classes 0 to {classes - 1}")
    pairs = labels * classes + runs.predicted  # (S, N)
    counts = np.bincount(pairs.ravel(), minlength=classes**2).reshape(classes, classes)
    result: NDArray[np.float64] = counts / len(runs.seeds)
    return result


@dataclass(frozen=True)
class _Run:
    predicted: NDArray[np.int32]
    scores: ProbabilityScores | None


def _refuse_few_units(images: pd.Index, groups: NDArray[np.int64] | None) -> None:
    if len(images) < 2:
        raise RecordsError("the test split is one image, and a statement needs at least two; give more test images")
    found = FEWEST_GROUPS if groups is None else len(np.unique(groups))
    if found < FEWEST_GROUPS:
        split = "one group of images" if found == 1 else f"{found} groups of images"
        raise RecordsError(f"the test split is {split}, and a statement needs at least three; give other groups")


def _shared_by_image(values: NDArray[np.int64], codes: NDArray[np.int64], images: pd.Index) -> NDArray[np.int64]:
    shared = np.empty(len(images), dtype=np.int64)
    shared[codes] = values
    differs = shared[codes] != values
    if differs.any():
        name = shown(images[codes[differs.argmax()]])
        raise RecordsError(f"predictions give image '{name}' two labels or groups; every run must read the same data")
    return shared


def _read_run(rows: pd.DataFrame, images: pd.Index, labels: NDArray[np.int64]) -> _Run:
    whose = f"{shown(rows['approach'].iloc[0])}, seed {shown(rows['seed'].iloc[0], 30)}"
    image = rows["image"].to_numpy()
    predicted = np.full(len(images), -1, dtype=np.int32)
    predicted[image] = rows["prediction"].to_numpy()
    if (predicted < 0).any():
        lacking = shown(images[int((predicted < 0).argmax())])
        raise RecordsError(f"predictions of {whose} lack image '{lacking}'; every run must predict the same images")
    if len(rows) > len(images):
        raise RecordsError(f"predictions of {whose} hold an image twice; give each run a seed of its own")
    return _Run(predicted, _scores(rows, image, labels))


def _scores(rows: pd.DataFrame, image: NDArray[np.int64], labels: NDArray[np.int64]) -> ProbabilityScores | None:
    columns = probability_columns(rows)
    if not columns or rows[columns[0]].isna().any():
        return None
    p = np.empty((len(labels), len(columns)))
    p[image] = rows[columns].to_numpy()
    return probability_scores(p, labels)


def _stack(runs: dict[int | str, _Run], labels: NDArray[np.int64]) -> Runs:
    predicted = np.stack([run.predicted for run in runs.values()])
    scores = [run.scores for run in runs.values() if run.scores is not None]
    return Runs(tuple(runs), predicted, predicted == labels, stack(scores) if len(scores) == len(runs) else None)
