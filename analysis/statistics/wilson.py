"""Wilson's interval of a proportion, for one set of images as for seeds and images together.

References:
    Wilson 1927, JASA 22:209. Newcombe 1998, Statistics in Medicine 17:857 (methods compared).
"""

from __future__ import annotations

from math import log, sqrt

from scipy import special


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
