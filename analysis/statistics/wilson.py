"""Wilson's interval of a proportion, for one set of images as for seeds and images together; and of two sets' gap.

References:
    Wilson 1927, JASA 22:209. Newcombe 1998, Statistics in Medicine 17:857 (methods compared) and 17:873 (differences of
    independent proportions, method 10).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt

from scipy import special, stats


def wilson(p: float, n: float, quantile: float) -> tuple[float, float]:
    """The score interval (p + z^2/2n +- z sqrt(p (1 - p)/n + z^2/4n^2)) / (1 + z^2/n), which stays within [0, 1].

    Args:
        p: the proportion, in [0, 1]; it lies in its interval.
        n: images, above 0; the effective number p (1 - p) / se^2 where the standard error is not the binomial one.
        quantile: z, that of the level: of the normal distribution, or of t where n rests on an estimated variance.
    """
    z2 = quantile**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n**2))) / (1 + z2 / n)
    return max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half))


def wilson_or_logit(p: float, n: float, quantile: float) -> tuple[float, float]:
    """Wilson's interval, each end replaced by that of the interval on the scale of the logit where that is farther.

    logit p +- z / sqrt(n p (1 - p)) reaches farther towards 1/2, as a proportion in few groups needs: where some groups
    are all wrong and most all right, a high estimate comes with too small a standard error. Arguments as in `wilson`.
    """
    low, high = wilson(p, n, quantile)
    if not 0 < p < 1:
        return low, high
    centre, half = log(p / (1 - p)), quantile / sqrt(n * p * (1 - p))
    return min(low, float(special.expit(centre - half))), max(high, float(special.expit(centre + half)))


@dataclass(frozen=True)
class Gap:
    """How much higher a proportion is on one set of images than on another, with its 1 - alpha interval."""

    difference: float
    low: float
    high: float
    alpha: float


def gap(first: float, first_n: float, second: float, second_n: float, *, quantile: float, alpha: float = 0.05) -> Gap:
    """The difference of two proportions of independent images, such as the accuracies on validation and test split.

    With d = p1 - p2 and the Wilson bounds (l1, u1), (l2, u2) of both, the interval is Newcombe's square-and-add

        d - sqrt((p1 - l1)^2 + (u2 - p2)^2)   to   d + sqrt((u1 - p1)^2 + (p2 - l2)^2).

    Args:
        first, first_n: p1 in [0, 1] and its number of images, above 0.
        second, second_n: p2 and its effective number of images (see `wilson`).
        quantile: of the second at alpha / 2, its number being an estimate; that of the first is the normal one.
        alpha: 1 minus the level of the interval.
    """
    l1, u1 = wilson(first, first_n, float(stats.norm.isf(alpha / 2)))
    l2, u2 = wilson(second, second_n, quantile)
    d = first - second
    low, high = d - sqrt((first - l1) ** 2 + (u2 - second) ** 2), d + sqrt((u1 - first) ** 2 + (second - l2) ** 2)
    return Gap(d, max(-1.0, low), min(1.0, high), alpha)
