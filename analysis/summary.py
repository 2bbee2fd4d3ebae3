"""A study in numbers: everything that the report says, computed once into frozen dataclasses.

The report, its figures and the command line's last screen draw and print these; they compute nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import ledger, outcomes
from analysis.errors import RecordsError
from analysis.ledger import Account, Curve, Incumbent, Search
from analysis.mcnemar import McNemar, mcnemar
from analysis.outcomes import Outcomes, Runs
from analysis.paired import AccuracyEstimate, Difference, accuracy, difference
from analysis.power import detectable
from analysis.records import StudyRecords, trial_table
from analysis.verdicts import Verdict, equivalence_p, holm, verdict


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class TestScores:
    """What the final runs of one approach reached on the test split, as means over the runs.

    Attributes:
        accuracy: over seeds and images; with repeated searches `per_seed` holds one value per replicate.
        balanced_accuracy: mean accuracy of the classes.
        log_loss: on probabilities (see `probabilities` for where they come from), or None without any.
        one_hot_log_loss: on hard decisions whose one-hot vectors are read as logits.
        probabilities: `softmax`, `calibrated_on_validation` or `none`.
        confusion: (C, C) mean counts, rows the true class.
    """

    accuracy: AccuracyEstimate
    balanced_accuracy: float
    log_loss: float | None
    one_hot_log_loss: float
    probabilities: str
    confusion: NDArray[np.float64] = field(repr=False)


@dataclass(frozen=True)
class ApproachSummary:
    """Everything about one approach.

    Attributes:
        valid_accuracy: mean over its final runs, or of its incumbents where final runs trained on validation too.
        gap: valid_accuracy minus test accuracy.
        test: None where no final run was evaluated; then `problem` says why.
    """

    name: str
    account: Account
    curves: tuple[Curve, ...] = field(repr=False)
    incumbents: tuple[Incumbent, ...]
    final_runs: tuple[FinalRun, ...]
    valid_accuracy: float | None
    gap: float | None
    test: TestScores | None
    problem: str | None


@dataclass(frozen=True)
class SeedPair:
    """McNemar's test of one final run of each approach."""

    seed_a: int
    seed_b: int
    test: McNemar


@dataclass(frozen=True)
class PairSummary:
    """One pair of approaches.

    Attributes:
        p_holm: p corrected for the number of pairs.
        p_equivalence: of the two one-sided tests against the study's margin.
        detectable: smallest true difference this design had an 80 % chance to find (before Holm's correction); None
            where no variance could be estimated.
        seeds: the secondary view, runs paired in the order of their seeds.
    """

    difference: Difference
    p_holm: float
    p_equivalence: float
    verdict: Verdict
    detectable: float | None
    seeds: tuple[SeedPair, ...]


@dataclass(frozen=True)
class StudySummary:
    """The whole study.

    Attributes:
        trials: records.trial_table of its events.
        majority_rate: share of the largest class in the test split: the accuracy of always naming that class.
        units: test images, or groups of images where groups are the unit; None before the first final run.
    """

    records: StudyRecords = field(repr=False)
    trials: pd.DataFrame = field(repr=False)
    approaches: tuple[ApproachSummary, ...]
    pairs: tuple[PairSummary, ...]
    search: Search
    majority_rate: float | None
    units: int | None

    @property
    def ranked(self) -> tuple[ApproachSummary, ...]:
        """The approaches with test results, the most accurate first."""
        tested = [a for a in self.approaches if a.test]
        return tuple(sorted(tested, key=lambda a: -a.test.accuracy.estimate if a.test else 0.0))


def summarise(records: StudyRecords) -> StudySummary:
    """Compute everything that a report says about a study, finished or not.

    Raises:
        RecordsError: the final runs do not share their images, or these are fewer than two images or groups.
    """
    trials = trial_table(records.events)
    of = ledger.accounts(records, trials)
    seen, units = _outcomes(records), _Units(records, trials)
    correct = {name: units.correct(name, runs) for name, runs in seen.runs.items()} if seen else {}
    return StudySummary(
        records=records,
        trials=trials,
        approaches=tuple(_approach(records, trials, seen, correct, name, account) for name, account in of.items()),
        pairs=_pairs(records, seen, correct) if seen else (),
        search=ledger.search_summary(records, trials, of),
        majority_rate=_majority_rate(records),
        units=_unit_count(seen) if seen else None,
    )


class _Units:
    """Turns the runs of an approach into its seed-level units: seeds, or replicates where the search is repeated."""

    def __init__(self, records: StudyRecords, trials: pd.DataFrame) -> None:
        self.repeated = records.settings.replicates > 1
        final = trials[trials.phase == "final"]
        keys = zip(final.approach, final["index"], strict=True)
        self.replicate = dict(zip(keys, final.replicate, strict=True))

    def correct(self, approach: str, runs: Runs) -> NDArray[np.float64]:
        if not self.repeated:
            return runs.correct.astype(np.float64)
        unknown = [seed for seed in runs.seeds if (approach, seed) not in self.replicate]
        if unknown:
            raise RecordsError(f"predictions of {approach}, seed {unknown[0]} belong to no recorded final run")
        return runs.by_replicate({seed: int(self.replicate[approach, seed]) for seed in runs.seeds})


