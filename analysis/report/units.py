"""What the runs of an approach are counted as: seeds, or replicates where the search is repeated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.predictions.outcomes import Outcomes, Runs
from analysis.records.errors import RecordsError
from analysis.records.reading import StudyRecords


class Units:
    """Turns the runs of an approach into its seed-level units: seeds, or replicates where the search is repeated."""

    def __init__(self, records: StudyRecords, trials: pd.DataFrame) -> None:
        self.repeated = records.settings.replicates > 1
        final = trials[trials.phase == "final"]
        keys = zip(final.approach, final["index"], strict=True)
        self._replicate = dict(zip(keys, final.replicate, strict=True))

    def correct(self, approach: str, runs: Runs) -> NDArray[np.float64]:
        """(S, N) correctness of every seed, or (R, N) of every replicate."""
        if not self.repeated:
            return runs.correct.astype(np.float64)
        return runs.by_replicate(self._replicates(approach, runs))

    def scored(self, seen: Outcomes) -> Outcomes:
        """The same outcomes, in which runs and the scores of their probabilities know their replicate."""
        if not self.repeated:
            return seen
        runs = {name: self._with_replicates(name, own) for name, own in seen.runs.items()}
        return replace(seen, runs=runs)

    def _with_replicates(self, approach: str, runs: Runs) -> Runs:
        replicate_of = self._replicates(approach, runs)
        replicates = tuple(replicate_of[seed] for seed in runs.seeds)
        scores = runs.scores and replace(runs.scores, replicates=replicates)
        return replace(runs, scores=scores, replicates=replicates)

    def _replicates(self, approach: str, runs: Runs) -> dict[int | str, int]:
        unknown = [seed for seed in runs.seeds if (approach, seed) not in self._replicate]
        if unknown:
            raise RecordsError(f"predictions of {approach}, seed {unknown[0]} belong to no recorded final run")
        return {seed: int(self._replicate[approach, seed]) for seed in runs.seeds}
