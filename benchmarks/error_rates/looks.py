"""A study that is extended and looked at again while it is undecided: is any of its verdicts wrong?"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from analysis.statistics.looks import Look, look_alpha
from analysis.statistics.paired import difference
from benchmarks.error_rates.cell import ACCURACY, ALPHA, Tally, batches
from benchmarks.error_rates.pairs import KINDS
from benchmarks.probit import Design, correct, latent

# Units (replicates, or seeds) at each of up to five looks.
UNITS = {"3-to-7": (3, 4, 5, 6, 7), "5-to-25": (5, 10, 15, 20, 25), "3-then-10": (3, 10)}


@dataclass(frozen=True)
class Looks:
    """A cell of two equally accurate approaches; `planned` where the study file says how far the study may go."""

    units: str
    kind: str
    planned: bool
    group: str = "looks"
    studies: int = 3000
    images: int = 200

    @property
    def name(self) -> str:
        return f"looks-{self.units}-{self.kind}-{'planned' if self.planned else 'unplanned'}"

    def tally(self, studies: int, rng: np.random.Generator) -> Tally:
        tally, units = Tally(), UNITS[self.units]
        levels = self.levels()
        design = Design(KINDS[self.kind], units[-1], self.images)
        for batch in batches(studies, 2 * units[-1] * self.images):
            for a, b in correct(design, latent(design, batch, rng), (ACCURACY, ACCURACY)):
                p = [difference("a", "b", a[:n], b[:n]).p for n in units]
                tally.add(
                    {"any false verdict at any look": any(np.less(p, levels)), "each look at 5 %": min(p) < ALPHA}
                )
        return tally

    def levels(self) -> list[float]:
        """What each look may use of alpha."""
        units = UNITS[self.units]
        looks = [Look(n, planned=n / units[-1] if self.planned else None) for n in units]
        return [look_alpha(ALPHA, looks[: number + 1]) for number in range(len(looks))]


CELLS = [
    Looks(units, kind, planned)
    for units, kind, planned in product(UNITS, ("no-seed-variance", "large", "one-side"), (True, False))
]
