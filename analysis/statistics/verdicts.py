"""From differences to verdicts: Holm's correction over the pairs, and equivalence within a margin.

A large p-value is never read as equality: two approaches are `equivalent` only when the data rule out a
difference of the margin or more, and `undecided` when neither can be shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from analysis.statistics.equivalence import equivalence_p
from analysis.statistics.paired import Difference

Verdict = Literal["a_better", "b_better", "equivalent", "undecided"]


def holm(p: Sequence[float]) -> tuple[float, ...]:
    """Adjust p-values so that the chance of any false positive stays at alpha.

    The k-th smallest of m is multiplied by m - k + 1, made monotone and kept below 1 (Holm 1979, Scandinavian
    Journal of Statistics 6:65).
    """
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)))
    return tuple(float(value) for value in adjusted)


def verdict(pair: Difference, p_holm: float, *, alpha: float, margin: float) -> Verdict:
    """`a_better` or `b_better` where the corrected test finds a difference, else `equivalent`, else `undecided`."""
    if p_holm < alpha:
        return "a_better" if pair.difference > 0 else "b_better"
    return "equivalent" if equivalence_p(pair, margin) < alpha else "undecided"
