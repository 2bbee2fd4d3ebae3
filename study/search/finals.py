"""The final runs: each approach's incumbent with several seeds, scored on the test split."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pandas as pd

from analysis.records.schema import ENDINGS, HyperparameterValue, TrialEvent
from analysis.records.trials import trial_table
from analysis.search.incumbents import best_trial
from study.config.models import StudyConfig
from study.search.seeds import derived_seed
from study.search.turns import Turn, turn_of
from trainables.spec import TrialSpec


def final_turns(
    config: StudyConfig,
    events: list[TrialEvent],
    predicted: Collection[str] = (),
    precharged_s: Mapping[str, float] | None = None,
) -> list[Turn]:
    """The final runs still to do: every incumbent, seed by seed, so that all approaches advance alike.

    A run is over when it is evaluated, or has ended with nothing to evaluate. One whose predictions are written
    (`predicted`, by trial) but whose evaluation is not on record was interrupted between the two, and runs again.
    """
    table = trial_table(pd.DataFrame([event.model_dump() for event in events], columns=list(TrialEvent.model_fields)))
    known = {event.trial: event for event in events if event.event == "started"}
    charged_first = precharged_s or {}
    evaluated = {event.trial for event in events if event.event == "evaluated"}
    over = evaluated | {event.trial for event in events if event.event in ENDINGS} - set(predicted)
    turns = []
    for replicate in range(config.replicates):
        incumbents = incumbent_params(table, replicate)
        for seed in range(config.final.seeds):
            for name in config.approaches:
                trial, precharged = f"{name}-r{replicate}-seed{seed}", charged_first.get(name, 0.0)
                if name not in incumbents or trial in over:
                    continue
                if trial in known:
                    turns.append(turn_of(known[trial], precharged_s=precharged))
                    continue
                index = replicate * config.final.seeds + seed
                spec = TrialSpec(
                    trial=trial,
                    approach=name,
                    phase="final",
                    index=index,
                    params=incumbents[name],
                    seed=derived_seed(config.seed, "final", index),
                    allowance_s=config.final_seconds,
                    precharged_s=precharged,
                )
                turns.append(Turn(spec=spec, replicate=replicate, origin="incumbent"))
    return turns


def incumbent_params(trials: pd.DataFrame, replicate: int) -> dict[str, dict[str, HyperparameterValue]]:
    """The best validated configuration of every approach that has one."""
    searched = trials[(trials.phase == "search") & (trials.replicate == replicate)]
    best = {name: best_trial(trials) for name, trials in searched.groupby("approach")}
    return {str(name): dict(trial.params) for name, trial in best.items() if trial is not None}
