"""How small a difference a design can find: after the study from its variances, before it from stated guesses.

To find a pair is to have its verdict: with several approaches the closed test must reject, which closed_power.py turns
into a level alpha' for the formula. A study's own variances (crossed.py) also say what another design would have found:
with S' seeds and N' images instead of S and N, the images' part is ((q - sum e) + sum e S/S') N/N', and the seeds' part
of an approach (v - e) S/S'.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import nan

import numpy as np

from analysis.statistics.crossed import SeedVariance
from analysis.statistics.paired import Difference
from analysis.statistics.reference import Reference
from analysis.statistics.several.closed_power import PairVariance, effective_level

POWER = 0.8
MOST_SEEDS = 1000
MOST_UNITS = 10**9
CURVE_POINTS = 25
ROUNDS = 3  # the level depends on the design that it finds; two or three rounds agree
RUN_SHARE = 0.7  # of a plan's disagreement, that of single runs; 0.60 to 0.72 with the variances of probit.py


@dataclass(frozen=True)
class Needed:
    """What it takes to find a true difference of `effect`, or that it is none, with the power stated.

    Attributes:
        effect: absolute difference, or the margin that is to be ruled out.
        units: test images (or groups) at the seeds of this study; None: no number of them is enough.
        seeds: seeds of each approach at the images of this study; None: no number of them is enough, or, after a study
            with a single seed, unknown.
    """

    effect: float
    units: int | None
    seeds: int | None


@dataclass(frozen=True)
class PowerCurve:
    """Smallest detectable difference against the number of test images (or groups), for one number of seeds.

    Where no difference of accuracies is as large, it is NaN.
    """

    seeds: int
    units: tuple[int, ...]
    detectable: tuple[float, ...]


def detectable(design: PairVariance, *, approaches: int = 2, alpha: float = 0.05, power: float = POWER) -> float | None:
    """Smallest true accuracy difference that the closed test of so many approaches finds with the given power.

    One approach is better than all others by that much (closed_power.py). None where it would exceed 1, which no
    difference of accuracies does.
    """
    level = effective_level(design, approaches=approaches, alpha=alpha, power=power)
    found = least_effect(design.se, design.reference, alpha=level, power=power)
    return found if found <= 1 else None


def least_effect(se: float, reference: Reference, *, alpha: float = 0.05, power: float = POWER) -> float:
    """The effect that a two-sided test of level alpha finds with the given power.

    (t'_{1-alpha/2} + t'_{power}) se: Bloom 1995, Evaluation Review 19:547, with the critical values of reference.py.
    """
    return (reference.quantile(alpha / 2) + reference.quantile(1 - power)) * se


def of_pair(pair: Difference) -> PairVariance:
    """What the variance of this pair is made of."""
    return PairVariance(pair.components.image, pair.reference.image_df, pair.seeds)


def at_design(pair: Difference, *, units: int, seeds: int | None = None) -> PairVariance:
    """What the variance of this pair would be made of with other numbers of images and seeds.

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
    return PairVariance(image, df, tuple(scaled))


def needed(
    pair: Difference, effect: float, *, approaches: int = 2, alpha: float = 0.05, power: float = POWER
) -> Needed:
    """Images at this study's seeds, and seeds at its images, to find a true difference of `effect` > 0."""
    level = partial(effective_level, approaches=approaches, alpha=alpha, power=power)

    def finds(design: PairVariance, level: float) -> bool:
        return least_effect(design.se, design.reference, alpha=level, power=power) <= effect

    return _needed(pair, effect, finds, level)


def needed_for_equivalence(
    pair: Difference, margin: float, *, approaches: int = 2, alpha: float = 0.05, power: float = POWER
) -> Needed:
    """The same, to show that two equally accurate approaches do not differ by the margin.

    Both one-sided tests must reject at Holm's first step over M pairs: (t'(alpha / M) + t'((1 - power) / 2)) se is at
    most the margin.
    """
    pairs = approaches * (approaches - 1) / 2

    def shows(design: PairVariance, level: float) -> bool:
        reach = design.reference.quantile(level) + design.reference.quantile((1 - power) / 2)
        return reach * design.se <= margin

    return _needed(pair, margin, shows, lambda design: alpha / pairs)


