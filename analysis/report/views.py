"""The secondary views of a pair of approaches: what the field also computes, and never the basis of a verdict.

To add one, write its statistics as a pure function in a file of analysis/statistics, and give it an entry in VIEWS:
its columns then stand in the table of page and Markdown, its numbers in report.json. Nothing else is edited.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from analysis.numbers import interval, level, number, p_value, signed, signed_interval
from analysis.report.design import SEED, Design, PairData
from analysis.report.table import Column
from analysis.statistics.paired import Difference
from analysis.statistics.per_class import balanced_difference
from analysis.statistics.secondary.bayes import Posterior, posterior
from analysis.statistics.secondary.mcnemar import RunPair, run_by_run
from analysis.statistics.secondary.outperformance import Outperformance, outperformance

T = TypeVar("T")


def _as_it_is(result: object) -> object:
    return result


@dataclass(frozen=True)
class View(Generic[T]):
    """One reading of the predictions of two approaches.

    Attributes:
        key: its name in report.json.
        compute: its result, a frozen dataclass or several; None, shown as dashes and null, for nothing.
        columns: its columns in the table of secondary views; their cells read the result.
        footnote: what the columns mean, and what the view leaves out.
        to_json: what goes to report.json: numbers, texts, dataclasses, and lists or dictionaries of these.
    """

    key: str
    compute: Callable[[PairData], T | None]
    columns: Callable[[Design], Sequence[Column[T]]]
    footnote: str
    to_json: Callable[[T], object] = _as_it_is


def _mcnemar(pair: PairData) -> tuple[RunPair, ...]:
    a, b = pair.a.runs, pair.b.runs
    return run_by_run(a.seeds, a.correct, b.seeds, b.correct, alpha=pair.design.look_alpha)


def _range_of_p(runs: tuple[RunPair, ...]) -> str:
    p = [one.test.p_mid for one in runs]
    return f"{p_value(min(p))} to {p_value(max(p))}"


def _below(runs: tuple[RunPair, ...], alpha: float) -> str:
    return f"{sum(one.test.p_mid < alpha for one in runs)} of {len(runs)}"


MCNEMAR = View(
    "mcnemar",
    _mcnemar,
    lambda design: (
        Column("McNemar's mid-p, run by run", _range_of_p, "interval"),
        Column(f"below {design.look_alpha:.3g}", lambda runs: _below(runs, design.look_alpha), "unbroken"),
    ),
    "McNemar's test speaks of two single runs, and leaves out how much others would differ; runs are paired in their"
    " order.",
    lambda runs: [
        {"seed_a": one.seed_a, "seed_b": one.seed_b, **asdict(one.test), **asdict(one.interval)} for one in runs
    ],
)

POSTERIOR: View[Posterior] = View(
    "posterior",
    lambda pair: posterior(pair.difference, pair.design.margin),
    lambda _: (
        Column("posterior: first better", lambda found: number(found.a_better, 2)),
        Column("within margin", lambda found: number(found.equivalent, 2)),
        Column("second better", lambda found: number(found.b_better, 2)),
    ),
    "Posterior: with flat priors, the probability that the first is better by more than the margin, that neither is,"
    " that the second is.",
)


def _outperformance(pair: PairData) -> Outperformance:
    means = (side.correct.mean(axis=1) for side in (pair.a, pair.b))
    rng = np.random.default_rng(SEED)
    return outperformance(*means, rng=rng, alpha=pair.design.look_alpha, matched=pair.design.matched)


OUTPERFORMANCE = View(
    "superiority",  # as report.json has called it from the start; the field calls it the probability of outperformance
    _outperformance,
    lambda design: (
        Column("P(A>B)", lambda found: number(found.probability, 2)),
        Column(
            f"{level(design.look_alpha)} bootstrap interval",
            lambda found: interval(found.low, found.high, 2),
            "interval",
        ),
    ),
    "P(A>B): that one of the first beats one of the second (means of a replicate's runs, where there are replicates) on"
    " these images, which are held fixed.",
)


def _balanced(pair: PairData) -> Difference:
    return balanced_difference(
        pair.difference.a,
        pair.difference.b,
        pair.a.correct,
        pair.b.correct,
        pair.labels,
        groups=pair.groups,
        alpha=pair.design.look_alpha,
        matched=pair.design.matched,
    )


def _interval(found: Difference) -> str:
    """A dash where no variance could be estimated."""
    return signed_interval(found.low, found.high) if found.has_interval else "–"


BALANCED = View(
    "balanced",
    _balanced,
    lambda design: (
        Column("difference of balanced accuracies", lambda found: signed(found.difference)),
        Column(f"{level(design.look_alpha)} interval", _interval, "interval"),
        Column("p", lambda found: p_value(found.p), "unbroken"),
    ),
    "Balanced accuracies: first minus second. Small classes lean on the others for their variance.",
)

VIEWS: tuple[View[Any], ...] = (MCNEMAR, POSTERIOR, OUTPERFORMANCE, BALANCED)
