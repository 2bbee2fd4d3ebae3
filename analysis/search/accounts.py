"""What each approach spent in the search, and how the search used the machine, derived from the records alone."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest

import pandas as pd

from analysis.records.reading import StudyRecords
from analysis.records.schema import PhaseEvent
from analysis.records.trials import charged_first, feature_charges


@dataclass(frozen=True, kw_only=True)
class Spending:
    """Slot-seconds and trials of one approach, over all its searches: one for each replicate.

    Attributes:
        charged_s: charged trials and frozen features; never more than `budget_s`.
        budget_s: what all its searches may charge together.
        feature_s: the part of what was charged for frozen features: owed by each search once (rule `first_use`; see
            records.trials.feature_charges), or by
            each trial (`every_trial`).
        refunded_s: reserved by trials that ended before their allowance.
        cpu_s, waited_s: CPU seconds over the slots' CPUs, and seconds without a CPU, of the same work (see TrialEvent);
            None where nothing is known.
        overshoot_s: worked past an allowance, thrown away and not charged.
        uncharged_s: building networks, checkpoints, waiting. lost_s: worked, then lost to a crash.
        trials: all that were started; `finished`, `cut`, `diverged` and `failed` say how they ended.
        exhausted: why the approach ran out of configurations before its budget, or None.
    """

    charged_s: float
    budget_s: float
    feature_s: float
    refunded_s: float
    cpu_s: float | None
    waited_s: float | None
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


def spending(records: StudyRecords, trials: pd.DataFrame) -> dict[str, Spending]:
    """What every approach in the study file spent; `trials` is records.trials.trial_table of the study's events."""
    rule = records.settings.feature_cost
    searches = range(records.settings.replicates)
    of_searches = [feature_charges(records.features, rule, replicate) for replicate in searches]
    owed = {name: sum(owed.get(name, 0.0) for owed in of_searches) for name in records.settings.approaches}
    each = charged_first(records.features, rule)
    searched = trials[trials.phase == "search"]
    return {
        name: _spending(records, searched[searched.approach == name], name, owed[name], each.get(name, 0.0))
        for name in records.settings.approaches
    }


def search_summary(records: StudyRecords, trials: pd.DataFrame, spent: dict[str, Spending]) -> Search:
    """Wall time, utilisation and equality of the search."""
    stretches = _stretches(records)
    wall = sum(seconds for seconds, _ in stretches)
    capacity = sum(seconds * slots for seconds, slots in stretches)
    worked = sum(one.charged_s - one.feature_s for one in spent.values())
    compared = [one.charged_s for one in spent.values() if one.exhausted is None]
    budget = records.settings.budget.search_seconds * records.settings.replicates
    return Search(
        wall_seconds=wall,
        slots=stretches[-1][1] if stretches else None,
        mean_slots=capacity / wall if wall > 0 else None,
        utilisation=worked / capacity if capacity > 0 else None,
        charged_spread=(max(compared) - min(compared)) / budget if len(compared) > 1 else None,
    )


def _spending(records: StudyRecords, trials: pd.DataFrame, name: str, owed_s: float, each_s: float) -> Spending:
    ended = trials.status.value_counts()
    charged = trials.charged_s.astype(float)
    return Spending(
        charged_s=float(charged.sum()) + owed_s,
        budget_s=records.settings.budget.search_seconds * records.settings.replicates,
        feature_s=owed_s + float(charged.clip(upper=each_s).sum()),  # one that failed at once was charged nothing
        refunded_s=float(trials.refunded_s.sum()),
        cpu_s=_sum_of_known(trials.cpu_s),
        waited_s=_sum_of_known(trials.waited_s),
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


def _sum_of_known(seconds: pd.Series) -> float | None:
    known = pd.to_numeric(seconds).dropna()
    return float(known.sum()) if len(known) else None


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
