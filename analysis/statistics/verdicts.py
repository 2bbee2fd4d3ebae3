"""From differences to verdicts: Holm's correction, and which of better, equivalent, undecided a pair is.

A large p-value is never read as equality: two approaches are `equivalent` only when the data rule out a
difference of the margin or more, and `undecided` when neither can be shown.

Differences are corrected over the pairs by closed testing (closed_testing.py), equivalences by Holm's steps over the
p-values of their tests; each of the two keeps the chance of any false claim of its kind at alpha. One pair cannot be
claimed falsely both ways, as a difference of zero is within every margin; several pairs can be, one this way and one
that, so a report as a whole errs in at most 2 alpha of studies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

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


def verdict(pair: Difference, p_adjusted: float, p_equivalence_adjusted: float, *, alpha: float) -> Verdict:
    """`a_better` or `b_better` where the corrected test finds a difference, else `equivalent`, else `undecided`.

    A difference may be found and within the margin as well: real, and too small to matter. It is then called better
    here, and whoever words it says both.
    """
    if p_adjusted < alpha:
        return "a_better" if pair.difference > 0 else "b_better"
    return "equivalent" if p_equivalence_adjusted < alpha else "undecided"
