"""The final runs: each approach's incumbents trained again with new seeds, scored on the test split.

The first round gives one run to every replicate, and so on, the last round perhaps not to all. What a run is called and
what it draws derive from its replicate and round alone, so that a study which is given more replicates or runs later
keeps all it has and only adds to them: what is on record counts towards the number of runs, and the replicate with the
fewest has the next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from itertools import count

import pandas as pd

from analysis.records.schema import ENDINGS, HyperparameterValue, TrialEvent
from analysis.records.trials import age, event_table, trial_table
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
    lost: Collection[str] = (),
) -> list[Turn]:
    """The final runs still to do, round by round, so that all approaches and replicates advance alike.

    A run is over when it is evaluated, or has ended with nothing to evaluate. One whose predictions are written
    (`predicted`, by trial) but whose evaluation is not on record was interrupted between the two, and runs again; so
    does one that was evaluated and whose predictions are `lost`.
    """
    table = trial_table(event_table(events))
    known = {event.trial: event for event in events if event.event == "started"}
    charged_first = precharged_s or {}
    last = {event.trial: event.event for event in sorted(events, key=lambda event: event.order)}
    evaluated = {trial for trial, event in last.items() if event == "evaluated"}
    ended = {trial for trial, event in last.items() if event in ENDINGS}
    over = (evaluated | ended - set(predicted)) - set(lost)
    incumbents = [incumbent_params(table, replicate) for replicate in range(config.replicates)]
    given_up = {
        (name, r): _given_up(known, name, r, found[name]) for r, found in enumerate(incumbents) for name in found
    }
    turns = []
    for (replicate, round_, again), index in _numbers(config, known, max(given_up.values(), default=0)).items():
        for name in config.approaches:
            trial, precharged = _name(name, replicate, round_, again), charged_first.get(name, 0.0)
            if given_up.get((name, replicate)) != again or trial in over:
                continue
            if trial in known:
                turns.append(turn_of(known[trial], precharged_s=precharged))
                continue
            spec = TrialSpec(
                trial=trial,
                approach=name,
                phase="final",
                replicate=replicate,
                index=index,
                params=incumbents[replicate][name],
                seed=derived_seed(config.seed, "final", replicate, round_),
                allowance_s=config.final_seconds,
                precharged_s=precharged,
            )
            turns.append(Turn(spec=spec, origin="incumbent"))
    return turns


def _given_up(
    started: Mapping[str, TrialEvent], approach: str, replicate: int, params: Mapping[str, HyperparameterValue]
) -> int:
    """How many configurations of one search were the incumbent before this one, and had final runs."""
    finals = [event for event in started.values() if event.phase == "final"]
    runs = sorted(finals, key=lambda event: age(event.trial, event.index))
    had = [event.params for event in runs if (event.approach, event.replicate) == (approach, replicate)]
    distinct = [params_ for number, params_ in enumerate(had) if params_ not in had[:number]]
    return distinct.index(dict(params)) if params in distinct else len(distinct)


def _numbers(config: StudyConfig, started: Mapping[str, TrialEvent], again: int) -> dict[tuple[int, int, int], int]:
    """The number of every run by (replicate, round, configurations before it).

    What is on record keeps its own number, others take the free ones.
    """
    once = _places(config, started)
    runs = [(*run, before) for before in range(again + 1) for run in once]
    trials = {_name(name, *run): run for run in runs for name in config.approaches}
    known = {trials[trial]: event.index for trial, event in started.items() if trial in trials}
    taken = {event.index for event in started.values() if event.phase == "final"}
    free = (number for number in count() if number not in taken)
    return {run: known[run] if run in known else next(free) for run in runs}


def _places(config: StudyConfig, started: Mapping[str, TrialEvent]) -> list[tuple[int, int]]:
    """The replicate and round of every run, round by round: those on record, and others as evenly as can be."""
    places = {(event.replicate, _round(event)) for event in started.values() if event.phase == "final"}
    runs = Counter(replicate for replicate, _ in places)
    while len(places) < config.final_runs:
        fewest = min(range(config.replicates), key=lambda replicate: runs[replicate])
        places.add((fewest, next(number for number in count() if (fewest, number) not in places)))
        runs[fewest] += 1
    return sorted(places, key=lambda place: place[::-1])


def _round(event: TrialEvent) -> int:
    """The round that stands in the name of a final run (see `_name`)."""
    return int(event.trial.removeprefix(f"{event.approach}-r{event.replicate}-seed").partition("-")[0])


def _name(approach: str, replicate: int, round_: int, again: int) -> str:
    """`svm-r0-seed1`; `svm-r0-seed1-2` where the search went on and this is its second incumbent with final runs."""
    return f"{approach}-r{replicate}-seed{round_}" + (f"-{again + 1}" if again else "")


def incumbent_params(trials: pd.DataFrame, replicate: int) -> dict[str, dict[str, HyperparameterValue]]:
    """The best validated configuration of every approach that has one."""
    searched = trials[(trials.phase == "search") & (trials.replicate == replicate)]
    best = {name: best_trial(trials) for name, trials in searched.groupby("approach")}
    return {str(name): dict(trial.params) for name, trial in best.items() if trial is not None}
