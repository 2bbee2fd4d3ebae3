"""How often two approaches say the same: shares of test images, over all pairs of their runs.

Notation: K approaches with S_k runs each, N test images.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Agreement:
    """Shares of the test images, means over all pairs of different runs.

    Attributes:
        names: (K,) the approaches.
        same_answer: (K, K) both runs predict the same class; on the diagonal two seeds of one approach, NaN with one.
        one_right: (K, K) exactly one of both runs is right: the discordance on which McNemar's test rests.
    """

    names: tuple[str, ...]
    same_answer: NDArray[np.float64]
    one_right: NDArray[np.float64]


def agreement(predicted: Mapping[str, NDArray[np.int32]], labels: NDArray[np.int64]) -> Agreement:
    """Compare all runs with each other.

    Args:
        predicted: by approach (S, N) predicted classes.
        labels: (N,) true classes.
    """
    names = tuple(predicted)
    owner = np.repeat(np.arange(len(names)), [len(runs) for runs in predicted.values()])
    runs = np.concatenate(list(predicted.values()))  # (R, N) runs of all approaches
    right = runs == labels
    R = len(runs)
    same, discordant = np.full((R, R), np.nan), np.full((R, R), np.nan)
    for i in range(R):
        for j in range(i):
            same[i, j] = same[j, i] = np.mean(runs[i] == runs[j])
            discordant[i, j] = discordant[j, i] = np.mean(right[i] != right[j])
    return Agreement(names, _block_means(same, owner), _block_means(discordant, owner))


def _block_means(values: NDArray[np.float64], owner: NDArray[np.int64]) -> NDArray[np.float64]:
    """(K, K) means over the pairs of runs of two approaches, a run never paired with itself."""
    K = int(owner.max()) + 1
    means = np.full((K, K), np.nan)
    for a in range(K):
        for b in range(K):
            block = values[np.ix_(owner == a, owner == b)]
            known = block[~np.isnan(block)]
            means[a, b] = known.mean() if known.size else np.nan
    return means
