"""Are two approaches equally good within a margin? Two one-sided tests that allow for the skewness of accuracies.

A difference of accuracies that is not zero has a skewed estimate, and its standard error falls with it; with few images
or groups a t test then calls approaches that differ by the margin equivalent in up to 9 % of studies, at a nominal 5 %.
So the bounds are made from the Wilson bounds of both accuracies, by the square-and-add rule,

    upper(t) = D + sqrt(a^2 + b^2 - 2 r a b)      a = upper Wilson bound of A - A, b = B - lower Wilson bound of B,
                                                  both with t as the quantile
    r = (se_A^2 + se_B^2 - se_D^2) / (2 se_A se_B)       correlation of the two estimates

and lower(t) likewise. The p-value of "D >= margin" is that of the t, by the difference's reference, at which
upper(t) is the margin.

References:
    Schuirmann 1987, J. Pharmacokin. Biopharm. 15:657. Newcombe 1998, Statistics in Medicine 17:2635 (method 10).
    Zou & Donner 2008, Statistics in Medicine 27:1693 (any two intervals, any correlation).
"""

from __future__ import annotations

from math import sqrt

from scipy import optimize

from analysis.statistics.paired import Alone, Difference
from analysis.statistics.wilson import wilson

FARTHEST = 1000.0  # the quantiles tried; Wilson bounds stay in [0, 1], so a wide margin may be beyond all of them


def equivalence_p(pair: Difference, margin: float) -> float:
    """The larger p of the two one-sided tests of |difference| >= margin.

    Below alpha exactly when the 1 - 2 alpha interval of the module's bounds lies within (-margin, margin).

    Without any variance there is no such test. If both answer every image (or group) alike, p is (1 - margin)^units:
    the chance to see no disagreement in so many when they disagree on a share `margin` of all, as they must at least
    where their accuracies differ by that much. Any other constant difference gives 1.
    """
    if pair.se == 0:
        return float((1 - margin) ** pair.units) if pair.difference == 0 else 1.0
    a, b = pair.alone
    return max(_at_least(a, b, pair, margin), _at_least(b, a, pair, margin))


def _at_least(a: Alone, b: Alone, pair: Difference, margin: float) -> float:
    """p of "a - b >= margin"."""
    apart = a.estimate - b.estimate
    r = _correlation(a.se, b.se, pair.se)

    def reach(t: float) -> float:
        """How far the bound at quantile t stays from the margin; the upper bound for t > 0, the lower one for t < 0."""
        up, down = _beside(a, t, pair.units), _beside(b, -t, pair.units)
        beside = sqrt(max(0.0, up**2 + down**2 - 2 * r * up * down))
        return apart + (beside if t > 0 else -beside) - margin

    t = FARTHEST if reach(FARTHEST) < 0 else -FARTHEST if reach(-FARTHEST) > 0 else None
    return pair.reference.tail(optimize.brentq(reach, -FARTHEST, FARTHEST) if t is None else t)


def _beside(one: Alone, t: float, units: int) -> float:
    """Distance from an accuracy to its Wilson bound with quantile |t|: above it for t > 0, below it for t < 0."""
    p = one.estimate
    n = p * (1 - p) / one.se**2 if one.se else units
    low, high = wilson(p, n, abs(t))
    return high - p if t > 0 else p - low


def _correlation(se_a: float, se_b: float, se: float) -> float:
    if not se_a * se_b:
        return 0.0
    return max(-1.0, min(1.0, (se_a**2 + se_b**2 - se**2) / (2 * se_a * se_b)))
