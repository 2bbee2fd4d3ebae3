"""What is exported: each search of a study (an approach in a replicate) with its trials and final runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from analysis.records.reading import StudyRecords
from analysis.records.schema import HyperparameterValue
from analysis.records.trials import trial_table

# What is told of a trial beside its hyperparameters and curves: the columns of the trial table.
FACTS = (
    *("trial", "approach", "phase", "replicate", "index", "seed", "origin", "status", "reason"),
    *("allowance_s", "charged_s", "refunded_s", "overshoot_s", "uncharged_s", "lost_s"),
    *("cpu_s", "waited_s"),
    *("epoch", "steps", "best_accuracy", "best_at_s", "test_accuracy"),
)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One trial of the search, or one final run.

    Attributes:
        status: an ending (`finished`, `cut`, `diverged`, `failed`), `lost` or `running`.
        started, ended: seconds since 1970; None while it has not ended.
        accuracy: validation accuracy of its best state; None where it reached none, or failed. It is what the search
            knows of a trial: what a failed one had reached stays in `facts`.
        facts: the FACTS that are known, by name.
        events: one row per TrialEvent, in order.
    """

    name: str
    status: str
    params: Mapping[str, HyperparameterValue]
    started: float
    ended: float | None
    accuracy: float | None
    facts: Mapping[str, HyperparameterValue]
    events: pd.DataFrame = field(repr=False)

    @property
    def succeeded(self) -> bool:
        """Whether it has ended with a validated state, and so may be the incumbent."""
        return self.ended is not None and self.accuracy is not None


@dataclass(frozen=True)
class Search:
    """One approach in one replicate.

    Attributes:
        name: the approach's; with several replicates `approach/r0`, `approach/r1` and so on.
        trials, finals: in the order of their index.
    """

    name: str
    approach: str
    replicate: int
    trials: tuple[Trial, ...]
    finals: tuple[Trial, ...]


def searches(records: StudyRecords) -> list[Search]:
    """The searches of a study, in the order of its file, also those that have not begun."""
    events = dict(iter(records.events.sort_values(["trial", "order"]).groupby("trial")))
    table = trial_table(records.events).sort_values("index", kind="stable")
    trials = [(row, _trial(row, events[row["trial"]])) for row in table.to_dict("records")]
    several = records.settings.replicates > 1

    def chosen(approach: str, replicate: int, phase: str) -> tuple[Trial, ...]:
        wanted = (approach, replicate, phase)
        return tuple(trial for row, trial in trials if (row["approach"], row["replicate"], row["phase"]) == wanted)

    return [
        Search(
            f"{approach}/r{replicate}" if several else approach,
            approach,
            replicate,
            trials=chosen(approach, replicate, "search"),
            finals=chosen(approach, replicate, "final"),
        )
        for approach in records.settings.approaches
        for replicate in range(records.settings.replicates)
    ]


def _trial(row: Mapping[str, Any], events: pd.DataFrame) -> Trial:
    facts = {name: row[name] for name in FACTS if pd.notna(row[name])}
    return Trial(
        name=row["trial"],
        status=row["status"],
        params=row["params"] or {},
        started=row["started"],
        ended=row["ended"] if pd.notna(row["ended"]) else None,
        accuracy=facts.get("best_accuracy") if row["status"] != "failed" else None,
        facts=facts,
        events=events,
    )
