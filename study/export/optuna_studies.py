"""An Optuna study for each search, so that Optuna's dashboard and plots open what a study found.

A database is changed in one transaction: whatever goes wrong, it is left as it was. The states say what the search
could make of a trial: COMPLETE where it has a validated state (finished, cut, or diverged after a validation), FAIL
where it has none or failed, RUNNING where it has not ended. So Optuna's best trial is the study's incumbent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from analysis.records.errors import RecordsError
from analysis.records.reading import StudyRecords
from analysis.records.schema import HyperparameterValue
from study.config.space import Distribution, parse_hyperparameter
from study.export.optuna_storages import (
    JOURNAL,
    database,
    is_journal,
    journal_file,
    new_journal,
    refuse_in_memory,
    shown,
    transaction,
)
from study.export.searches import Search, Trial, searches
from study.search.sampler import to_optuna
from trainables.errors import InputError

INSTEAD = "export a --table instead"

Distributions = Mapping[str, BaseDistribution]


@dataclass(frozen=True)
class OptunaTarget:
    """A storage of Optuna's.

    Args:
        url: of a database, such as `sqlite:///search.db`, or `journal:///search.log` for a journal file.
        replace: whether studies of the same names may be there already.
    """

    url: str
    replace: bool = False

    def check(self, records: StudyRecords) -> None:
        _spaces(records, searches(records))
        if is_journal(self.url):
            self._check_journal(journal_file(self.url))
            return
        refuse_in_memory(self.url)
        with database(self.url) as storage:
            taken = _taken(storage, records)
        if taken and not self.replace:
            raise InputError(
                f"{shown(self.url)}: holds a study {taken[0]} already; give another storage, or --replace to write "
                "its studies anew"
            )

    def _check_journal(self, file: Path) -> None:
        if file.is_dir():
            raise InputError(f"{self.url}: is a folder; give a file, as in {JOURNAL}search.log")
        if file.exists() and not self.replace:
            raise InputError(f"{self.url}: is there already; give another file, or --replace to write it anew")

    def write(self, records: StudyRecords) -> str:
        found = searches(records)
        spaces = _spaces(records, found)
        with new_journal(self.url) if is_journal(self.url) else transaction(self.url) as storage:
            for name in _taken(storage, records):
                optuna.delete_study(study_name=name, storage=storage)
            for search in found:
                _write_search(storage, search, spaces[search.approach], records)
        trials = sum(len(search.trials) for search in found)
        return f"{shown(self.url)}: {len(found):,} Optuna studies, {trials:,} trials"


def study_name(records: StudyRecords, search: Search) -> str:
    """What the Optuna study of a search is called."""
    return f"{records.settings.name}/{search.name}"


def distributions(space: Distributions, trials: Iterable[Trial]) -> dict[str, BaseDistribution]:
    """The distributions of a search, each widened as far as the published configuration needs.

    Optuna takes no value from outside a distribution, and only equal distributions within one study let its plots see
    a hyperparameter in all trials, so they are widened for the whole study.
    """
    return {
        name: widened(given, [trial.params[name] for trial in trials if name in trial.params])
        for name, given in space.items()
    }


def widened(given: BaseDistribution, values: Iterable[HyperparameterValue]) -> BaseDistribution:
    """The distribution, as wide as it must be to hold these values.

    A logarithmic one that has to hold zero becomes linear, one of whole numbers that has to hold others continuous.
    """
    outside = [value for value in dict.fromkeys(values) if not _holds(given, value)]
    if not outside:
        return given
    if isinstance(given, CategoricalDistribution):
        return CategoricalDistribution((*given.choices, *outside))
    low, high = min(given.low, *outside), max(given.high, *outside)
    log = given.log and low > 0
    if isinstance(given, IntDistribution) and all(value == int(value) for value in outside):
        return IntDistribution(int(low), int(high), log=log)
    return FloatDistribution(low, high, log=log)


def _holds(given: BaseDistribution, value: HyperparameterValue) -> bool:
    if isinstance(given, CategoricalDistribution):
        return value in given.choices
    possible = not isinstance(given, IntDistribution) or value == int(value)
    return bool(possible and given.low <= value <= given.high)


def _write_search(storage: BaseStorage, search: Search, space: Distributions, records: StudyRecords) -> None:
    study = optuna.create_study(storage=storage, study_name=study_name(records, search), direction="maximize")
    used = distributions(space, search.trials)
    for name, value in _about(search, records).items():
        study.set_user_attr(name, value)
    study.set_user_attr("widened", [name for name in space if used[name] != space[name]])
    study.add_trials(frozen(trial, used) for trial in search.trials)


def _about(search: Search, records: StudyRecords) -> dict[str, object]:
    """What is told of a whole search; the accuracies of its final runs on the test split by the number of the run."""
    settings = records.settings
    return {
        "study": settings.name,
        "approach": search.approach,
        "replicate": search.replicate,
        "directory": records.location,
        "seed": settings.seed,
        **settings.budget.model_dump(),
        "feature_cost": settings.feature_cost,
        **settings.significance.model_dump(),
        "space": settings.approaches[search.approach]["space"],
        "test_accuracy": {
            str(run.facts["index"]): run.facts["test_accuracy"] for run in search.finals if "test_accuracy" in run.facts
        },
    }


def frozen(trial: Trial, space: Distributions) -> FrozenTrial:
    """One trial as Optuna keeps it: constants are attributes, steps are the trial's own."""
    varied = {name: value for name, value in trial.params.items() if name in space}
    constants = {f"constant.{name}": value for name, value in trial.params.items() if name not in space}
    state = TrialState.COMPLETE if trial.succeeded else TrialState.FAIL
    validated = trial.events[trial.events.valid_accuracy.notna()]
    return FrozenTrial(
        number=-1,  # the storage numbers trials and gives them their ids
        trial_id=-1,
        state=state if trial.ended is not None else TrialState.RUNNING,
        value=trial.accuracy if trial.succeeded else None,
        datetime_start=datetime.fromtimestamp(trial.started),  # Optuna keeps local times without a zone
        datetime_complete=None if trial.ended is None else datetime.fromtimestamp(trial.ended),
        params=varied,
        distributions={name: space[name] for name in varied},
        user_attrs={**trial.facts, **constants},
        system_attrs={},
        intermediate_values={
            int(steps): float(accuracy)
            for steps, accuracy in zip(validated.steps, validated.valid_accuracy, strict=True)
        },
    )


