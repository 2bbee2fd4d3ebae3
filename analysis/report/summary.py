"""A study in numbers: what its search spent and found, and the comparison of its final runs.

The report, its figures and the command line's last screen draw and print these; they compute nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from analysis.predictions.outcomes import Outcomes, read_outcomes
from analysis.records.errors import RecordsError
from analysis.records.reading import StudyRecords
from analysis.records.trials import feature_charges, trial_table, without_superseded
from analysis.report.comparison import Comparison, PairSummary, TestScores, compare
from analysis.report.design import SEED, Design
from analysis.report.looks import looks_at, test_reads
from analysis.report.units import Units
from analysis.search.accounts import Search, Spending, search_summary, spending
from analysis.search.attribution import Attribution, attribute
from analysis.search.best_of_budget import BestOfBudget, best_of_budget
from analysis.search.delivery import Choice, choices, delivery, final_costs
from analysis.search.health import Finding, study_findings
from analysis.search.incumbents import Curve, Incumbent, curves, incumbents
from analysis.search.redraws import trial_sets
from analysis.statistics.looks import Look
from analysis.statistics.wilson import Gap, gap


@dataclass(frozen=True, kw_only=True)
class FinalRun:
    """One seed of an approach's incumbent. The accuracies are None where it was not validated or not evaluated.

    Attributes:
        seed: its number within the approach, as in the predictions. random_seed: what its generators started from.
    """

    trial: str
    replicate: int
    seed: int
    random_seed: int
    status: str
    charged_s: float
    allowance_s: float
    valid_accuracy: float | None
    test_accuracy: float | None
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class ApproachSummary:
    """Everything about one approach.

    Attributes:
        valid_accuracy: mean over its final runs, or of its incumbents where final runs trained on validation too.
        gap_test: valid_accuracy minus test accuracy, with an interval that allows for the images of both splits.
        test: None where no final run was evaluated; then `problem` says why.
    """

    name: str
    spending: Spending
    curves: tuple[Curve, ...] = field(repr=False)
    incumbents: tuple[Incumbent, ...]
    final_runs: tuple[FinalRun, ...]
    valid_accuracy: float | None
    gap_test: Gap | None
    test: TestScores | None
    problem: str | None

    @property
    def gap(self) -> float | None:
        """Validation minus test accuracy; None without a test result."""
        return self.gap_test.difference if self.gap_test else None

    @property
    def incumbent(self) -> Incumbent | None:
        """The best validated one of its incumbents; None before a trial was validated."""
        return max(self.incumbents, key=lambda one: one.valid_accuracy, default=None)


@dataclass(frozen=True, kw_only=True)
class StudySummary:
    """The whole study.

    Attributes:
        trials: records.trials.trial_table of its events, without final runs that do not count any more.
        comparison: what the final runs say of the approaches; None before the first was evaluated.
        best_of_budget: expected best validation accuracy against charged seconds, and who overtakes whom.
        attribution: how much of the spread of validation accuracy is the approach, how much its hyperparameters.
        choices: for each pair, from which budget on the more accurate one (on the test split) is to be had.
        looks: at the test results, this one the last; none before the first final run was evaluated.
        test_reads: how often the test split has been read.
    """

    records: StudyRecords = field(repr=False)
    trials: pd.DataFrame = field(repr=False)
    approaches: tuple[ApproachSummary, ...]
    search: Search
    comparison: Comparison | None
    best_of_budget: BestOfBudget
    choices: tuple[Choice, ...]
    attribution: Attribution
    looks: tuple[Look, ...] = ()
    test_reads: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(approach.name for approach in self.approaches)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What its trials show; every sentence of the report asks for them."""
        return study_findings(self.records, self.trials)

    def gap_of(self, name: str) -> float | None:
        """Validation minus test accuracy of one approach."""
        return next(approach.gap for approach in self.approaches if approach.name == name)

    @property
    def pairs(self) -> tuple[PairSummary, ...]:
        return self.comparison.pairs if self.comparison else ()


def summarise(records: StudyRecords) -> StudySummary:
    """Compute everything that a report says about a study, finished or not.

    Raises:
        RecordsError: the final runs do not share their images, or these are fewer than two images or groups.
    """
    trials = without_superseded(trial_table(records.events))
    spent = spending(records, trials)
    compared = _comparison(records, trials)
    tested = {test.name: test for test in compared.approaches} if compared else {}
    alpha = compared.design.look_alpha if compared else records.settings.significance.alpha
    approaches = tuple(_approach(records, trials, tested.get(name), name, one, alpha) for name, one in spent.items())
    return StudySummary(
        records=records,
        trials=trials,
        approaches=approaches,
        search=search_summary(records, trials, spent),
        comparison=compared,
        best_of_budget=_best_of_budget(records, trials),
        choices=_choices(records, trials, approaches),
        attribution=attribute(trials, rng=np.random.default_rng(SEED), alpha=records.settings.significance.alpha),
        looks=looks_at(records, trials),
        test_reads=test_reads(records),
    )


