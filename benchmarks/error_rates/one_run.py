"""One run each: what can be said of two trained networks, also where they differ on few images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.statistics.paired import difference
from benchmarks.error_rates.cell import ALPHA, Tally, batches
from benchmarks.probit import Design, Variation, correct, latent

# Two networks that agree on nearly every image; at an accuracy of 0.97 they differ on so many of 200 and 1,000.
ALIKE = Variation(run_sd=0.1, interaction_sd=0.1)
DIFFERENT = Variation()


@dataclass(frozen=True)
class OneRun:
    """A cell of two approaches; `seeds_b` runs of the second, which then does not vary with its seed."""

    name: str
    variation: Variation
    accuracy: float
    images: int
    seeds_b: int = 1
    group: str = "one-run"
    studies: int = 4000

    def tally(self, studies: int, rng: np.random.Generator) -> Tally:
        tally = Tally()
        design = Design((self.variation,) * 2, self.seeds_b, self.images)
        for batch in batches(studies, 2 * self.seeds_b * self.images):
            for a, b in correct(design, latent(design, batch, rng), (self.accuracy,) * 2):
                pair = difference("a", "b", a[:1], b, alpha=ALPHA)
                tally.add({"false positives": pair.p < ALPHA, "coverage, no difference": pair.low <= 0 <= pair.high})
        return tally


CELLS = [
    OneRun("one-run-few-discordant-N200", ALIKE, 0.97, 200),
    OneRun("one-run-few-discordant-N1000", ALIKE, 0.97, 1000),
    OneRun("one-run-many-discordant-N200", DIFFERENT, 0.8, 200),
    OneRun("one-run-many-discordant-N1000", DIFFERENT, 0.8, 1000),
    OneRun("one-run-against-five-N1000", DIFFERENT, 0.8, 1000, seeds_b=5),
]
