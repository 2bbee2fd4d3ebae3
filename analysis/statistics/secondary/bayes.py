"""The Bayesian view of a difference: how probable it is that it lies below, within or above a margin.

With flat priors on the difference and on the logarithm of its standard error, the posterior of the difference is the t
distribution of the paired analysis, shifted to the estimate and scaled by the standard error (Box & Tiao 1973, Bayesian
Inference in Statistical Analysis, section 2.4; with Satterthwaite's degrees of freedom an approximation). The margin is
the region of practical equivalence (Kruschke 2018, Advances in Methods and Practices in Psychological Science 1:270;
Benavoli et al. 2017, JMLR 18:77).
"""

from __future__ import annotations

from dataclasses import dataclass

from analysis.statistics.paired import Difference


@dataclass(frozen=True)
class Posterior:
    """Probabilities that sum to 1: that `b` is better by more than the margin, that neither is, that `a` is."""

    b_better: float
    equivalent: float
    a_better: float


def posterior(pair: Difference, margin: float) -> Posterior | None:
    """The posterior of a difference in three parts; None where no variance could be estimated.

    Args:
        margin: half the width of the region of practical equivalence, > 0, in units of the difference.
    """
    if pair.se == 0:
        return None
    below = pair.reference.tail((margin + pair.difference) / pair.se)
    above = pair.reference.tail((margin - pair.difference) / pair.se)
    return Posterior(below, max(0.0, 1 - below - above), above)
