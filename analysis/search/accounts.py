"""What each approach spent in the search and what it had found by then, derived from the records alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import pandas as pd

from analysis.records.schema import HyperparameterValue, PhaseEvent
from analysis.records.store import StudyRecords
from analysis.records.trials import costs_by_approach, feature_charges


@dataclass(frozen=True)
class Account:
    """Slot-seconds and trials of one approach in the search, over all replicates.

    Attributes:
        charged_s: charged trials and frozen features; never more than `budget_s`.
        feature_s: the part of it for frozen features: owed once (rule `first_use`), or by each trial (`every_trial`).
        refunded_s: reserved by trials that ended before their allowance.
        overshoot_s: worked past an allowance, thrown away and not charged.
        uncharged_s: building networks, checkpoints, waiting. lost_s: worked, then lost to a crash.
        trials: all that were started; `finished`, `cut`, `diverged` and `failed` say how they ended.
        exhausted: why the approach ran out of configurations before its budget, or None.
    """

    charged_s: float
    budget_s: float
    feature_s: float
    refunded_s: float
    overshoot_s: float
    uncharged_s: float
    lost_s: float
    trials: int
    finished: int
    cut: int
    diverged: int
    failed: int
    exhausted: str | None


@dataclass(frozen=True)
class Curve:
    """Best validation accuracy so far against the charged seconds of one approach in one replicate.

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


@dataclass(frozen=True)
class Search:
    """How the search used the machine.

    Attributes:
        wall_seconds: of its sessions together (one, and one more for each time it was resumed).
        slots: trials that could run at once, in the end.
        mean_slots: the same on average over the wall seconds, while the cluster grew and shrank; None before the first.
        utilisation: seconds that its trials worked and were charged for, over mean slots x wall seconds; None where
            that is 0. Frozen features are left out: they were extracted before the search began.
        charged_spread: (most - least) / budget of the seconds charged, over the approaches that did not run out of
            configurations; None if fewer than two remain.
    """

    wall_seconds: float
    slots: int | None
    mean_slots: float | None
    utilisation: float | None
    charged_spread: float | None


def accounts(records: StudyRecords, trials: pd.DataFrame) -> dict[str, Account]:
    """The account of every approach in the study file; `trials` is records.trial_table of the study's events."""
    rule = records.settings.feature_cost
    costs = costs_by_approach(records.features)
    once, each = (costs if rule == of else {} for of in ("first_use", "every_trial"))
    searched = trials[trials.phase == "search"]
    return {
        name: _account(records, searched[searched.approach == name], name, once.get(name, 0.0), each.get(name, 0.0))
        for name in records.settings.approaches
    }


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
    """One curve per replicate; frozen features, charged once per study, stand before the first."""
    owed = feature_charges(records.features, records.settings.feature_cost).get(approach, 0.0)
    events = records.events[(records.events.phase == "search") & (records.events.approach == approach)]
    return tuple(
        incumbent_curve(of_replicate, replicate=int(replicate), start_s=owed if replicate == 0 else 0.0)
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


def search_summary(records: StudyRecords, trials: pd.DataFrame, of: dict[str, Account]) -> Search:
    """Wall time, utilisation and equality of the search."""
    stretches = _stretches(records)
    wall = sum(seconds for seconds, _ in stretches)
    capacity = sum(seconds * slots for seconds, slots in stretches)
    worked = sum(account.charged_s - account.feature_s for account in of.values())
    spent = [account.charged_s for account in of.values() if account.exhausted is None]
    budget = records.settings.budget.search_seconds * records.settings.replicates
    return Search(
        wall_seconds=wall,
        slots=stretches[-1][1] if stretches else None,
        mean_slots=capacity / wall if wall > 0 else None,
        utilisation=worked / capacity if capacity > 0 else None,
        charged_spread=(max(spent) - min(spent)) / budget if len(spent) > 1 else None,
    )


def _account(records: StudyRecords, trials: pd.DataFrame, name: str, once_s: float, each_s: float) -> Account:
    ended = trials.status.value_counts()
    charged = trials.charged_s.astype(float)
    return Account(
        charged_s=float(charged.sum()) + once_s,
        budget_s=records.settings.budget.search_seconds * records.settings.replicates,
        feature_s=once_s + float(charged.clip(upper=each_s).sum()),  # one that failed at once was charged nothing
        refunded_s=float(trials.refunded_s.sum()),
        overshoot_s=float(trials.overshoot_s.sum()),
        uncharged_s=float(trials.uncharged_s.sum()),
        lost_s=float(trials.lost_s.sum()),
        trials=len(trials),
        finished=int(ended.get("finished", 0)),
        cut=int(ended.get("cut", 0)),
        diverged=int(ended.get("diverged", 0)),
        failed=int(ended.get("failed", 0)),
        exhausted=_exhausted(records, name),
    )


def _exhausted(records: StudyRecords, approach: str) -> str | None:
    events = [event for event in records.phases if event.event == "exhausted" and event.approach == approach]
    reasons = dict.fromkeys(event.reason or "no configuration was left" for event in events)
    return "; ".join(reasons) or None


def _stretches(records: StudyRecords) -> list[tuple[float, int]]:
    """(wall seconds, slots) of each stretch of the search between two changes of the slots.

    A session that was killed, or stopped, ends with its last trial event, or with its last `resized` where that came
    later. Studies older than `resized` have one stretch a session.
    """
    phases = [event for event in records.phases if event.phase == "search" and event.event != "exhausted"]
    times = records.events.loc[records.events.phase == "search", "time"]
    stretches = []
    for event, following in zip_longest(phases, phases[1:]):
        if event.event == "finished":
            continue
        goes_on = following and following.event != "started"
        end = following.time if following and goes_on else _last_before(times, following)
        stretches.append((max(0.0, end - event.time), 1 if event.slots is None else event.slots))
    return stretches


def _last_before(times: pd.Series, following: PhaseEvent | None) -> float:
    until = times[times < following.time] if following else times
    return float(until.max()) if len(until) else 0.0
