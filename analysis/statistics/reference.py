"""What a difference over its standard error is compared with, as images and seeds have degrees of freedom of their own.

Var(D) is a sum of two estimates: q of the images, with G - 1 degrees of freedom, and v of the seeds, with f. Where a
sum's parts have different degrees of freedom, Cochran and Cox weight the critical values of t by the parts:

    t' = (q t(G-1) + v t(f)) / (q + v)

t(.) being the critical value at the level wanted; the p-value is the level at which t' is what was seen. Combining
the degrees of freedom instead (Satterthwaite's formula, or the mean of 1/df with the same weights) is close at 5 % but
far too small in the tail that several comparisons reach: of four approaches with three matched seeds, Holm's tests
then erred in 12.7 % of simulated studies at a nominal 5 %, with t' in 4.6 % (benchmarks/README.md).

Reference: Cochran & Cox 1957, Experimental Designs, 2nd edition, section 4.14 (1950, 1st edition, the same section).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, isnan, log, sqrt

from scipy import optimize, special

SMALLEST = 1e-150  # p-values below are given as this


@dataclass(frozen=True)
class Reference:
    """The distribution of a difference over its standard error, by Cochran and Cox's rule.

    Attributes:
        image, image_df: q of the module's notation, at least 0, and its degrees of freedom.
        seeds, seeds_df: v, of all sources of seed variance, also those below their floor, and f; v is 0 where no
            variance over seeds can be seen or there is none.
    """

    image: float
    image_df: float
    seeds: float
    seeds_df: float

    def quantile(self, tail: float) -> float:
        """t': what is exceeded with the probability `tail`, in (0, 1)."""
        return self._weigh(lambda df: -float(special.stdtrit(df, tail)))

    def tail(self, t: float) -> float:
        """The probability to exceed t; the inverse of `quantile`."""
        if t < 0:
            return 1 - self.tail(-t)
        return self._invert(self.quantile, t, lambda df: float(special.stdtr(df, -t)))

    def p(self, t: float) -> float:
        """Two-sided: the probability to be at least as far from zero as t."""
        return min(1.0, 2 * self.tail(abs(t)))

    def f_tail(self, f: float, df1: float) -> float:
        """The same for a mean square f of `df1` degrees of freedom, whose root is weighed; for df1 = 1 it is `p`."""

        def root(p: float) -> float:
            return self._weigh(lambda df: _root_of_f(p, df1, df))

        return self._invert(root, sqrt(f), lambda df: float(special.fdtrc(df1, df, f)))

    def df(self, alpha: float) -> float:
        """The degrees of freedom of the t distribution with the same two-sided critical value at this level."""
        low, high = sorted((self.image_df, self.seeds_df))
        if not self.seeds or low == high:
            return float(self.image_df)
        wanted = self.quantile(alpha / 2)

        def apart(inverse: float) -> float:
            return -float(special.stdtrit(1 / inverse, alpha / 2)) - wanted

        if apart(1 / high) >= 0 or apart(1 / low) <= 0:  # all the weight is on one of them
            return float(high if apart(1 / high) >= 0 else low)
        return 1 / float(optimize.brentq(apart, 1 / high, 1 / low, xtol=1e-15))

    def _weigh(self, critical: Callable[[float], float]) -> float:
        if not self.seeds:
            return critical(self.image_df)
        if not self.image:
            return critical(self.seeds_df)
        total = self.image + self.seeds
        return (self.image * critical(self.image_df) + self.seeds * critical(self.seeds_df)) / total

    def _invert(self, critical: Callable[[float], float], seen: float, p: Callable[[float], float]) -> float:
        """The level at which `critical` is what was seen; it lies between the p-values by either part alone."""
        if not self.seeds or not self.image:
            return p(self.seeds_df if self.seeds else self.image_df)
        low, high = sorted(max(SMALLEST, p(df)) for df in (self.image_df, self.seeds_df))

        def apart(logarithm: float) -> float:
            return critical(exp(logarithm)) - seen

        if apart(log(low)) <= 0 or apart(log(high)) >= 0:  # by rounding, or below SMALLEST
            return low if apart(log(low)) <= 0 else high
        return exp(optimize.brentq(apart, log(low), log(high), xtol=1e-13))


def _root_of_f(p: float, df1: float, df2: float) -> float:
    """The root of what F(df1, df2) exceeds with probability p; from the beta distribution, so that p may be tiny."""
    a, b = df2 / 2, df1 / 2
    rest = float(special.betaincinv(a, b, p))
    if isnan(rest):  # SciPy 1.17 answers so to a tiny p where a is hardly above 1; the series' first term is enough
        rest = exp((log(p) + log(a) + float(special.betaln(a, b))) / a)
    share = float(special.betainccinv(b, a, p))
    return sqrt(df2 / df1) * sqrt(1 - rest if isnan(share) else share) / sqrt(rest)
