"""Two proportions of which only the counts are known: tests, their bounds where the pairing is unknown, images needed.

Of N images, k_a and k_b were classified correctly. Which ones is not known, but the counts bound it: exactly one of
the two was right on |k_a - k_b| images at least, and on |k_a - k_b| + 2 min(k_a, k_b, N - k_a, N - k_b) at most.
Discordance is the share of such images. "Significant" is a two-sided mid-p value of McNemar's test below the level.

The counts themselves may be known as ranges only (`Counts`), as where an accuracy was rounded.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from math import ceil, sqrt

from scipy import stats

from analysis.statistics.power import POWER
from analysis.statistics.secondary.mcnemar import McNemar, from_counts
from analysis.statistics.wilson import wilson


@dataclass(frozen=True)
class Counts:
    """How many of N images were classified correctly: from `fewest` to `most`, with `nearest` as the best guess."""

    fewest: int
    nearest: int
    most: int
    images: int

    @property
    def share(self) -> float:
        return self.nearest / self.images

    def may_reach(self, other: Counts) -> bool:
        """Whether this share may be as high as the other's."""
        return self.most * other.images >= other.fewest * self.images


@dataclass(frozen=True, kw_only=True)
class Unpaired:
    """The comparison as if each proportion came from images of its own.

    Attributes:
        low, high: Newcombe's hybrid score interval of the difference a - b at 1 - alpha (method 10 of Newcombe 1998,
            Statistics in Medicine 17:873).
        z, p: the test of two proportions with pooled variance, two-sided, at the nearest counts.
        p_lowest, p_highest: bounds over all counts.
        images: images in each of two sets for 80 % power if the shares are the true ones; None if they are equal.
    """

    low: float
    high: float
    z: float
    p: float
    p_lowest: float
    p_highest: float
    images: int | None


@dataclass(frozen=True)
class ImagesNeeded:
    """Images for 80 % power of McNemar's test at one discordance."""

    discordance: float
    images: int


@dataclass(frozen=True, kw_only=True)
class Paired:
    """What McNemar's test may give on the same images, over all tables with these counts.

    Attributes:
        lowest, highest: the tables with the lowest and the highest p-values.
        limits: the largest number of discordant images at which the difference is significant, for the smallest and
            for the largest difference that the counts allow; 0 where it is significant at none.
        largest_settles: the largest difference is significant whatever the pairing. Otherwise no table with more
            discordant images than the larger limit is significant, whichever the counts are.
        least, most: lowest and highest possible discordance, at the nearest counts.
        independent: the discordance if the errors of the two were independent.
        kappa: how alike the errors must be for significance: Cohen's kappa of being correct at the larger limit,
            1 - discordance / independent. 0 is independence, 1 the same images; None where no agreement would do, or
            where the largest difference settles it.
        needed: images for 80 % power at the least, at a middle (halfway) and at the independent discordance, if the
            shares are the true ones; empty if they are equal.
    """

    lowest: McNemar
    highest: McNemar
    limits: tuple[int, int]
    largest_settles: bool
    least: float
    most: float
    independent: float
    kappa: float | None
    needed: tuple[ImagesNeeded, ...]


def unpaired(a: Counts, b: Counts, *, alpha: float, level: float) -> Unpaired:
    """Compare a with b on images of their own: the interval at 1 - alpha, the images needed for a test at `level`."""
    p_a, p_b = a.share, b.share
    z_alpha = float(stats.norm.isf(alpha / 2))
    (low_a, high_a), (low_b, high_b) = (wilson(one.share, one.images, z_alpha) for one in (a, b))
    z, p = _two_proportions(a.nearest, a.images, b.nearest, b.images)
    ends = (a.most, b.fewest), (a.fewest, b.most)
    p_ends = [_two_proportions(k_a, a.images, k_b, b.images)[1] for k_a, k_b in ends]
    return Unpaired(
        low=p_a - p_b - sqrt((p_a - low_a) ** 2 + (high_b - p_b) ** 2),
        high=p_a - p_b + sqrt((high_a - p_a) ** 2 + (p_b - low_b) ** 2),
        z=z,
        p=p,
        p_lowest=min(p_ends),
        p_highest=1.0 if a.may_reach(b) and b.may_reach(a) else max(p_ends),
        images=unpaired_images(p_a, p_b, level=level) if p_a != p_b else None,
    )


