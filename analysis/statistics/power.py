"""How small a difference a design can find: after the study from its variances, before it from stated guesses.

A study's own variances (crossed.py) also say what another design would have found: with S' seeds and N' images instead
of S and N, the images' part is ((q - sum e) + sum e S/S') N/N', and the seeds' part of an approach (v - e) S/S'.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np

from analysis.statistics.crossed import SeedVariance, standard_error
from analysis.statistics.paired import Difference
from analysis.statistics.reference import Reference

POWER = 0.8
MOST_SEEDS = 1000
MOST_UNITS = 10**9
CURVE_POINTS = 25


@dataclass(frozen=True)
class Needed:
    """What it takes to find a true difference of `effect` with the power stated.

    Attributes:
        effect: absolute difference.
        units: test images (or groups) at the seeds of this study; None: no number of them is enough.
        seeds: seeds of each approach at the images of this study; None: no number of them is enough, or, after a study
            with a single seed, unknown.
    """

    effect: float
    units: int | None
    seeds: int | None


@dataclass(frozen=True)
class PowerCurve:
    """Smallest detectable difference against the number of test images (or groups), for one number of seeds."""

    seeds: int
    units: tuple[int, ...]
    detectable: tuple[float, ...]


def detectable(se: float, reference: Reference, *, alpha: float = 0.05, power: float = POWER) -> float:
    """Smallest true accuracy difference that a two-sided test finds with the given power.

    (t'_{1-alpha/2} + t'_{power}) se: Bloom 1995, Evaluation Review 19:547, with the critical values of reference.py.
    """
    return (reference.quantile(alpha / 2) + reference.quantile(1 - power)) * se


def at_design(pair: Difference, *, units: int, seeds: int | None = None) -> tuple[float, Reference]:
    """Standard error and reference that this pair would have with other numbers of images and seeds.

    Args:
        units: images, or groups where these are the unit; at least 2.
        seeds: of each approach, at least 2; None: those of this study, the only choice after a single seed.
    """
    scaled = [_scaled(s, pair.units / units, seeds) for s in pair.seeds]
    noise = sum(s.e for s in pair.seeds)
    # By chance q may come out smaller than the noise in it; then all of it is taken for noise.
    part = min(noise, pair.components.image)
    base = (pair.components.image - part) * pair.units / units
    image = base + (part * sum(s.e for s in scaled) / noise if noise else 0.0)
    # As many degrees of freedom for each unit as here: fewer than one where groups are of unequal size.
    df = max(1.0, (pair.reference.image_df + 1) * units / pair.units - 1)
    return standard_error(image, scaled, image_df=df)


def needed(pair: Difference, effect: float, *, alpha: float = 0.05, power: float = POWER) -> Needed:
    """Images at this study's seeds, and seeds at its images, to find a true difference of `effect` > 0."""

    def finds(units: int, seeds: int | None) -> bool:
        return detectable(*at_design(pair, units=units, seeds=seeds), alpha=alpha, power=power) <= effect

    units = _smallest(lambda n: finds(n, None), 2, MOST_UNITS)
    seen = any(s.df for s in pair.seeds)
    seeds = _smallest(lambda n: finds(pair.units, n), 2, MOST_SEEDS) if seen else None
    return Needed(effect, units, seeds)


def power_curves(pair: Difference, *, alpha: float = 0.05, power: float = POWER) -> tuple[PowerCurve, ...]:
    """Smallest detectable difference from a quarter to 64 times the images, at once, twice and four times the seeds."""
    units = np.unique(np.geomspace(max(4, pair.units / 4), pair.units * 64, CURVE_POINTS).round().astype(int))
    own = max((s.df + 1 for s in pair.seeds), default=1)
    curves = []
    for seeds in (own, 2 * own, 4 * own) if own > 1 else (1,):
        design = [at_design(pair, units=int(n), seeds=seeds if own > 1 else None) for n in units]
        found = tuple(detectable(se, reference, alpha=alpha, power=power) for se, reference in design)
        curves.append(PowerCurve(seeds, tuple(int(n) for n in units), found))
    return tuple(curves)


def _scaled(s: SeedVariance, per_unit: float, seeds: int | None) -> SeedVariance:
    if not s.df:
        return s
    wanted = seeds or s.df + 1
    per_seed = (s.df + 1) / wanted
    e = s.e * per_seed * per_unit
    below = min(s.v, s.e) * per_seed * per_unit
    return SeedVariance(s.excess * per_seed + below, e, wanted - 1)


def _smallest(holds: Callable[[int], bool], low: int, high: int) -> int | None:
    """The smallest whole number in [low, high] for which it holds, given that it then holds for all larger ones."""
    if not holds(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


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
    seed = 2 * seed_sd**2 / seeds if seeds > 1 else 0.0
    reference = Reference(image, images - 1, seed, 2 * (seeds - 1) if seed else images - 1)
    return detectable(sqrt(image + seed), reference, alpha=alpha)
