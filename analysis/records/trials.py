"""One row a trial, from its events; and what each search of an approach owes for its frozen features."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import pandas as pd

from analysis.records.schema import ENDINGS, FeatureCost, FeatureRule, TrialEvent

IDENTITY = ("approach", "phase", "replicate", "index", "seed", "origin", "params")
SECONDS = ("cpu_s", "waited_s", "overshoot_s", "uncharged_s", "lost_s")
SCORES = ("best_accuracy", "best_at_s", "test_accuracy")
CONFIGURATION = re.compile(r"-r\d+-seed\d+-(\d+)$")  # of a final run's name: see study/search/finals.py
CHARGED_TO_ALL = 2  # the version of the records from which on every replicate pays for its features
TRIAL_COLUMNS = (
    *("trial", *IDENTITY, "status", "reason", "allowance_s", "charged_s", "refunded_s"),
    *(*SECONDS, "epoch", "steps", *SCORES, "started", "ended"),
)


def event_table(events: Iterable[TrialEvent]) -> pd.DataFrame:
    """One row per event, its attributes as columns."""
    return pd.DataFrame([event.model_dump() for event in events], columns=list(TrialEvent.model_fields))


def trial_table(events: pd.DataFrame) -> pd.DataFrame:
    """One row per trial and final run, from its events, in the order in which they started.

    The columns are `TRIAL_COLUMNS`; `status` is an ending, `lost` or `running`, `started` and `ended` are times.
    A trial that failed keeps what it charged; one still running has refunded nothing.
    """
    ordered = events.sort_values("order", kind="stable")
    first, last = (ordered.drop_duplicates("trial", keep=end).set_index("trial") for end in ("first", "last"))
    endings = ordered[ordered.event.isin(ENDINGS)].drop_duplicates("trial", keep="last").set_index("trial")
    last, endings = last.reindex(first.index), endings.reindex(first.index)
    known = ordered.groupby("trial", sort=False)[["reason", *SCORES]].last()  # of each column the last that is known
    ended = endings.event.notna()
    table = pd.DataFrame(
        {
            **{name: first[name] for name in (*IDENTITY, "allowance_s")},
            **{name: last[name] for name in ("charged_s", *SECONDS, "epoch", "steps")},
            **{name: known[name] for name in known},
            "status": endings.event.where(ended, last.event.where(last.event == "lost", "running")),
            "refunded_s": (first.allowance_s - last.charged_s).clip(lower=0.0).where(ended, 0.0),
            "started": first.time,
            "ended": endings.time,
        }
    )
    return table.reset_index()[list(TRIAL_COLUMNS)]


def superseded(trials: pd.DataFrame) -> frozenset[str]:
    """Final runs that do not count any more, by name; `trials` is trial_table of a study's events.

    Where a search went on (`transfer-study extend --budget`) and found a better configuration, the final runs of the
    one before stay on record. Of each approach and replicate those count whose hyperparameters are the same as of the
    latest run (see `age`).
    """
    final = trials[trials.phase == "final"]
    rows = list(zip(final.trial, final["index"], final.approach, final.replicate, final.params, strict=True))
    rows.sort(key=lambda row: age(row[0], row[1]))
    latest = {tuple(whose): params for _, _, *whose, params in rows}  # the last stays
    return frozenset(trial for trial, _, *whose, params in rows if params != latest[tuple(whose)])


def age(run: str, index: int) -> tuple[int, int]:
    """What orders the final runs of one approach and replicate by configuration, whatever clocks say.

    The second configuration of a search has runs called `svm-r0-seed1-2`; the number of a run also grows, but for one
    configuration may be given when runs of a later one have theirs.
    """
    number = CONFIGURATION.search(run)
    return int(number[1]) if number else 1, index


def without_superseded(trials: pd.DataFrame) -> pd.DataFrame:
    """The same table without the final runs that do not count any more."""
    return trials[~trials.trial.isin(superseded(trials))]


def feature_charges(features: Iterable[FeatureCost], rule: FeatureRule, replicate: int = 0) -> dict[str, float]:
    """Seconds that the search of each approach in this replicate owes for its frozen features.

    Every replicate owes them, but where the record is of version 1: programs of then charged the first alone. Only the
    rule `first_use` owes them here: under `every_trial` they are part of each trial's own `charged_s`, under `free`
    nobody pays.
    """
    if rule != "first_use":
        return {}
    return costs_by_approach(cost for cost in features if replicate == 0 or cost.schema_version >= CHARGED_TO_ALL)


def charged_first(features: Iterable[FeatureCost], rule: FeatureRule) -> dict[str, float]:
    """Seconds that every single trial of an approach is charged for its frozen features before it works: only under
    `every_trial`."""
    return costs_by_approach(features) if rule == "every_trial" else {}


def uses_features(section: Mapping[str, object]) -> bool:
    """Whether an approach of the study file needs frozen features; told of those that come with the program alone."""
    kind = section.get("approach")
    return kind == "feature_svm" or (kind == "fine_tune" and section.get("frozen") == "backbone")


def costs_by_approach(features: Iterable[FeatureCost]) -> dict[str, float]:
    """Seconds that the frozen features of each approach cost, whoever pays for them."""
    costs: dict[str, float] = {}
    for feature in features:
        for approach in feature.approaches:
            costs[approach] = costs.get(approach, 0.0) + feature.cost_s
    return costs