def paired(a: Counts, b: Counts, *, level: float) -> Paired:
    """Bound McNemar's test of a against b on the same images.

    Raises:
        ValueError: the numbers of images differ.
    """
    if a.images != b.images:
        raise ValueError(f"{a.images} and {b.images} images cannot be paired")
    N, p_a, p_b = a.images, a.share, b.share
    closest, farthest = _closest_and_farthest(a, b)
    limits = _limit(*closest, N, level), _limit(*farthest, N, level)
    settles = 0 < limits[1] == _distance(farthest) + 2 * _spare(*farthest, N)
    least, independent = abs(p_a - p_b), p_a * (1 - p_b) + p_b * (1 - p_a)
    stated = dict.fromkeys((least, (least + independent) / 2, independent)) if least else ()
    return Paired(
        lowest=min((_table(*farthest, both) for both in range(min(1, _spare(*farthest, N)) + 1)), key=_mid_p),
        highest=max((_table(*closest, both) for both in (0, _spare(*closest, N))), key=_mid_p),
        limits=limits,
        largest_settles=settles,
        least=least,
        most=least + 2 * _spare(a.nearest, b.nearest, N) / N,
        independent=independent,
        kappa=1 - limits[1] / N / independent if limits[1] and not settles else None,
        needed=tuple(ImagesNeeded(psi, paired_images(least, psi, level=level)) for psi in stated),
    )


def unpaired_images(p_a: float, p_b: float, *, level: float, power: float = POWER) -> int:
    """Images in each of two sets for the z test of two different proportions to have that power.

    n = (z_{1-level/2} sqrt(2 q (1 - q)) + z_power sqrt(p_a (1 - p_a) + p_b (1 - p_b)))^2 / (p_a - p_b)^2 with q the
    mean of the two: Fleiss 1981, Statistical Methods for Rates and Proportions, chapter 3, no continuity correction.
    """
    q = (p_a + p_b) / 2
    under_null = float(stats.norm.isf(level / 2)) * sqrt(2 * q * (1 - q))
    otherwise = float(stats.norm.ppf(power)) * sqrt(p_a * (1 - p_a) + p_b * (1 - p_b))
    return ceil(((under_null + otherwise) / (p_a - p_b)) ** 2)


def paired_images(difference: float, discordance: float, *, level: float, power: float = POWER) -> int:
    """Images for McNemar's test to have that power, at a difference other than 0.

    n = (z_{1-level/2} sqrt(psi) + z_power sqrt(psi - d^2))^2 / d^2 with difference d and discordance psi: Connor 1987,
    Biometrics 43:207. The discordance is seldom known beforehand, hence n for the lowest, a middle and a high one, as
    in Lachenbruch 1992, Statistics in Medicine 11:1521. Near the lowest one it errs on the large side.
    """
    under_null = float(stats.norm.isf(level / 2)) * sqrt(discordance)
    otherwise = float(stats.norm.ppf(power)) * sqrt(max(0.0, discordance - difference**2))
    return ceil(((under_null + otherwise) / difference) ** 2)


def _two_proportions(k_a: int, n_a: int, k_b: int, n_b: int) -> tuple[float, float]:
    """z with pooled variance, and its two-sided p. Without a single error, or a single success, p is 1."""
    pooled = (k_a + k_b) / (n_a + n_b)
    if pooled in (0, 1):
        return 0.0, 1.0
    z = (k_a / n_a - k_b / n_b) / sqrt(pooled * (1 - pooled) * (1 / n_a + 1 / n_b))
    return z, 2 * float(stats.norm.sf(abs(z)))


def _closest_and_farthest(a: Counts, b: Counts) -> tuple[tuple[int, int], tuple[int, int]]:
    """Of all counts, those with the smallest and those with the largest difference.

    McNemar's p falls with the difference and rises with the images that only the worse one gets right, of which there
    may be most where the difference is smallest. So these two bound p over all counts. Of two ends that differ as
    much, the one with more such images has every table of the other.
    """
    ends = [(a.most, b.fewest), (a.fewest, b.most)]
    ends.sort(key=lambda counts: _spare(counts[0], counts[1], a.images), reverse=True)
    shared = max(a.fewest, b.fewest)
    overlap = a.may_reach(b) and b.may_reach(a)
    return (shared, shared) if overlap else min(ends, key=_distance), max(ends, key=_distance)


def _distance(counts: tuple[int, int]) -> int:
    return abs(counts[0] - counts[1])


def _limit(k_a: int, k_b: int, N: int, level: float) -> int:
    """Largest number of discordant images at which p is below the level, or 0; p rises with it at fixed counts."""
    tables = range(_spare(k_a, k_b, N) + 1)
    significant = bisect_left(tables, level, key=lambda both: _table(k_a, k_b, both).p_mid)
    return abs(k_a - k_b) + 2 * (significant - 1) if significant else 0


def _spare(k_a: int, k_b: int, N: int) -> int:
    """On how many images the worse of the two may be alone in being right."""
    return min(k_a, k_b, N - k_a, N - k_b)


def _table(k_a: int, k_b: int, both: int) -> McNemar:
    """McNemar's test where each is alone in being right on `both` images, and the better one on |k_a - k_b| more."""
    return from_counts(max(k_a - k_b, 0) + both, max(k_b - k_a, 0) + both)


def _mid_p(test: McNemar) -> float:
    return test.p_mid
