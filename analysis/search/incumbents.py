"""What each approach had found by then: its best validated trial, and how that rose over the charged seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from analysis.records.reading import StudyRecords
from analysis.records.schema import HyperparameterValue
from analysis.records.trials import feature_charges


@dataclass(frozen=True)
class Curve:
    """Best validation accuracy so far against the charged seconds of one search: of one approach in one replicate.

    Attributes:
        seconds, accuracy: where the best rose, and to what; its last point repeats the best at the end of the search.
        trial: the trial that had raised it, point by point.
    """

    replicate: int
    seconds: tuple[float, ...]
    accuracy: tuple[float, ...]
    trial: tuple[str, ...]


@dataclass(frozen=True)
class Incumbent:
    """The best validated trial of one approach in one replicate.

    Attributes:
        at_s: charged seconds of the approach when it first reached this accuracy, with this trial or an equal one.
    """

    replicate: int
    trial: str
    params: dict[str, HyperparameterValue]
    valid_accuracy: float
    at_s: float


def best_trial(trials: pd.DataFrame) -> pd.Series | None:
    """The row of the best validated trial among these, or None; of equals the first started; failed ones never."""
    validated = trials[trials.best_accuracy.notna() & (trials.status != "failed")]
    return None if validated.empty else validated.loc[validated.best_accuracy.astype(float).idxmax()]


def incumbent_curve(events: pd.DataFrame, *, replicate: int, start_s: float = 0.0) -> Curve:
    """The curve of one approach's search events in one replicate, from `start_s` seconds charged before them.

    What a failed trial had reached is left out, as it never becomes the incumbent. Seconds that were lost to a crash
    and done again count once, where they were first charged.
    """
    ordered = events.sort_values(["time", "trial", "order"])
    so_far = ordered.groupby("trial").charged_s.cummax()
    charged = so_far - so_far.groupby(ordered.trial).shift(fill_value=0.0)
    failed = ordered.trial.isin(ordered.trial[ordered.event == "failed"])
    best = ordered.best_accuracy.astype(float).mask(failed)
    points = pd.DataFrame({"seconds": start_s + charged.cumsum(), "best": best, "trial": ordered.trial})
    before = points.best.cummax().ffill().shift()
    rises = points[points.best.notna() & (before.isna() | (points.best > before))]
    if rises.empty:
        return Curve(replicate, (), (), ())
    end = rises.iloc[[-1]].assign(seconds=points.seconds.iloc[-1])
    drawn = pd.concat([rises, end])
    return Curve(replicate, tuple(drawn.seconds), tuple(drawn.best), tuple(drawn.trial))


def curves(records: StudyRecords, approach: str) -> tuple[Curve, ...]:
    """One curve per replicate; frozen features, charged to each search once, stand before its first trial."""
    features, rule = records.features, records.settings.feature_cost
    events = records.events[(records.events.phase == "search") & (records.events.approach == approach)]
    return tuple(
        incumbent_curve(
            of_replicate,
            replicate=int(replicate),
            start_s=feature_charges(features, rule, int(replicate)).get(approach, 0.0),
        )
        for replicate, of_replicate in events.groupby("replicate")
    )


def incumbents(trials: pd.DataFrame, approach: str, drawn: Sequence[Curve]) -> tuple[Incumbent, ...]:
    """The incumbent of each replicate, with its place on that replicate's curve."""
    found = []
    searched = trials[(trials.phase == "search") & (trials.approach == approach)]
    for curve in drawn:
        best = best_trial(searched[searched.replicate == curve.replicate])
        if best is not None:
            reached = float(best.best_accuracy)
            at = next(s for s, a in zip(curve.seconds, curve.accuracy, strict=True) if a >= reached)
            found.append(Incumbent(curve.replicate, str(best.trial), dict(best.params or {}), reached, at))
    return tuple(found)
