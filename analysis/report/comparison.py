"""The whole answer to "is the difference real?", from test predictions alone: computed once into frozen dataclasses.

A study's report and that of a bare table of predictions both rest on this; it knows nothing of trials and budgets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from analysis.predictions.outcomes import Outcomes, Runs, confusion
from analysis.statistics import per_class
from analysis.statistics.agreement import Agreement, agreement
from analysis.statistics.bayes import Posterior, posterior
from analysis.statistics.calibration import Calibration, calibration
from analysis.statistics.crossed import Matrix
from analysis.statistics.equivalence import equivalence_p
from analysis.statistics.losses import (
    HardDecisionLoss,
    LossDifferences,
    ProbabilityLosses,
    Yardstick,
    class_frequency_yardstick,
    hard_decision_losses,
    losses,
    unit_losses,
)
from analysis.statistics.mcnemar import McNemar, PairedProportions, mcnemar, newcombe_of_runs
from analysis.statistics.omnibus import Omnibus, omnibus
from analysis.statistics.outperformance import Outperformance, outperformance
from analysis.statistics.paired import Difference, Estimate, accuracy, difference, mean_difference
from analysis.statistics.per_class import ClassDifference
from analysis.statistics.power import Needed, PowerCurve, detectable, needed, power_curves
from analysis.statistics.verdicts import Verdict, holm, verdict

SEED = 0  # of the bootstraps, so that the same predictions give the same report


@dataclass(frozen=True)
class Design:
    """What the comparison is to answer.

    Attributes:
        alpha: level of the tests; intervals have the level 1 - alpha.
        margin: accuracies closer than this count as equivalent.
        matched: whether run s of every approach shares what its seed decides.
        unit: what a row of the correctness matrix is: a seed, or a replicate where searches were repeated.
    """

    alpha: float = 0.05
    margin: float = 0.01
    matched: bool = False
    unit: str = "seed"


@dataclass(frozen=True, kw_only=True)
class TestScores:
    """What the runs of one approach reached on the test split.

    Attributes:
        accuracy: over seeds and images; with repeated searches `per_seed` holds one value per replicate.
        balanced_accuracy: mean accuracy of the classes that occur.
        classes: accuracy by class index; a bare number where one image or group leaves no interval.
        losses, calibration: of its probabilities; None where it gives none.
        hard_decisions: what its decisions alone cost, by named conventions.
        probabilities: where they come from: `softmax`, `calibrated_on_validation`, `given` or `none`.
        confusion: (C, C) mean counts, rows the true class.
    """

    name: str
    accuracy: Estimate
    balanced_accuracy: Estimate
    classes: Mapping[int, Estimate | float] = field(repr=False)
    losses: ProbabilityLosses | None
    calibration: Calibration | None = field(repr=False)
    hard_decisions: tuple[HardDecisionLoss, ...] = field(repr=False)
    probabilities: str
    confusion: NDArray[np.float64] = field(repr=False)


@dataclass(frozen=True)
class SeedPair:
    """Two single runs, one of each approach: McNemar's test, and Newcombe's interval of the difference."""

    seed_a: int | str
    seed_b: int | str
    test: McNemar
    interval: PairedProportions


@dataclass(frozen=True, kw_only=True)
class PairSummary:
    """One pair of approaches.

    Attributes:
        p_holm: p corrected for the number of pairs.
        p_equivalence: of the two one-sided tests against the margin.
        detectable: smallest true difference this design had an 80 % chance to find (before Holm's correction); None
            where no variance could be estimated.
        needed: what it takes to find a difference of the margin, and one of the size observed.
        balanced: the difference of the balanced accuracies.
        losses: the differences of log-loss and Brier score; None unless both give probabilities.
        posterior, superiority, seeds: the secondary views; runs are paired in the order of their seeds.
    """

    difference: Difference
    p_holm: float
    p_equivalence: float
    verdict: Verdict
    detectable: float | None
    needed: tuple[Needed, ...]
    power: tuple[PowerCurve, ...] = field(repr=False)
    balanced: Difference
    losses: LossDifferences | None
    posterior: Posterior | None
    superiority: Outperformance
    seeds: tuple[SeedPair, ...] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Everything that test predictions say.

    Attributes:
        classes: names of the classes.
        counts: (C,) test images of each class.
        units: images, or groups of images where these are the unit.
        approaches: in the order given. pairs: of each two of them in that order.
        omnibus: None with a single approach.
        yardstick: what answering with the class frequencies alone would cost.
    """

    design: Design
    classes: tuple[str, ...]
    counts: tuple[int, ...]
    images: int
    units: int
    grouped: bool
    approaches: tuple[TestScores, ...]
    pairs: tuple[PairSummary, ...]
    omnibus: Omnibus | None
    agreement: Agreement
    yardstick: Yardstick
    class_differences: tuple[ClassDifference, ...] = field(repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(a.name for a in self.approaches)

    @property
    def ranked(self) -> tuple[TestScores, ...]:
        """The approaches, the most accurate first."""
        return tuple(sorted(self.approaches, key=lambda a: -a.accuracy.estimate))

    @property
    def majority_rate(self) -> float:
        """Accuracy of always naming the class that is most frequent in the test split."""
        return max(self.counts) / sum(self.counts)

    def pair(self, one: str, other: str) -> tuple[PairSummary, int]:
        """The pair of two approaches, and 1 or -1 to see its difference as `one` minus `other`."""
        for pair in self.pairs:
            if {pair.difference.a, pair.difference.b} == {one, other}:
                return pair, 1 if pair.difference.a == one else -1
        raise LookupError(f"no pair of {one} and {other}")


def compare(
    seen: Outcomes,
    *,
    names: Sequence[str],
    classes: tuple[str, ...],
    design: Design,
    correct: Mapping[str, Matrix] | None = None,
    probabilities: Mapping[str, str] | None = None,
) -> Comparison:
    """Compare approaches on what their runs predicted.

    Args:
        seen: the outcomes of all runs.
        names: the approaches to compare, in order; each has runs.
        classes: names of the classes.
        correct: by approach (R, N) correctness of its units where these are not single runs (replicates).
        probabilities: by approach where its probabilities come from.

    Raises:
        RecordsError: a label or prediction is no class.
        ValueError: matched seeds that do not match.
    """
    X = correct or {name: seen.runs[name].correct.astype(np.float64) for name in names}
    found = _pairs(seen, names, X, design)
    both = {(a, b): (X[a], X[b]) for a, b in combinations(names, 2)}
    return Comparison(
        design=design,
        classes=classes,
        counts=tuple(int(n) for n in np.bincount(seen.labels, minlength=len(classes))),
        images=len(seen.labels),
        units=seen.units,
        grouped=seen.groups is not None,
        approaches=tuple(_scores(seen, name, X[name], classes, design, probabilities or {}) for name in names),
        pairs=found,
        omnibus=omnibus(X, groups=seen.groups, matched=design.matched) if len(names) > 1 else None,
        agreement=agreement({name: seen.runs[name].predicted for name in names}, seen.labels),
        yardstick=class_frequency_yardstick(seen.labels),
        class_differences=per_class.class_differences(
            both, seen.labels, groups=seen.groups, alpha=design.alpha, matched=design.matched
        ),
    )


def _scores(
    seen: Outcomes,
    name: str,
    X: Matrix,
    classes: tuple[str, ...],
    design: Design,
    probabilities: Mapping[str, str],
) -> TestScores:
    runs, groups, alpha = seen.runs[name], seen.groups, design.alpha
    said = "given" if runs.scores is not None else "none"
    reached = accuracy(X, groups=groups, alpha=alpha)
    return TestScores(
        name=name,
        accuracy=reached,
        balanced_accuracy=per_class.balanced_accuracy(X, seen.labels, groups=groups, alpha=alpha),
        classes=per_class.class_accuracies(X, seen.labels, groups=groups, alpha=alpha),
        losses=losses(runs.scores, groups=groups, alpha=alpha) if runs.scores else None,
        calibration=calibration(runs.scores, groups=groups, alpha=alpha) if runs.scores else None,
        hard_decisions=hard_decision_losses(reached, len(classes)),
        probabilities=probabilities.get(name, said),
        confusion=confusion(runs, seen.labels, len(classes)),
    )


def _pairs(seen: Outcomes, names: Sequence[str], X: Mapping[str, Matrix], design: Design) -> tuple[PairSummary, ...]:
    alpha, groups, matched = design.alpha, seen.groups, design.matched
    found = [
        difference(a, b, X[a], X[b], groups=groups, alpha=alpha, matched=matched) for a, b in combinations(names, 2)
    ]
    corrected = holm([pair.p for pair in found])
    return tuple(_pair(seen, X, pair, p_holm, design) for pair, p_holm in zip(found, corrected, strict=True))


def _pair(seen: Outcomes, X: Mapping[str, Matrix], pair: Difference, p_holm: float, design: Design) -> PairSummary:
    a, b, alpha, margin, matched = pair.a, pair.b, design.alpha, design.margin, design.matched
    means = [X[name].mean(axis=1) for name in (a, b)]
    effects = dict.fromkeys((margin, abs(pair.difference)))
    compared = partial(mean_difference, a, b, groups=seen.groups, alpha=alpha, matched=matched)
    balanced_a, balanced_b = (per_class.balanced(X[name], seen.labels) for name in (a, b))
    of_a, of_b = seen.runs[a].scores, seen.runs[b].scores
    return PairSummary(
        difference=pair,
        p_holm=p_holm,
        p_equivalence=equivalence_p(pair, margin),
        verdict=verdict(pair, p_holm, alpha=alpha, margin=margin),
        detectable=detectable(pair.se, pair.df, alpha=alpha) if pair.se else None,
        needed=tuple(needed(pair, effect, alpha=alpha) for effect in effects if effect > 0) if pair.se else (),
        power=power_curves(pair, alpha=alpha) if pair.se else (),
        balanced=compared(balanced_a, balanced_b),
        losses=LossDifferences(*map(compared, unit_losses(of_a), unit_losses(of_b))) if of_a and of_b else None,
        posterior=posterior(pair, margin),
        superiority=outperformance(*means, rng=np.random.default_rng(SEED), alpha=alpha, matched=matched),
        seeds=_seed_pairs(seen.runs[a], seen.runs[b], alpha),
    )


def _seed_pairs(a: Runs, b: Runs, alpha: float) -> tuple[SeedPair, ...]:
    numbers = zip(a.seeds, b.seeds, strict=False)  # the rest of the longer one has no partner
    matched = zip(numbers, a.correct, b.correct, strict=False)
    return tuple(
        SeedPair(seed_a, seed_b, mcnemar(x, y), newcombe_of_runs(x, y, alpha=alpha))
        for (seed_a, seed_b), x, y in matched
    )
