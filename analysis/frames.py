"""The report's numbers as data frames: one row an approach, one row a pair.

Picks and names columns, and computes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from analysis.report.comparison import Comparison, PairSummary, TestScores
    from analysis.report.summary import ApproachSummary, StudySummary

TEST_COLUMNS = (
    *("accuracy", "low", "high", "se", "runs", "balanced_accuracy", "balanced_low", "balanced_high"),
    *("log_loss", "brier", "probabilities"),
)
SPENT = ("charged_s", "budget_s", "trials", "finished", "cut", "diverged", "failed")
SEARCH_COLUMNS = ("valid_accuracy", "gap", *SPENT, "incumbent", "exhausted", "problem")
DIFFERENCE = ("a", "b", "difference", "low", "high", "se", "df", "p")
ENDS = ("low", "high", "simultaneous_low", "simultaneous_high")  # of no interval, where there is no variance
PAIR_COLUMNS = (
    *(*DIFFERENCE, "p_adjusted", "simultaneous_low", "simultaneous_high", "simultaneous_ends_at_zero"),
    *("p_equivalence", "p_equivalence_adjusted", "verdict", "detectable", "note"),
)
TEXTS = frozenset({"approach", "a", "b", "verdict", "note", "probabilities", "incumbent", "exhausted", "problem"})


def tested_approaches(compared: Comparison) -> pd.DataFrame:
    """What the runs of each approach reached, in the order of the comparison."""
    rows = [{"approach": test.name, **_test(test)} for test in compared.approaches]
    return _frame(rows, ("approach", *TEST_COLUMNS))


def searched_approaches(study: StudySummary) -> pd.DataFrame:
    """The same beside what each approach's search spent and found, in the order of the study file."""
    rows = [{"approach": one.name, **(_test(one.test) if one.test else {}), **_search(one)} for one in study.approaches]
    return _frame(rows, ("approach", *TEST_COLUMNS, *SEARCH_COLUMNS))


def compared_pairs(pairs: Sequence[PairSummary]) -> pd.DataFrame:
    """The difference of each pair with its tests and its verdict."""
    return _frame([_pair(pair) for pair in pairs], PAIR_COLUMNS)


def _test(test: TestScores) -> dict[str, object]:
    accuracy, balanced = test.accuracy, test.balanced_accuracy
    return {
        "accuracy": accuracy.estimate,
        "low": accuracy.low,
        "high": accuracy.high,
        "se": accuracy.se,
        "runs": len(accuracy.per_seed),
        "balanced_accuracy": balanced.estimate,
        "balanced_low": balanced.low,
        "balanced_high": balanced.high,
        "log_loss": test.losses.log_loss.estimate if test.losses else None,
        "brier": test.losses.brier.estimate if test.losses else None,
        "probabilities": test.probabilities,
    }


def _search(approach: ApproachSummary) -> dict[str, object]:
    spent, best = approach.spending, approach.incumbent
    return {
        "runs": len(approach.test.accuracy.per_seed) if approach.test else 0,
        "valid_accuracy": approach.valid_accuracy,
        "gap": approach.gap,
        **{name: getattr(spent, name) for name in SPENT},
        "incumbent": best.trial if best else None,
        "exhausted": spent.exhausted,
        "problem": approach.problem,
    }


def _pair(pair: PairSummary) -> dict[str, object]:
    difference, interval = pair.difference, pair.interval
    known = {} if difference.has_interval else dict.fromkeys(ENDS)
    return {
        **{name: getattr(difference, name) for name in DIFFERENCE},
        "p_adjusted": pair.p_adjusted,
        "simultaneous_low": interval.low,
        "simultaneous_high": interval.high,
        "simultaneous_ends_at_zero": interval.ends_at_zero,
        "p_equivalence": pair.p_equivalence,
        "p_equivalence_adjusted": pair.p_equivalence_adjusted,
        "verdict": pair.verdict,
        "detectable": pair.detectable,
        "note": difference.note,
        **known,
    }


def _frame(rows: Sequence[dict[str, object]], columns: Sequence[str]) -> pd.DataFrame:
    """Columns of floats, of whole numbers (or of yes and no) where every row has one, and of objects for texts.

    Numbers that are not known are NaN, texts None, also where no row knows them.
    """
    data = {name: [row.get(name) for row in rows] for name in columns}
    texts = {name: pd.Series(values, dtype=object) for name, values in data.items() if name in TEXTS}
    frame = pd.DataFrame(data | texts)
    whole = frame.select_dtypes(["integer", "bool"]).columns
    return frame.astype({name: float for name in columns if name not in TEXTS and name not in whole})