def _outcomes(records: StudyRecords) -> Outcomes | None:
    if records.data is None or records.predictions.empty:
        return None
    known = records.predictions[records.predictions.approach.isin(list(records.settings.approaches))]
    if known.empty:
        return None
    seen = outcomes.read_outcomes(known, grouped=records.data.grouped)
    if _unit_count(seen) < 2:
        unit = "image" if seen.groups is None else "group of images"
        raise RecordsError(
            f"{records.location}: its test split is one {unit}, and a statement needs at least two; run the study again"
            f" with {'more test images' if seen.groups is None else 'other groups'}"
        )
    return seen


def _unit_count(seen: Outcomes) -> int:
    return len(seen.labels) if seen.groups is None else len(np.unique(seen.groups))


def _majority_rate(records: StudyRecords) -> float | None:
    counts = records.data.counts.get("test") if records.data else None
    return max(counts) / sum(counts) if counts and sum(counts) else None


def _approach(
    records: StudyRecords,
    trials: pd.DataFrame,
    seen: Outcomes | None,
    correct: dict[str, NDArray[np.float64]],
    name: str,
    account: Account,
) -> ApproachSummary:
    drawn = ledger.curves(records, name)
    incumbents = ledger.incumbents(trials, name, drawn)
    final = trials[(trials.phase == "final") & (trials.approach == name)]
    runs = tuple(_final_run(row) for _, row in final.iterrows())
    test = _test_scores(records, seen, correct[name], name) if seen and name in correct else None
    valid = _mean([run.valid_accuracy for run in runs])
    if valid is None:
        valid = _mean([incumbent.valid_accuracy for incumbent in incumbents])
    return ApproachSummary(
        name=name,
        account=account,
        curves=drawn,
        incumbents=incumbents,
        final_runs=runs,
        valid_accuracy=valid,
        gap=valid - test.accuracy.estimate if test and valid is not None else None,
        test=test,
        problem=None if test else _problem(account, trials[trials.approach == name], incumbents, runs),
    )


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


def _test_scores(records: StudyRecords, seen: Outcomes, correct: NDArray[np.float64], name: str) -> TestScores:
    classes = len(records.data.classes) if records.data else 0
    runs = seen.runs[name]
    estimate = accuracy(correct, groups=seen.groups, alpha=records.settings.significance.alpha)
    matrix = outcomes.confusion(runs, seen.labels, classes)
    said = records.events.loc[records.events.approach == name, "probabilities"].dropna()
    return TestScores(
        accuracy=estimate,
        balanced_accuracy=outcomes.balanced_accuracy(matrix),
        log_loss=_mean(runs.log_loss or ()),
        one_hot_log_loss=outcomes.one_hot_log_loss(estimate.estimate, classes),
        probabilities=str(said.iloc[-1]) if len(said) else ("softmax" if runs.log_loss else "none"),
        confusion=matrix,
    )


def _problem(
    account: Account, trials: pd.DataFrame, incumbents: Sequence[Incumbent], runs: Sequence[FinalRun]
) -> str | None:
    reasons = trials.reason.dropna()
    because = f": {reasons.iloc[-1]}" if len(reasons) else ""
    if account.trials == 0:
        return "no trial was started"
    if account.failed == account.trials:
        return f"every trial failed{because}"
    if not incumbents:
        return f"no trial was validated{because}"
    if runs and all(run.status == "failed" for run in runs):
        return f"every final run failed{because}"
    return "no final run has been evaluated"


def _pairs(records: StudyRecords, seen: Outcomes, correct: dict[str, NDArray[np.float64]]) -> tuple[PairSummary, ...]:
    alpha, margin = records.settings.significance.alpha, records.settings.significance.margin
    names = [name for name in records.settings.approaches if name in correct]
    found = [
        difference(a, b, correct[a], correct[b], groups=seen.groups, alpha=alpha) for a, b in combinations(names, 2)
    ]
    return tuple(
        PairSummary(
            difference=pair,
            p_holm=p_holm,
            p_equivalence=equivalence_p(pair, margin),
            verdict=verdict(pair, p_holm, alpha=alpha, margin=margin),
            detectable=detectable(pair.se, pair.df, alpha=alpha) if pair.se else None,
            seeds=_seed_pairs(seen.runs[pair.a], seen.runs[pair.b]),
        )
        for pair, p_holm in zip(found, holm([pair.p for pair in found]), strict=True)
    )


def _seed_pairs(a: Runs, b: Runs) -> tuple[SeedPair, ...]:
    numbers = zip(a.seeds, b.seeds, strict=False)  # the rest of the longer one has no partner
    matched = zip(numbers, a.correct, b.correct, strict=False)
    return tuple(SeedPair(seed_a, seed_b, mcnemar(x, y)) for (seed_a, seed_b), x, y in matched)


def _known(value: object) -> float | None:
    return None if pd.isna(value) else float(value)  # type: ignore[arg-type]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
