"""The luck of the search, on real data: an approach against itself, and two against the truth over all searches.

Studies are drawn from a bank of searches (bank.py): no search is on both sides of a study, so an approach differs from
itself by luck alone, and a test at 5 % should say so 95 times out of 100. The test images are the same in all studies,
as they are when one study is run again, and the bank is finite: its searches are a sample, so that another bank gives
rates that differ by more than the standard error says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.paired import difference
from benchmarks.error_rates.bank import Bank, bank
from benchmarks.error_rates.cell import ALPHA, Tally

# Searches of each approach, and final runs of each search. One search: its final runs are the units.
DESIGNS = {"1x5": (1, 5), "3x5": (3, 5), "5x1": (5, 1), "3x1": (3, 1), "resampled": (1, 5)}
Units = NDArray[np.float64]


@dataclass(frozen=True)
class Luck:
    """A cell of one approach against itself, or against another."""

    approaches: tuple[str, str]
    design: str
    group: str = "luck"
    studies: int = 2000

    @property
    def name(self) -> str:
        a, b = self.approaches
        return f"luck-{a if a == b else f'{a}-{b}'}-{self.design}"

    def tally(self, studies: int, rng: np.random.Generator) -> Tally:
        tally = Tally()
        a, b = (bank(approach) for approach in self.approaches)
        truth = float(a.finals.mean() - b.finals.mean())
        for A, B in self._studies(a, b, studies, rng):
            pair = difference("a", "b", A, B, alpha=ALPHA)
            if self.approaches[0] == self.approaches[1]:
                tally.add({"false positives": pair.p < ALPHA, "coverage, no difference": pair.low <= 0 <= pair.high})
            else:
                tally.add({"coverage, a difference": pair.low <= truth <= pair.high, "found": pair.p < ALPHA})
        return tally

    def _studies(self, a: Bank, b: Bank, studies: int, rng: np.random.Generator) -> Iterator[tuple[Units, Units]]:
        searches, _ = DESIGNS[self.design]
        for _ in range(studies):
            chosen = rng.permutation(len(a.finals))
            yield self._units(a, chosen[:searches], rng), self._units(b, chosen[searches : 2 * searches], rng)

    def _units(self, one: Bank, searches: NDArray[np.intp], rng: np.random.Generator) -> Units:
        """(units, N): the mean of each search's final runs where there are several searches, else these runs."""
        if self.design == "resampled":
            return np.asarray(one.resampled[searches[0]], dtype=np.float64)
        runs = DESIGNS[self.design][1]
        finals = one.finals[searches][:, rng.permutation(one.finals.shape[1])[:runs]]  # (searches, runs, N)
        return np.asarray(finals[0] if len(searches) == 1 else finals.mean(axis=1), dtype=np.float64)


CELLS = [Luck(pair, design) for pair in (("mlp", "mlp"), ("svm", "svm"), ("mlp", "svm")) for design in DESIGNS]
