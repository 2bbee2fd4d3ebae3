"""What the budgets of a study buy, by the timings of its approaches; and budgets that would buy enough.

Pure: timings and a study file in, numbers out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from study.config.models import StudyConfig
from study.planning.configurations import most_trials
from study.planning.timing import Schedule, Timing, Untimed

TRIALS = 20  # in each search: ten drawn at random, and as many that learn from them
ROOM = 1.25  # a trial may be as much slower than it was when timed, and still finish


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What the budgets buy for one approach.

    Attributes:
        which: whose schedule it is: the published configuration's, or the median's where none is published.
        epochs_bought: how much of that schedule an allowance buys, in its epochs; more than it has where it has fewer.
        finishes: whether that schedule fits into an allowance.
        median_finishes: the same of the median configuration.
        trials: configurations that one search tries, about.
        trial_s: what one trial is charged, about.
    """

    approach: str
    which: str
    schedule: Schedule
    epochs_bought: float
    finishes: bool
    median_finishes: bool
    trials: float
    trial_s: float


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """Budgets with which each approach's median configuration finishes, and at least TRIALS are tried in each search.

    Attributes:
        final_s: for `final.trial_seconds`, where the study file sets it to less than that takes; else None.
        charged_s: what all searches and final runs may charge together.
        left_out: approaches that could not be timed.
    """

    trial_s: float
    search_s: float
    final_s: float | None
    charged_s: float
    left_out: tuple[str, ...]

    @property
    def assignments(self) -> dict[str, float]:
        """By the keys of the study file."""
        found = {"budget.search_seconds": self.search_s, "budget.trial_seconds": self.trial_s}
        return found if self.final_s is None else found | {"final.trial_seconds": self.final_s}


def forecast(config: StudyConfig, timing: Timing) -> Forecast:
    """What the study's budgets buy for one approach."""
    each_s, once_s = _features(config, timing)
    allowed_s = config.budget.trial_seconds - each_s
    schedule = timing.published or timing.median
    trial_s = each_s + min(allowed_s, timing.median.whole_s)
    bought = max(0.0, config.budget.search_seconds - once_s) / trial_s
    return Forecast(
        approach=timing.approach,
        which="published" if timing.published else "median",
        schedule=schedule,
        epochs_bought=max(0.0, schedule.epochs_in(allowed_s)),
        finishes=schedule.whole_s <= allowed_s,
        median_finishes=timing.median.whole_s <= allowed_s,
        trials=min(bought, most_trials(config.approaches[timing.approach])),
        trial_s=trial_s,
    )


def suggest(config: StudyConfig, timings: Iterable[Timing | Untimed]) -> Suggestion | None:
    """Budgets that suffice; None where no approach could be timed.

    No trial may charge more than `trial_seconds`, so that what the features cost and TRIALS times that is enough for
    TRIALS of them, whichever the search tries.
    """
    timings = list(timings)
    timed = [timing for timing in timings if isinstance(timing, Timing)]
    if not timed:
        return None
    features = [_features(config, timing) for timing in timed]
    needed_s = max(each_s + ROOM * timing.median.whole_s for timing, (each_s, _) in zip(timed, features, strict=True))
    trial_s = rounded_up(needed_s)
    search_s = rounded_up(max(once_s for _, once_s in features) + TRIALS * trial_s)
    own_s = config.final.trial_seconds
    final_s = trial_s if own_s is not None and own_s < trial_s else None
    one_run_s = final_s or own_s or trial_s
    approaches = len(config.approaches)
    return Suggestion(
        trial_s=trial_s,
        search_s=search_s,
        final_s=final_s,
        charged_s=approaches * (config.replicates * search_s + config.final_runs * one_run_s),
        left_out=tuple(timing.approach for timing in timings if isinstance(timing, Untimed)),
    )


def wall_s(config: StudyConfig, timings: Iterable[Timing | Untimed], slots: int) -> float:
    """Expected wall time of features, searches and final runs together; of an approach not timed the most there is."""
    known = {timing.approach: timing for timing in timings if isinstance(timing, Timing)}
    features: dict[object, float] = {}  # shared by approaches, and made once for all replicates
    worked_s = 0.0
    for name in config.approaches:
        searched_s, run_s = config.budget.search_seconds, config.final_seconds
        if name in known:
            timing, bought = known[name], forecast(config, known[name])
            each_s, once_s = _features(config, timing)
            settings = config.settings(name)
            features[getattr(settings, "backbone", None), settings.image_size, settings.precision] = timing.features_s
            searched_s = min(searched_s - once_s, bought.trials * (bought.trial_s - each_s))
            run_s = min(run_s - each_s, timing.median.whole_s)
        worked_s += config.replicates * max(0.0, searched_s) + config.final_runs * max(0.0, run_s)
    return (worked_s + sum(features.values())) / slots


def rounded_up(seconds: float) -> float:
    """To two digits, never below."""
    unit = 10.0 ** (math.floor(math.log10(seconds)) - 1)
    return float(f"{math.ceil(seconds / unit - 1e-9) * unit:.6g}")


def _features(config: StudyConfig, timing: Timing) -> tuple[float, float]:
    """What frozen features cost each trial, and each search once."""
    each_s = timing.features_s if config.feature_cost == "every_trial" else 0.0
    once_s = timing.features_s if config.feature_cost == "first_use" else 0.0
    return each_s, once_s