def _spaces(records: StudyRecords, found: Iterable[Search]) -> dict[str, dict[str, BaseDistribution]]:
    """What each approach's search varies, as the records have it: an approach's own code need not be there any more.

    Raises:
        RecordsError: an approach has no space, or one that cannot be read, or a trial has a word for a number of it.
    """
    spaces = {name: _space(records, name) for name in records.settings.approaches}
    for search in found:
        for trial in search.trials:
            for name, value in trial.params.items():
                given = spaces[search.approach].get(name)
                if isinstance(value, str) and isinstance(given, IntDistribution | FloatDistribution):
                    where = _where(records, search.approach)
                    raise RecordsError(f"{where}.{name}: a range, but {trial.name} has {value!r}; {INSTEAD}")
    return spaces


def _space(records: StudyRecords, approach: str) -> dict[str, BaseDistribution]:
    where = _where(records, approach)
    written = records.settings.approaches[approach].get("space")
    if not isinstance(written, Mapping):
        raise RecordsError(f"{where}: needs hyperparameters by name, but got {written!r}; {INSTEAD}")
    try:
        parsed = {name: parse_hyperparameter(name, given) for name, given in written.items()}
    except ValueError as error:
        raise RecordsError(f"{where}.{error}; {INSTEAD}") from error
    return {name: to_optuna(given) for name, given in parsed.items() if isinstance(given, Distribution)}


def _where(records: StudyRecords, approach: str) -> str:
    return f"{records.location}/study.yaml: approaches.{approach}.space"


def _taken(storage: BaseStorage, records: StudyRecords) -> list[str]:
    there = set(optuna.get_all_study_names(storage=storage))
    return [name for name in (study_name(records, search) for search in searches(records)) if name in there]
