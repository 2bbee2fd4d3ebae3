"""The chance of the verdict "better" where the report (`detectable`) and the plan (`planned_detectable`) promise 80 %.

The first approach is better than the others by as much as is promised to be found, the others are alike; found is what
the report's corrected test finds of the first and the second. A promise takes variances as they are at one accuracy,
and the lower an accuracy, the more it varies: so it is the mean accuracy of all approaches that stays what it was. What
a report promises differs from study to study, as its variances do: taken is the mean over some studies.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from analysis.statistics.paired import difference
from analysis.statistics.power import detectable, of_pair, planned_detectable
from analysis.statistics.several.closed_testing import closed
from benchmarks.error_rates.cell import ALPHA, Tally, batches
from benchmarks.probit import Design, Variation, correct, latent

NAMES = "abcdef"
PILOTS = 400  # studies whose promises are averaged
# What `plan` takes for granted unless it is told otherwise.
ACCURACY, DISAGREEMENT, SEED_SD = 0.85, 0.1, 0.01
HIGHEST = 0.99  # accuracy of the better approach, where the promise would have it be higher
AFTER = Variation(seed_sd=0.05)


@dataclass(frozen=True)
class Power:
    """A cell of K approaches; `planned`: whether the plan promises, or the report."""

    K: int
    seeds: int
    planned: bool
    images: int = 1000
    group: str = "power"
    studies: int = 2000

    @property
    def name(self) -> str:
        return f"power-{'planned' if self.planned else 'detectable'}-K{self.K}-S{self.seeds}-N{self.images}"

    @property
    def design(self) -> Design:
        return Design((_as_planned() if self.planned else AFTER,) * self.K, self.seeds, self.images)

    def tally(self, studies: int, rng: np.random.Generator) -> Tally:
        tally = Tally()
        accuracies = self.accuracies(self.promised(rng))
        quantity = "found at `planned_detectable`" if self.planned else "found at `detectable`"
        for batch in batches(studies, self.K * self.seeds * self.images):
            for study in correct(self.design, latent(self.design, batch, rng), accuracies):
                tally.add({quantity: self._found(study)})
        return tally

    def accuracies(self, apart: float) -> tuple[float, ...]:
        """The first is better than the others by so much."""
        first = min(HIGHEST, ACCURACY + apart * (1 - 1 / self.K))
        return first, *(first - apart,) * (self.K - 1)

    def promised(self, rng: np.random.Generator) -> float:
        """The difference that is said to be found in 80 % of studies."""
        if self.planned:
            return _possible(
                planned_detectable(self.images, self.seeds, ACCURACY, DISAGREEMENT, SEED_SD, ALPHA, approaches=self.K)
            )
        promises = []
        for batch in batches(PILOTS, self.K * self.seeds * self.images):
            for a, b, *_ in correct(self.design, latent(self.design, batch, rng), (ACCURACY,) * self.K):
                pair = difference("a", "b", a, b, alpha=ALPHA)
                promises.append(_possible(detectable(of_pair(pair), approaches=self.K, alpha=ALPHA)))
        return float(np.mean(promises))

    def _found(self, study: NDArray[np.bool_]) -> bool:
        named = dict(zip(NAMES, study, strict=False))
        raw = [difference(a, b, named[a], named[b]).p for a, b in combinations(named, 2)]
        return raw[0] < ALPHA and closed(named, raw)[0] < ALPHA  # no p becomes smaller by being adjusted


def _possible(promise: float | None) -> float:
    if promise is None:
        raise ValueError(
            "no difference of accuracies is as large as would be found; give the cell more images or seeds"
        )
    return promise


def _as_planned() -> Variation:
    """The disagreement and the seeds' spread of a plan; the luck of runs is as large as what suits an approach.

    Two runs of different approaches whose scores correlate by r = 1 / total variance are both right on a share
    P(r) of the images, and disagree on 2 (accuracy - P(r)). A seed moves the accuracy by phi(z) u / total_sd.
    """
    z = stats.norm.ppf(ACCURACY)

    def disagreement(r: float) -> float:
        both = stats.multivariate_normal.cdf([z, z], cov=[[1, r], [r, 1]])
        return float(2 * (ACCURACY - both))

    total = 1 / optimize.brentq(lambda r: disagreement(r) - DISAGREEMENT, 0.01, 0.999)
    seeds = (SEED_SD / stats.norm.pdf(z)) ** 2 * total
    each = float(np.sqrt((total - 1 - seeds) / 2))
    return Variation(seed_sd=float(np.sqrt(seeds)), run_sd=each, interaction_sd=each)


# Closed testing of six approaches takes the longest.
CELLS = [
    Power(K, seeds, planned, studies=800 if K == 6 else 2000)
    for planned in (False, True)
    for K in (2, 3, 4, 6)
    for seeds in (2, 3, 5)
]
