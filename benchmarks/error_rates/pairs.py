"""Two approaches: is the test of their difference right, and its interval, and what "equivalent" says?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.equivalence import equivalence_p
from analysis.statistics.paired import Difference, accuracy, difference
from benchmarks.error_rates.cell import ACCURACY, ALPHA, Tally, batches
from benchmarks.error_rates.habits import habits
from benchmarks.probit import Design, Variation, correct, four_to_ten, latent

# How the two vary.
KINDS = {
    "no-seed-variance": (Variation(), Variation()),
    "small": (Variation(seed_sd=0.05), Variation(seed_sd=0.05)),
    "large": (Variation(seed_sd=0.2), Variation(seed_sd=0.2)),
    "unequal": (Variation(seed_sd=0.2), Variation(seed_sd=0.05)),
    "one-side": (Variation(seed_sd=0.2), Variation()),
    "interaction": (Variation(seed_sd=0.05, interaction_sd=1.0), Variation(seed_sd=0.05, interaction_sd=1.0)),
    "deterministic": (Variation(seed_sd=0.1), Variation(run_sd=0.0)),
    "matched": (Variation(seed_sd=0.1, matched_sd=0.2), Variation(seed_sd=0.1, matched_sd=0.2)),
}
HABITS_OF = 8  # one study in so many is also analysed by the habits of the field; their bootstrap takes the longest


@dataclass(frozen=True)
class Pair:
    """A cell of two approaches; `sizes` are those of the groups of images."""

    name: str
    variations: tuple[Variation, Variation]
    seeds: int
    images: int
    sizes: tuple[int, ...] = ()
    matched: bool = False
    habits: bool = False
    group: str = "pairs"
    studies: int = 4000

    @property
    def design(self) -> Design:
        return Design(self.variations, self.seeds, self.images, self.sizes)

    @cached_property
    def groups(self) -> NDArray[np.intp] | None:
        return self.design.groups if self.sizes else None

    @property
    def margin(self) -> float:
        """About five standard errors of a difference from the images alone, so that neither side of TOST is idle."""
        return 0.1 if self.images < 500 else 0.05

    def tally(self, studies: int, rng: np.random.Generator) -> Tally:
        tally = Tally()
        for batch in batches(studies, 2 * self.seeds * self.images):
            self._judge(latent(self.design, batch, rng), rng, tally)
        return tally

    def _judge(self, scores: NDArray[np.float32], rng: np.random.Generator, tally: Tally) -> None:
        same = correct(self.design, scores, (ACCURACY, ACCURACY))
        for a, b in same:
            one = accuracy(a, groups=self.groups, alpha=ALPHA)
            tally.add(at_no_difference(self._compared(a, b)))
            tally.add({"coverage, accuracy": one.low <= ACCURACY <= one.high})
        for apart in (self.margin / 2, self.margin, -self.margin):
            judged = at_a_difference if apart < self.margin and apart > 0 else at_the_margin
            for a, b in correct(self.design, scores, (ACCURACY + apart / 2, ACCURACY - apart / 2)):
                tally.add(judged(self._compared(a, b), apart))
        if self.habits:
            part = same[::HABITS_OF]
            for habit, rejections in habits(part[:, 0], part[:, 1], rng.spawn(1)[0]).items():
                tally.add_many(habit, rejections, len(part))

    def _compared(self, a: NDArray[np.bool_], b: NDArray[np.bool_]) -> Difference:
        return difference("a", "b", a, b, groups=self.groups, alpha=ALPHA, matched=self.matched)


def at_no_difference(pair: Difference) -> dict[str, bool]:
    """What is true of two approaches that are equally accurate."""
    return {"false positives": pair.p < ALPHA, "coverage, no difference": pair.low <= 0 <= pair.high}


def at_a_difference(pair: Difference, apart: float) -> dict[str, bool]:
    """What is true of two approaches that differ so much."""
    return {"found": pair.p < ALPHA, "coverage, a difference": pair.low <= apart <= pair.high}


def at_the_margin(pair: Difference, apart: float) -> dict[str, bool]:
    """What is true of two approaches that differ by the margin, which "equivalent" denies."""
    better = "a" if apart > 0 else "b"
    return {f"equivalent, {better} better by the margin": equivalence_p(pair, abs(apart)) < ALPHA}


def _pair(kind: str, seeds: int, images: int, *, grouped: bool) -> Pair:
    return Pair(
        name=f"pairs-{kind}-S{seeds}-N{images}{'-grouped' if grouped else ''}",
        variations=KINDS[kind],
        seeds=seeds,
        images=images,
        sizes=four_to_ten(images) if grouped else (),
        matched=kind == "matched",
        habits=True,
    )


def _cells() -> Iterator[Pair]:
    """Kinds, seeds and images crossed where images are independent; with groups, and with ten seeds, some of them."""
    for kind, seeds, images in product(KINDS, (2, 3, 5), (200, 1000)):
        yield _pair(kind, seeds, images, grouped=False)
    for kind in ("no-seed-variance", "large", "matched"):
        yield _pair(kind, 10, 1000, grouped=False)
    for kind in ("no-seed-variance", "large", "one-side", "interaction", "deterministic", "matched"):
        for seeds, images in ((2, 1000), (3, 200), (3, 1000), (5, 200)):
            yield _pair(kind, seeds, images, grouped=True)


CELLS = list(_cells())
