"""How much of alpha one look at a study may use, when the study goes on after it was looked at.

Who looks, extends what is undecided and looks again, has several chances of a false positive. So alpha is spent over
the looks. Spent by look k, over all looks so far:

    S_k = alpha ln(1 + (e - 1) n_k / n_max)     a look that was planned: the study file says that the study goes on
                                                by itself, to n_max units at most (Pocock's bounds as a spending
                                                function; all of alpha at n_max)
    S_k = S + (alpha / 5) (1 - 2^-u)            the u-th look that nobody had planned; S is what the study had spent
                                                before these, alpha where no look was planned

A first look that is not followed by another has all of alpha. After it nothing would be left, so an extension that
nobody planned overdraws, by a fifth of alpha at most however often the study is extended: at alpha = 0.05 the
family-wise error rate is 6 % at most, at 0.05 where the looks were planned. A verdict of an earlier look does not
stand beside the latest report, which replaces it, but what it used of alpha is gone.

The level of look k is what makes the chance of a first false positive there S_k - S_(k-1). Units (replicates, or seeds)
that are only added make the looks alike: with n_j of n_k units in common their correlation is sqrt(n_j / n_k) where all
variance comes from the units, and higher the more of it comes from the images, which are the same at every look. The
smallest correlation errs most, so it is what is reckoned with. That is the joint distribution of group sequential
tests (the increments of n D are independent given the images), and the levels follow by recursive integration. A look
whose runs are others than before (the searches went on, and found something else) may have any correlation: it is given
S_k - S_(k-1) itself, as in Bonferroni's inequality, and the reckoning starts anew with it.

Levels are of z tests and are used for p-values of t tests, as Pocock proposed.

References:
    Pocock 1977, Biometrika 64:191. Lan & DeMets 1983, Biometrika 70:659 (spending functions; alpha ln(1 + (e - 1) t)).
    Armitage, McPherson & Rowe 1969, Journal of the Royal Statistical Society A 132:235 (the integration).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import e, log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import brentq

OVERDRAFT = 0.2  # of alpha: what all looks that nobody planned may spend together
POINTS = 401  # of the integration over what earlier looks left open; odd, for Simpson's rule
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Look:
    """One look at the test results of a study.

    Attributes:
        units: replicates, or seeds, of each approach at this look; those of the look before are among them.
        planned: the most units that the study file lets the study grow to by itself; None for a look nobody planned.
        renewed: its runs are not those of the looks before.
    """

    units: int
    planned: int | None = None
    renewed: bool = False


def look_alpha(alpha: float, looks: Sequence[Look]) -> float:
    """The level of the last of these looks, the earlier ones having been taken at theirs.

    Args:
        alpha: level of the whole study.
        looks: all that were taken, in order. None, or a single unplanned one, has all of alpha.

    Raises:
        ValueError: units became fewer from one look to the next.
    """
    level, before, still_open = alpha, 0.0, _Open()
    for look, spent in zip(looks, spending(alpha, looks), strict=True):
        level, still_open = still_open.after(look, spent - before)
        before = spent
    return level


def spending(alpha: float, looks: Sequence[Look]) -> tuple[float, ...]:
    """S_k of the module's notation: what is spent of alpha by each look."""
    spent: list[float] = []
    base, unplanned = 0.0, 0
    for number, look in enumerate(looks):
        if look.planned is not None and not unplanned:
            base = max(base, alpha * log(1 + (e - 1) * min(1.0, look.units / look.planned)))
        elif number == 0:
            base = alpha
        else:
            unplanned += 1
        spent.append(base + OVERDRAFT * alpha * (1 - 2.0**-unplanned))
    return tuple(spent)


@dataclass(frozen=True)
class _Open:
    """The studies without a difference that no look has decided yet, by their sum n D in standard deviations.

    Attributes:
        units: at the latest look; 0 before the first.
        sums: (POINTS,) values of the sum.
        density: (POINTS,) how many of all studies are there, times the weight of the point in the integration.
    """

    units: int = 0
    sums: Numbers = field(default_factory=lambda: np.empty(0))
    density: Numbers = field(default_factory=lambda: np.empty(0))

    def after(self, look: Look, share: float) -> tuple[float, _Open]:
        """The level at which the next look decides this share of all studies wrongly, and what it leaves open."""
        if look.units < self.units:
            raise ValueError(f"{look.units} units after {self.units}; a look has at least those of the look before")
        if not self.units or look.renewed or look.units == self.units:
            return share, _Open._beginning(look.units, share)
        z = brentq(lambda z: self._decided(look.units, z) - share, 0.0, 40.0)
        return float(2 * stats.norm.sf(z)), self._moved(look.units, z)

    @staticmethod
    def _beginning(units: int, level: float) -> _Open:
        sums, steps = _grid(stats.norm.isf(level / 2) * sqrt(units))
        return _Open(units, sums, stats.norm.pdf(sums, scale=sqrt(units)) * steps)

    def _decided(self, units: int, z: float) -> float:
        """Share of all studies that lie beyond z at the next look, and were open until then."""
        bound, sd = z * sqrt(units), sqrt(units - self.units)
        beyond = stats.norm.sf((bound - self.sums) / sd) + stats.norm.sf((bound + self.sums) / sd)
        return float(beyond @ self.density)

    def _moved(self, units: int, z: float) -> _Open:
        sums, steps = _grid(z * sqrt(units))
        reached = stats.norm.pdf(sums[:, None] - self.sums, scale=sqrt(units - self.units))  # (new, old)
        return _Open(units, sums, reached @ self.density * steps)


def _grid(bound: float) -> tuple[Numbers, Numbers]:
    """Points between the bounds, and what each weighs in Simpson's rule."""
    points, step = np.linspace(-bound, bound, POINTS, retstep=True)
    weights = np.where(np.arange(POINTS) % 2, 4.0, 2.0)
    weights[[0, -1]] = 1.0
    return points, weights * step / 3
