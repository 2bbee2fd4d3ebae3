"""How small a difference a design can find: after the study from its standard error, before it from stated guesses."""

from __future__ import annotations

from math import inf, sqrt

from scipy import stats

POWER = 0.8


def detectable(se: float, df: float, *, alpha: float = 0.05, power: float = POWER) -> float:
    """Smallest true accuracy difference that a two-sided t test finds with the given power.

    (t_{1-alpha/2, df} + t_{power, df}) se: Bloom 1995, Evaluation Review 19:547.
    """
    return float(stats.t.isf(alpha / 2, df) + stats.t.ppf(power, df)) * se


def planned_detectable(
    images: int,
    seeds: int,
    accuracy: float = 0.85,
    disagreement: float = 0.1,
    seed_sd: float = 0.01,
    alpha: float = 0.05,
) -> float:
    """Smallest accuracy difference that a study still to be run has an 80 % chance to find.

    Assumes independent images and two approaches alike in accuracy, in seeds and in their spread. Averaging over seeds
    is not credited with lowering the disagreement, so the figure errs on the large side. With one seed the spread over
    seeds is left out, as the test must leave it out.

    Args:
        images: test images, at least 2.
        seeds: final runs of each approach.
        accuracy: of both approaches; caps the disagreement at 2 min(accuracy, 1 - accuracy).
        disagreement: share of images that exactly one of two runs, one of each approach, classifies correctly.
        seed_sd: standard deviation of the accuracy over seeds, beyond what the sampling of images explains.
        alpha: level of the test.

    Raises:
        ValueError: fewer than two images, or no seed.
    """
    if images < 2 or seeds < 1:
        raise ValueError(f"{images} images and {seeds} seeds; at least 2 images and 1 seed are needed")
    image = min(disagreement, 2 * accuracy, 2 * (1 - accuracy)) / images
    seed = seed_sd**2 / seeds if seeds > 1 else 0.0
    variance = image + 2 * seed
    spread = image**2 / (images - 1) + (2 * seed**2 / (seeds - 1) if seed else 0.0)
    return detectable(sqrt(variance), variance**2 / spread if spread else inf, alpha=alpha)
