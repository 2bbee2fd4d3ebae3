"""An Optuna study for each search, so that Optuna's dashboard and plots open what a study found.

A database is changed in one transaction: whatever goes wrong, it is left as it was. The states say what the search
could make of a trial: COMPLETE where it has a validated state (finished, cut, or diverged after a validation), FAIL
where it has none or failed, RUNNING where it has not ended. So Optuna's best trial is the study's incumbent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import optuna
import sqlalchemy
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from analysis.records.errors import RecordsError
from analysis.records.schema import HyperparameterValue
from analysis.records.storage import first_line
from analysis.records.store import StudyRecords
from study.config.space import Distribution, parse_hyperparameter
from study.export.searches import Search, Trial, searches
from study.search.sampler import to_optuna
from trainables.errors import InputError

JOURNAL = "journal:///"
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
        if _is_journal(self.url):
            self._check_journal(_journal(self.url))
            return
        _refuse_in_memory(self.url)
        with _database(self.url) as storage:
            taken = _taken(storage, records)
        if taken and not self.replace:
            raise InputError(
                f"{_shown(self.url)}: holds a study {taken[0]} already; give another storage, or --replace to write "
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
        with _new_journal(self.url) if _is_journal(self.url) else _transaction(self.url) as storage:
            for name in _taken(storage, records):
                optuna.delete_study(study_name=name, storage=storage)
            for search in found:
                _write_search(storage, search, spaces[search.approach], records)
        trials = sum(len(search.trials) for search in found)
        return f"{_shown(self.url)}: {len(found):,} Optuna studies, {trials:,} trials"


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


@contextmanager
def _transaction(url: str) -> Iterator[BaseStorage]:
    """A database in which all that is written is one transaction.

    Optuna commits after each trial: here its sessions join an outer transaction, which a commit of theirs leaves open.
    """
    with _database(url) as storage, storage.engine.begin() as connection:
        storage.scoped_session.remove()
        storage.scoped_session.configure(bind=connection, join_transaction_mode="rollback_only")
        yield storage


@contextmanager
def _database(url: str) -> Iterator[RDBStorage]:
    """A database, closed again; whatever is wrong with it in one line."""
    with _one_line(url), _quiet():
        _parsed(url)
        storage = RDBStorage(url)
        try:
            yield storage
        finally:
            storage.scoped_session.remove()
            storage.engine.dispose()


@contextmanager
def _new_journal(url: str) -> Iterator[BaseStorage]:
    """A journal file that gets its name when it is whole; one that was there is gone then."""
    part = Path(f"{_journal(url)}.part")
    with _one_line(url), _quiet():
        part.unlink(missing_ok=True)  # of an export that was killed: a journal only grows
        try:
            yield JournalStorage(JournalFileBackend(str(part)))
            part.replace(_journal(url))
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def _one_line(url: str) -> Iterator[None]:
    try:
        yield
    except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.OptunaError, ImportError, OSError, RuntimeError) as error:
        cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
        raise InputError(
            f"{_shown(url)}: not a storage that Optuna can write ({first_line(cause)}); give one such as "
            f"sqlite:///search.db or {JOURNAL}search.log"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Optuna tells of every study that it creates."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def _is_journal(url: str) -> bool:
    return url.startswith(JOURNAL)


def _journal(url: str) -> Path:
    return Path(url.removeprefix(JOURNAL))


def _refuse_in_memory(url: str) -> None:
    with _one_line(url):
        parsed = _parsed(url)
    database, mode = parsed.database or "", parsed.query.get("mode")
    if parsed.get_backend_name() == "sqlite" and (not database or ":memory:" in database or mode == "memory"):
        raise InputError(
            f"{_shown(url)}: a database in memory, of which nothing stays; give a file, as in sqlite:///search.db"
        )


def _parsed(url: str) -> sqlalchemy.URL:
    try:
        return sqlalchemy.make_url(url)
    except ValueError as error:  # a port that is no number
        raise sqlalchemy.exc.ArgumentError(str(error)) from error


def _shown(url: str) -> str:
    """The URL without its password."""
    try:
        return _parsed(url).render_as_string(hide_password=True)
    except sqlalchemy.exc.ArgumentError:
        return re.sub("//.*@", "//***@", url)
