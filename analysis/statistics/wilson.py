"""Wilson's interval of a proportion, for one set of images as for seeds and images together.

References:
    Wilson 1927, JASA 22:209. Newcombe 1998, Statistics in Medicine 17:857 (methods compared).
"""

from __future__ import annotations

from math import sqrt


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
