"""What a comparison is to answer, and what any statistic of a pair of approaches may rest on."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from analysis.predictions.outcomes import Runs
from analysis.records.errors import RecordsError
from analysis.statistics.crossed import Matrix
from analysis.statistics.looks import Look, look_alpha
from analysis.statistics.paired import Difference

SEED = 0  # of the bootstraps, so that the same predictions give the same report


@dataclass(frozen=True)
class Design:
    """What the comparison is to answer.

    Attributes:
        alpha: level of the whole study.
        margin: accuracies closer than this count as equivalent.
        matched: whether run s of every approach shares what its seed decides.
        unit: what a row of the correctness matrix is: a seed, or a replicate where searches were repeated.
        one_search: whether the results of every approach are of one search, whose luck is then in no interval.
        looks: all looks at the test results, this one the last; nothing where it is the only one.

    Raises:
        RecordsError: alpha or margin is not between 0 and 1.
    """

    alpha: float = 0.05
    margin: float = 0.01
    matched: bool = False
    unit: str = "seed"
    one_search: bool = False
    looks: tuple[Look, ...] = ()

    def __post_init__(self) -> None:
        for name, value in (("alpha", self.alpha), ("margin", self.margin)):
            if not 0 < value < 1:
                raise RecordsError(f"{name} {value:g}: must lie between 0 and 1")

    @cached_property
    def look_alpha(self) -> float:
        """What this look may use of alpha (see looks.py): the level of all tests and intervals of the test split."""
        return look_alpha(self.alpha, self.looks) if self.looks else self.alpha


@dataclass(frozen=True)
class Side:
    """One approach of a pair.

    Attributes:
        runs: its single runs: seeds, predictions (S, N), correctness (S, N), scores of its probabilities.
        correct: (R, N) correctness of its units, in [0, 1]: of its runs, or of replicates where searches were repeated.
    """

    runs: Runs = field(repr=False)
    correct: Matrix = field(repr=False)


@dataclass(frozen=True)
class PairData:
    """Two approaches on the same images.

    Attributes:
        difference: of their accuracies, as the verdict rests on it.
        labels: (N,) true class indices.
        groups: (N,) the group of each image, or None where images are independent.
    """

    a: Side
    b: Side
    difference: Difference
    labels: NDArray[np.int64] = field(repr=False)
    groups: NDArray[np.int64] | None = field(repr=False)
    design: Design