def _best_of_budget(records: StudyRecords, trials: pd.DataFrame) -> BestOfBudget:
    settings = records.settings
    rule, searches = settings.feature_cost, range(settings.replicates)
    owed = [feature_charges(records.features, rule, replicate) for replicate in searches]
    sets = {
        name: trial_sets(trials, name, start_s=[of_search.get(name, 0.0) for of_search in owed])
        for name in settings.approaches
    }
    rng = np.random.default_rng(SEED)
    return best_of_budget(sets, settings.budget.search_seconds, rng=rng, alpha=settings.significance.alpha)


def _choices(records: StudyRecords, trials: pd.DataFrame, approaches: Sequence[ApproachSummary]) -> tuple[Choice, ...]:
    deliveries = []
    for approach in approaches:
        found_s = {incumbent.replicate: incumbent.at_s for incumbent in approach.incumbents}
        paid_s = final_costs(trials, approach.name)
        if approach.test and found_s.keys() & paid_s.keys():
            e, alpha = approach.test.accuracy, records.settings.significance.alpha
            deliveries.append(delivery(approach.name, found_s, paid_s, e.estimate, (e.low, e.high), alpha=alpha))
    return choices(deliveries)


def _comparison(records: StudyRecords, trials: pd.DataFrame) -> Comparison | None:
    seen = _outcomes(records)
    if seen is None or records.data is None:
        return None
    settings, units = records.settings, Units(records, trials)
    sources = records.events.dropna(subset=["probabilities"]).groupby("approach").probabilities.last()
    names = [name for name in settings.approaches if name in seen.runs]
    correct = {name: units.correct(name, seen.runs[name]) for name in names}
    return compare(
        units.scored(seen),
        names=names,
        classes=records.data.classes,
        design=Design(
            alpha=settings.significance.alpha,
            margin=settings.significance.margin,
            unit="replicate" if units.repeated else "seed",
            one_search=not units.repeated or all(len(X) == 1 for X in correct.values()),
            looks=looks_at(records, trials),
        ),
        correct=correct,
        probabilities={str(name): str(source) for name, source in sources.items()},
    )


def _outcomes(records: StudyRecords) -> Outcomes | None:
    if records.data is None or records.predictions.empty:
        return None
    known = records.predictions[records.predictions.approach.isin(list(records.settings.approaches))]
    if known.empty:
        return None
    try:
        return read_outcomes(known, grouped=records.data.grouped)
    except RecordsError as error:
        raise RecordsError(f"{records.location}: {error}") from None


def _approach(
    records: StudyRecords,
    trials: pd.DataFrame,
    test: TestScores | None,
    name: str,
    spent: Spending,
    alpha: float,
) -> ApproachSummary:
    drawn = curves(records, name)
    found = incumbents(trials, name, drawn)
    final = trials[(trials.phase == "final") & (trials.approach == name)]
    runs = tuple(_final_run(row) for _, row in final.iterrows())
    valid = _mean([run.valid_accuracy for run in runs])
    if valid is None:
        valid = _mean([incumbent.valid_accuracy for incumbent in found])
    return ApproachSummary(
        name=name,
        spending=spent,
        curves=drawn,
        incumbents=found,
        final_runs=runs,
        valid_accuracy=valid,
        gap_test=_gap(records, valid, test, alpha) if test and valid is not None else None,
        test=test,
        problem=None if test else _problem(spent, trials[trials.approach == name], found, runs),
    )


def _gap(records: StudyRecords, valid: float, test: TestScores, alpha: float) -> Gap | None:
    """Grouped validation images count for as few as those of the test split do; the level is one for all approaches."""
    if records.data is None or not records.data.valid:
        return None
    e, images = test.accuracy, records.data.test
    n = e.estimate * (1 - e.estimate) / e.se**2 if e.se else e.reference.image_df + 1
    independent = min(1.0, n / images) if records.data.grouped and images else 1.0
    alpha = alpha / len(records.settings.approaches)
    quantile = e.reference.quantile(alpha / 2)
    return gap(valid, records.data.valid * independent, e.estimate, n, quantile=quantile, alpha=alpha)


def _final_run(row: pd.Series) -> FinalRun:
    return FinalRun(
        trial=str(row.trial),
        replicate=int(row.replicate),
        seed=int(row["index"]),  # row.index would be the names of the columns
        random_seed=int(row.seed),
        status=str(row.status),
        charged_s=float(row.charged_s),
        allowance_s=float(row.allowance_s),
        valid_accuracy=_known(row.best_accuracy),
        test_accuracy=_known(row.test_accuracy),
        reason=None if pd.isna(row.reason) else str(row.reason),
    )


def _problem(
    spent: Spending, trials: pd.DataFrame, incumbents: Sequence[Incumbent], runs: Sequence[FinalRun]
) -> str | None:
    reasons = trials.reason.dropna()
    because = f": {reasons.iloc[-1]}" if len(reasons) else ""
    if spent.trials == 0:
        return "no trial was started"
    if spent.failed == spent.trials:
        return f"every trial failed{because}"
    if not incumbents:
        return f"no trial was validated{because}"
    if runs and all(run.status == "failed" for run in runs):
        return f"every final run failed{because}"
    return "no final run has been evaluated"


def _known(value: object) -> float | None:
    return None if pd.isna(value) else float(value)  # type: ignore[arg-type]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
