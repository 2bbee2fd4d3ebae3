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
from analysis.statistics.paired import Difference, difference
from analysis.statistics.several.closed_testing import closed
from analysis.statistics.several.omnibus import omnibus
from analysis.statistics.several.simultaneous import simultaneous
from analysis.statistics.verdicts import holm
from benchmarks.error_rates.cell import ACCURACY, ALPHA, Tally, batches
from benchmarks.error_rates.pairs import KINDS
from benchmarks.probit import Design, Variation, correct, four_to_ten, latent

NAMES = "abcdef"
FEW = 4  # approaches; with more, closed testing takes so long that it is called only where it matters
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
    studies: int = 2000

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
        """The closed test begins with the omnibus, so nothing is found where that finds nothing."""
        pairs, overall = self._pairs(study), omnibus(self._named(study), groups=self.groups, matched=self._matched)
        adjusted = self._adjusted(study, pairs) if overall.p < ALPHA else (1.0,) * len(pairs)
        intervals = simultaneous(pairs, adjusted, alpha=ALPHA)
        return {
            "any false positive": min(adjusted) < ALPHA,
            "coverage of all differences": all(one.holds(0.0) for one in intervals),
        }

    def _one_apart(self, study: Correct) -> dict[str, bool]:
        pairs = self._pairs(study)
        if self.K > FEW and min(pair.p for pair in pairs if pair.a != "a") >= ALPHA:
            return {"any false positive, one apart": False}  # no p becomes smaller by being adjusted
        adjusted = self._adjusted(study, pairs)
        false = any(p < ALPHA for p, pair in zip(adjusted, pairs, strict=True) if pair.a != "a")
        if self.K > FEW:
            return {"any false positive, one apart": false}
        held = (
            one.holds(self.margin if pair.a == "a" else 0.0)
            for one, pair in zip(simultaneous(pairs, adjusted, alpha=ALPHA), pairs, strict=True)
        )
        return {
            "any false positive, one apart": false,
            "coverage of all differences, one apart": all(held),
            "found, one apart": adjusted[0] < ALPHA,
            "found after Holm, one apart": holm([pair.p for pair in pairs])[0] < ALPHA,
        }

    def _two_and_two(self, study: Correct) -> dict[str, bool]:
        pairs = self._pairs(study)
        equivalent = holm([equivalence_p(pair, self.margin) for pair in pairs])
        apart = [p for p, pair in zip(equivalent, pairs, strict=True) if (pair.a in "ab") != (pair.b in "ab")]
        return {"any false equivalence": min(apart) < ALPHA}

    def _adjusted(self, study: Correct, pairs: Sequence[Difference]) -> tuple[float, ...]:
        return closed(self._named(study), [pair.p for pair in pairs], groups=self.groups, matched=self._matched)

    def _named(self, study: Correct) -> dict[str, Correct]:
        return dict(zip(NAMES, study, strict=False))

    def _pairs(self, study: Correct) -> Sequence[Difference]:
        named = combinations(zip(NAMES, study, strict=False), 2)
        return [difference(a, b, A, B, groups=self.groups, matched=self._matched) for (a, A), (b, B) in named]

    @property
    def _matched(self) -> bool:
        """Whether run s of all approaches is analysed as of the same seed."""
        return self.kind == "matched"


CELLS = [
    *(Family(kind, K, seeds, 200) for K in (3, 4) for kind in VARIATIONS for seeds in (2, 3, 5)),
    *(Family(kind, 4, 3, 1000) for kind in ("large", "one-side", "matched", "only-one")),
    *(Family("only-one", 3, seeds, 1000, studies=4000) for seeds in (2, 3)),
    *(Family(kind, 4, 3, 1000, grouped=True) for kind in ("large", "one-side", "matched", "only-one")),
    *(Family(kind, 6, seeds, 200, studies=1000) for kind in ("large", "only-one", "matched") for seeds in (2, 3, 5)),
]