def power_curves(
    pair: Difference, *, approaches: int = 2, alpha: float = 0.05, power: float = POWER
) -> tuple[PowerCurve, ...]:
    """Smallest detectable difference from a quarter to 64 times the images, at once, twice and four times the seeds."""
    units = np.unique(np.geomspace(max(4, pair.units / 4), pair.units * 64, CURVE_POINTS).round().astype(int))
    own = max((s.df + 1 for s in pair.seeds), default=1)
    curves = []
    for seeds in (own, 2 * own, 4 * own) if own > 1 else (1,):
        here = at_design(pair, units=pair.units, seeds=seeds if own > 1 else None)
        level = effective_level(here, approaches=approaches, alpha=alpha, power=power)
        designs = [at_design(pair, units=int(n), seeds=seeds if own > 1 else None) for n in units]
        found = (least_effect(design.se, design.reference, alpha=level, power=power) for design in designs)
        curves.append(PowerCurve(seeds, tuple(int(n) for n in units), tuple(x if x <= 1 else nan for x in found)))
    return tuple(curves)


def _needed(
    pair: Difference,
    effect: float,
    enough: Callable[[PairVariance, float], bool],
    level: Callable[[PairVariance], float],
) -> Needed:
    """The smallest numbers for which a design is enough at its own level, which is that of the design found before."""

    def smallest(design: Callable[[int], PairVariance], most: int) -> int | None:
        found: int | None = None
        here = level(of_pair(pair))
        for _ in range(ROUNDS):
            found = _smallest(partial(_holds, design, enough, here), 2, most)
            if found is None or level(design(found)) == here:
                break
            here = level(design(found))
        return found

    units = smallest(lambda n: at_design(pair, units=n), MOST_UNITS)
    seen = any(s.df for s in pair.seeds)
    seeds = smallest(lambda n: at_design(pair, units=pair.units, seeds=n), MOST_SEEDS) if seen else None
    return Needed(effect, units, seeds)


def _holds(
    design: Callable[[int], PairVariance], enough: Callable[[PairVariance, float], bool], level: float, n: int
) -> bool:
    return enough(design(n), level)


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
    *,
    approaches: int = 2,
) -> float | None:
    """Smallest accuracy difference that a study still to be run has an 80 % chance to find.

    Assumes independent images and approaches alike in seeds and in their spread, one of them better than all others.
    RUN_SHARE of the disagreement averages out over seeds. With one seed the spread over seeds is left out, as the test
    must leave it out. None where it would exceed 1.

    In the benchmark the chance is 78 to 83 %. Not with two seeds of three approaches or more, where it is 60 to 73 %:
    so large a difference must then be planned for (14 points and more) that approaches so far apart do not vary alike.

    Args:
        images: test images, at least 2.
        seeds: final runs of each approach, or replicates where there are several.
        accuracy: mean of all approaches; caps the disagreement at 2 min(accuracy, 1 - accuracy).
        disagreement: share of images that exactly one of two runs, one of each approach, classifies correctly.
        seed_sd: standard deviation of the accuracy over seeds, beyond what the sampling of images explains.
        alpha: level of the closed test.
        approaches: that are compared.

    Raises:
        ValueError: fewer than two images, or no seed.
    """
    if images < 2 or seeds < 1:
        raise ValueError(f"{images} images and {seeds} seeds; at least 2 images and 1 seed are needed")
    apart = min(disagreement, 2 * accuracy, 2 * (1 - accuracy)) / images
    noise = RUN_SHARE * apart / seeds
    one = SeedVariance(seed_sd**2 / seeds + noise / 2, noise / 2, seeds - 1)
    design = PairVariance((1 - RUN_SHARE) * apart + noise, images - 1, (one, one) if seeds > 1 else ())
    return detectable(design, approaches=max(2, approaches), alpha=alpha)
