"""From which budget on an approach can deliver its test accuracy, and so which of two to run for a given budget.

best_of_budget.py says what a search may be expected to have found on the validation split. This is about what came of
it: an accuracy on the test split, to be had once the search has found its incumbent and one final run is paid for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt

import numpy as np
import pandas as pd
from scipy import stats


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """From which budget on an approach could deliver its test accuracy; before that it has none.

    Attributes:
        from_s: charged seconds until its search had found the incumbent, and one final run was paid: the mean over the
            final runs, or over the replicates of the search.
        low_s, high_s: t interval of that mean; None with a single one.
        accuracy, accuracy_low, accuracy_high: on the test split, with its interval over seeds and images.
        note: what the interval of `from_s` leaves out, or None.
    """

    approach: str
    from_s: float
    low_s: float | None
    high_s: float | None
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    note: str | None


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which of two approaches to run, given a budget for one search and one final run.

    Attributes:
        better: the one with the higher mean test accuracy (whether significantly, statistics.paired.difference says);
            None where they are equal.
        from_s, low_s, high_s: from which budget on it can be delivered, with the interval of its `Delivery`.
        note: what that interval leaves out, or None.
        until_then, since_s: the other one, and from which budget it can be delivered, where that is smaller: between
            the two it is all there is. None where the better one is there first.
    """

    a: str
    b: str
    better: str | None
    from_s: float | None
    low_s: float | None
    high_s: float | None
    note: str | None
    until_then: str | None
    since_s: float | None


def final_costs(trials: pd.DataFrame, approach: str) -> dict[int, tuple[float, ...]]:
    """Charged seconds of the approach's evaluated final runs by replicate, from records.trials.trial_table."""
    runs = trials[(trials.phase == "final") & (trials.approach == approach) & trials.test_accuracy.notna()]
    return {int(replicate): tuple(one.charged_s.astype(float)) for replicate, one in runs.groupby("replicate")}


def delivery(
    approach: str,
    found_s: Mapping[int, float],
    paid_s: Mapping[int, Sequence[float]],
    accuracy: float,
    interval: tuple[float, float],
    *,
    alpha: float = 0.05,
) -> Delivery:
    """Say from which budget on the approach's test accuracy was to be had.

    With one search, the moment it found its incumbent is taken as it happened, and the interval is over final runs;
    with several, it is over the searches.

    Args:
        found_s: by replicate, charged seconds when the search found the incumbent (incumbents.Incumbent.at_s).
        paid_s: by replicate, charged seconds of each final run (see `final_costs`).
        accuracy, interval: of the final runs on the test split, in [0, 1], over seeds and images.
        alpha: 1 minus the level of the t interval of the charged seconds.

    Raises:
        ValueError: no replicate has both an incumbent and a final run.
    """
    both = [r for r in found_s if paid_s.get(r)]
    if not both:
        raise ValueError(f"{approach}: no search with both an incumbent and a final run; nothing was delivered")
    runs = [found_s[r] + np.asarray(paid_s[r], dtype=np.float64) for r in both]
    values = runs[0] if len(runs) == 1 else np.array([one.mean() for one in runs])
    note = "one search: how early another would find its incumbent is left out" if len(runs) == 1 else None
    mean, S = float(values.mean()), len(values)
    half = float(stats.t.isf(alpha / 2, S - 1)) * float(values.std(ddof=1)) / sqrt(S) if S > 1 else None
    return Delivery(
        approach=approach,
        from_s=mean,
        low_s=None if half is None else max(0.0, mean - half),
        high_s=None if half is None else mean + half,
        accuracy=accuracy,
        accuracy_low=interval[0],
        accuracy_high=interval[1],
        note=note if S > 1 else f"one final run, so no interval; {note}",
    )


def choices(deliveries: Sequence[Delivery]) -> tuple[Choice, ...]:
    """For each pair, from which budget on the more accurate one can be delivered; in the order of accuracy."""
    ranked = sorted(deliveries, key=lambda one: -one.accuracy)
    return tuple(_choice(a, b) for a, b in combinations(ranked, 2))


def _choice(a: Delivery, b: Delivery) -> Choice:
    level = a.accuracy == b.accuracy
    better, other = (a, b) if a.accuracy > b.accuracy else (b, a)
    later = not level and better.from_s > other.from_s
    return Choice(
        a=a.approach,
        b=b.approach,
        better=None if level else better.approach,
        from_s=None if level else better.from_s,
        low_s=None if level else better.low_s,
        high_s=None if level else better.high_s,
        note=None if level else better.note,
        until_then=other.approach if later else None,
        since_s=other.from_s if later else None,
    )
