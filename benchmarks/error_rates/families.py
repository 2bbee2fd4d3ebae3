"""Several approaches: how often is any of all verdicts wrong?

Every study is judged three times with the same runs: all approaches alike; the first so much better that it is found,
the others alike, so that what is found of them is false; and, of four, two as much better than the others as the
margin, so that "equivalent" is false of four pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, cycle, islice

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.equivalence import equivalence_p
from analysis.statistics.omnibus import omnibus
from analysis.statistics.paired import Difference, difference
from analysis.statistics.verdicts import holm
from benchmarks.error_rates.cell import ACCURACY, ALPHA, Tally, batches
from benchmarks.error_rates.pairs import KINDS
from benchmarks.probit import Design, Variation, correct, four_to_ten, latent

NAMES = "abcdef"
Correct = NDArray[np.bool_]
# How the approaches vary: the pair of a kind over and over, or the first with its seed and no other.
VARIATIONS = {
    **{kind: tuple(KINDS[kind]) for kind in ("no-seed-variance", "large", "one-side", "deterministic", "matched")},
    "only-one": (Variation(seed_sd=0.2), *(Variation(),) * (len(NAMES) - 1)),
}


@dataclass(frozen=True)
class Family:
    """A cell of K approaches."""

    kind: str
    K: int
    seeds: int
    images: int
    grouped: bool = False
    group: str = "families"
    studies: int = 4000

    @property
    def name(self) -> str:
        return f"families-{self.kind}-K{self.K}-S{self.seeds}-N{self.images}{'-grouped' if self.grouped else ''}"

    @property
    def design(self) -> Design:
        variations = tuple(islice(cycle(VARIATIONS[self.kind]), self.K))
        return Design(variations, self.seeds, self.images, four_to_ten(self.images) if self.grouped else ())

    @cached_property
    def groups(self) -> NDArray[np.intp] | None:
        return self.design.groups if self.grouped else None

    @property
    def margin(self) -> float:
        """As of two approaches: about five standard errors of a difference from the images alone."""
        return 0.1 if self.images < 500 else 0.05

    def tally(self, studies: int, rng: np.random.Generator) -> Tally:
        tally = Tally()
        for batch in batches(studies, self.K * self.seeds * self.images):
            scores = latent(self.design, batch, rng)
            for study in correct(self.design, scores, (ACCURACY,) * self.K):
                tally.add(self._all_alike(study))
            for study in correct(self.design, scores, (ACCURACY + self.margin, *(ACCURACY,) * (self.K - 1))):
                tally.add(self._one_apart(study))
            if self.K == 4:
                half = self.margin / 2
                for study in correct(self.design, scores, (ACCURACY + half,) * 2 + (ACCURACY - half,) * 2):
                    tally.add(self._two_and_two(study))
        return tally

    def _all_alike(self, study: Correct) -> dict[str, bool]:
        found = self._found(study)
        overall = omnibus(dict(zip(NAMES, study, strict=False)), groups=self.groups, matched=self._matched)
        return {"any false positive": any(found), "omnibus": overall.p < ALPHA}

    def _one_apart(self, study: Correct) -> dict[str, bool]:
        found = self._found(study)
        true = [a == 0 for a, _ in combinations(range(self.K), 2)]
        return {
            "any false positive, one apart": any(f and not t for f, t in zip(found, true, strict=True)),
            "found, one apart": found[0],
        }

    def _two_and_two(self, study: Correct) -> dict[str, bool]:
        apart = [pair for pair in self._pairs(study) if (pair.a in "ab") != (pair.b in "ab")]
        return {"any false equivalence": any(equivalence_p(pair, self.margin) < ALPHA for pair in apart)}

    def _found(self, study: Correct) -> list[bool]:
        """Of which pairs the report says that one is better."""
        return [p < ALPHA for p in holm([pair.p for pair in self._pairs(study)])]

    def _pairs(self, study: Correct) -> Sequence[Difference]:
        named = combinations(zip(NAMES, study, strict=False), 2)
        return [difference(a, b, A, B, groups=self.groups, matched=self._matched) for (a, A), (b, B) in named]

    @property
    def _matched(self) -> bool:
        """Whether run s of all approaches is analysed as of the same seed."""
        return self.kind == "matched"


CELLS = [
    *(Family(kind, 3, S, 200) for kind in VARIATIONS for S in (2, 3, 5)),
    *(Family(kind, 4, S, 200) for kind in VARIATIONS for S in (2, 3, 5)),
    *(Family(kind, 4, 3, 1000) for kind in VARIATIONS),
    *(Family(kind, 4, 3, 1000, grouped=True) for kind in VARIATIONS),
    *(Family(kind, 6, S, 200, studies=2000) for kind in ("large", "only-one", "matched") for S in (2, 3, 5)),
]
