"""The whole answer to "is the difference real?", from test predictions alone: computed once into frozen dataclasses.

A study's report and that of a bare table of predictions both rest on this; it knows nothing of trials and budgets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from typing import TypedDict, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from analysis.predictions.outcomes import Outcomes, confusion, with_matched_seeds
from analysis.report import views
from analysis.report.design import Design, PairData, Side
from analysis.report.views import View
from analysis.search.health import Finding, prediction_findings
from analysis.statistics import per_class
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
from analysis.statistics.paired import Difference, Estimate, accuracy, difference, mean_difference
from analysis.statistics.per_class import ClassDifference
from analysis.statistics.power import (
    Needed,
    PowerCurve,
    detectable,
    needed,
    needed_for_equivalence,
    of_pair,
    power_curves,
)
from analysis.statistics.secondary.agreement import Agreement, agreement
from analysis.statistics.several.closed_testing import closed
from analysis.statistics.several.omnibus import Omnibus, omnibus
from analysis.statistics.several.simultaneous import Simultaneous, simultaneous
from analysis.statistics.sources import Runs, Source, sources
from analysis.statistics.verdicts import Verdict, holm, verdict

T = TypeVar("T")


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


@dataclass(frozen=True, kw_only=True)
class PairSummary:
    """One pair of approaches.

    Attributes:
        p_adjusted: p corrected over the pairs, by closed testing.
        interval: of the difference, together with those of all other pairs; it leaves out zero exactly where p_adjusted
            is below alpha.
        p_equivalence: of the two one-sided tests against the margin.
        p_equivalence_adjusted: the same, corrected over the pairs after Holm.
        within_margin: whether the data rule out a difference of the margin or more; one that is found may be so too.
        detectable: smallest true difference that this report had an 80 % chance to find; None where no variance could
            be estimated, or where no difference of accuracies is as large.
        needed: what it takes to find a difference of the margin, and one of the size observed.
        needed_for_equivalence: what it takes to show equivalence, should there be no difference.
        sources: what share of the variance comes from the search, the runs, the images; empty without variance.
        losses: the differences of log-loss and Brier score; None unless both give probabilities.
        views: by key, the results of the secondary views (views.py); `view` gives one with its type.
    """

    difference: Difference
    p_adjusted: float
    interval: Simultaneous
    p_equivalence: float
    p_equivalence_adjusted: float
    within_margin: bool
    verdict: Verdict
    detectable: float | None
    needed: tuple[Needed, ...]
    needed_for_equivalence: Needed | None
    power: tuple[PowerCurve, ...] = field(repr=False)
    sources: tuple[Source, ...]
    losses: LossDifferences | None
    views: Mapping[str, object] = field(repr=False)

    def view(self, wanted: View[T]) -> T | None:
        """What one secondary view says of this pair; None where it has nothing to say."""
        return cast("T | None", self.views[wanted.key])


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Everything that test predictions say.

    Attributes:
        classes: names of the classes.
        counts: (C,) test images of each class.
        units: images, or groups of images where these are the unit.
        effective_groups: how many groups of one size would say as much; below crossed.FEW_GROUPS, little can be
            concluded. None where no groups are given.
        approaches: in the order given. pairs: of each two of them, the more accurate one first, in the order of rank.
        omnibus: None with one approach, or with two, whose pair says it all.
        yardstick: what answering with the class frequencies alone would cost.
        findings: what the predictions show of approaches that collapsed, or a run of which lies far from the others.
        notes: what was done to the predictions before they were compared, or is odd in them; a sentence each.
    """

    design: Design
    classes: tuple[str, ...]
    counts: tuple[int, ...]
    images: int
    units: int
    grouped: bool
    effective_groups: float | None
    approaches: tuple[TestScores, ...]
    pairs: tuple[PairSummary, ...]
    omnibus: Omnibus | None
    agreement: Agreement
    yardstick: Yardstick
    class_differences: tuple[ClassDifference, ...] = field(repr=False)
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(a.name for a in self.approaches)

    @property
    def ranked(self) -> tuple[TestScores, ...]:
        """The approaches, the most accurate first."""
        return tuple(sorted(self.approaches, key=lambda a: -round(a.accuracy.estimate, 12)))

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
        RecordsError: a label or prediction is no class, or matched seeds have other names in one approach.
        ValueError: different numbers of matched replicates.
    """
    if design.matched and correct is None:
        seen = with_matched_seeds(seen, names)
    X = correct or {name: seen.runs[name].correct.astype(np.float64) for name in names}
    ranked = sorted(names, key=lambda name: -round(float(X[name].mean()), 12))  # as `Comparison.ranked`
    found = _pairs(seen, ranked, X, design)
    both = {(a, b): (X[a], X[b]) for a, b in combinations(ranked, 2)}
    return Comparison(
        design=design,
        classes=classes,
        counts=tuple(int(n) for n in np.bincount(seen.labels, minlength=len(classes))),
        images=len(seen.labels),
        units=seen.units,
        grouped=seen.groups is not None,
        effective_groups=seen.effective_groups,
        approaches=tuple(_scores(seen, name, X[name], classes, design, probabilities or {}) for name in names),
        pairs=found,
        omnibus=omnibus(X, groups=seen.groups, matched=design.matched) if len(names) > 2 else None,
        agreement=agreement({name: seen.runs[name].predicted for name in names}, seen.labels),
        yardstick=class_frequency_yardstick(seen.labels),
        class_differences=per_class.class_differences(
            both, seen.labels, groups=seen.groups, alpha=design.look_alpha, matched=design.matched
        ),
        findings=prediction_findings(
            seen.labels, {name: seen.runs[name].predicted for name in ranked}, classes=classes
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
    runs, groups, alpha = seen.runs[name], seen.groups, design.look_alpha
    source = "given" if runs.scores is not None else "none"
    reached = accuracy(X, groups=groups, alpha=alpha)
    return TestScores(
        name=name,
        accuracy=reached,
        balanced_accuracy=per_class.balanced_accuracy(X, seen.labels, groups=groups, alpha=alpha),
        classes=per_class.class_accuracies(X, seen.labels, groups=groups, alpha=alpha),
        losses=losses(runs.scores, groups=groups, alpha=alpha) if runs.scores else None,
        calibration=calibration(runs.scores, groups=groups, alpha=alpha) if runs.scores else None,
        hard_decisions=hard_decision_losses(reached, len(classes)),
        probabilities=probabilities.get(name, source),
        confusion=confusion(runs, seen.labels, len(classes)),
    )


def _pairs(seen: Outcomes, names: Sequence[str], X: Mapping[str, Matrix], design: Design) -> tuple[PairSummary, ...]:
    alpha, groups, matched = design.look_alpha, seen.groups, design.matched
    found = [
        difference(a, b, X[a], X[b], groups=groups, alpha=alpha, matched=matched) for a, b in combinations(names, 2)
    ]
    adjusted = closed({name: X[name] for name in names}, [pair.p for pair in found], groups=groups, matched=matched)
    intervals = simultaneous(found, adjusted, alpha=alpha)
    equivalence = [equivalence_p(pair, design.margin) for pair in found]
    tests = zip(found, adjusted, intervals, equivalence, holm(equivalence), strict=True)
    return tuple(_pair(seen, X, _Tests(*test), design, len(names)) for test in tests)


class _Corrected(TypedDict):
    """What power depends on beside the pair."""

    alpha: float
    approaches: int


@dataclass(frozen=True)
class _Tests:
    """What is tested of a pair with regard to all pairs; the attributes are those of PairSummary."""

    difference: Difference
    p_adjusted: float
    interval: Simultaneous
    p_equivalence: float
    p_equivalence_adjusted: float


def _pair(seen: Outcomes, X: Mapping[str, Matrix], tests: _Tests, design: Design, approaches: int) -> PairSummary:
    alpha, pair = design.look_alpha, tests.difference
    corrected = _Corrected(alpha=alpha, approaches=approaches)
    a, b = (Side(seen.runs[name], X[name]) for name in (pair.a, pair.b))
    data = PairData(a, b, pair, seen.labels, seen.groups, design)
    effects = dict.fromkeys((design.margin, abs(pair.difference)))
    return PairSummary(
        **vars(tests),
        within_margin=tests.p_equivalence_adjusted < alpha,
        verdict=verdict(pair, tests.p_adjusted, tests.p_equivalence_adjusted, alpha=alpha),
        detectable=detectable(of_pair(pair), **corrected) if pair.se else None,
        needed=tuple(needed(pair, effect, **corrected) for effect in effects if effect > 0) if pair.se else (),
        needed_for_equivalence=needed_for_equivalence(pair, design.margin, **corrected) if pair.se else None,
        power=power_curves(pair, **corrected) if pair.se else (),
        sources=_sources(data),
        losses=_loss_differences(data),
        views={view.key: view.compute(data) for view in views.VIEWS},
    )


def _sources(data: PairData) -> tuple[Source, ...]:
    a, b = (Runs(side.runs.correct.astype(np.float64), side.runs.replicates) for side in (data.a, data.b))
    return sources(data.difference, a, b, groups=data.groups)


def _loss_differences(data: PairData) -> LossDifferences | None:
    a, b, pair = data.a.runs.scores, data.b.runs.scores, data.difference
    if a is None or b is None:
        return None
    alpha, matched = data.design.look_alpha, data.design.matched
    compared = partial(mean_difference, pair.a, pair.b, groups=data.groups, alpha=alpha, matched=matched)
    return LossDifferences(*map(compared, unit_losses(a), unit_losses(b)))
