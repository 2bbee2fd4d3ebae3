"""A study read into memory: every file of it, checked as a whole; and again where it is written to meanwhile."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from analysis.records.damage.complaints import Parsed, complaints, file_complaints
from analysis.records.damage.evaluated import Evaluated, evaluated_runs, joined, read_evaluated
from analysis.records.damage.sums import digest
from analysis.records.damage.trials import Complaint
from analysis.records.errors import RecordsError
from analysis.records.files import OWN_NAMES, is_of_a_run, predictions_name
from analysis.records.parsing import parse_environment, parse_settings
from analysis.records.predictions import PREDICTION_COLUMNS
from analysis.records.schema import DataInfo, FeatureCost, LookEvent, PhaseEvent, StudySettings
from analysis.records.store import SINGLE, Store, in_time, look_digest
from analysis.records.trials import event_table

ATTEMPTS = 3  # to read a study that is written to meanwhile, when something seems to be missing


@dataclass(frozen=True, kw_only=True)
class StudyRecords:
    """Everything a study left, read into memory.

    Attributes:
        events: one row per TrialEvent, its attributes as columns, in the order of `time`.
        predictions: one row per final run that counts (see `trials.superseded`) and test image: approach, seed (the
            `index` of the run's events, its number within the approach over all replicates), image, group, label,
            prediction, p_0 ... p_<C-1> (probabilities; missing where an approach gives none).
        looks: at the test results, in order.
        later_environments: of later sessions, where they were others than that of the first.
        digests: SHA-256 of the files that were read, by their names (see sums.py).
    """

    location: str
    settings: StudySettings
    data: DataInfo | None
    environment: dict[str, Any]
    phases: tuple[PhaseEvent, ...]
    features: tuple[FeatureCost, ...]
    events: pd.DataFrame
    predictions: pd.DataFrame = field(repr=False)
    looks: tuple[LookEvent, ...] = ()
    later_environments: tuple[dict[str, Any], ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict, repr=False)


def existing_study(location: str) -> Store:
    """The files of a study that is there, given as a path, or as that of its study.yaml, or as a URI.

    Raises:
        RecordsError: there is none.
    """
    location = _directory(str(location))
    store = Store(location)
    if "://" not in location and not Path(location).exists():
        raise RecordsError(f"{location}: no such directory; give the directory of a study")
    if not store.exists("study.yaml"):
        raise RecordsError(f"{location}: not a study directory (no study.yaml in it); give the directory of a study")
    return store


def read_study(location: str) -> StudyRecords:
    """Read a study; its location as for `existing_study`.

    Raises:
        RecordsError: it is no study directory, or one of its files is damaged (see damage/); the
            message names the file.
    """
    return _at_rest(existing_study(location), _read_all)


def _read_all(store: Store) -> StudyRecords:
    records = _read(store)
    found = predictions_of(store, records.events, records.data)
    for run, problem in found.lost.items():
        mend = shlex.quote(records.location)
        raise RecordsError(
            f"{store.path(predictions_name(run))}: {problem}; `transfer-study resume {mend}` does that run again"
        )
    digests = {predictions_name(run): found.digests[run] for run in found.tables}
    return replace(records, predictions=joined(found), digests={**records.digests, **digests})


def read_records(location: str) -> StudyRecords:
    """Read a study but for its predictions: there are none in what comes back.

    Raises:
        RecordsError: as `read_study`, but for predictions.
    """
    return _at_rest(existing_study(location), _read)


def _at_rest(store: Store, read: Callable[[Store], StudyRecords]) -> StudyRecords:
    """Read a study that may be written to meanwhile: what seems to be missing may have come since."""
    for _ in range(ATTEMPTS - 1):
        names = _names(store)
        try:
            return read(store)
        except RecordsError:
            if _names(store) == names:
                raise
    return read(store)


def predictions_of(store: Store, events: pd.DataFrame, data: DataInfo | None) -> Evaluated:
    """The predictions of the final runs that were evaluated and count, and what is wrong with them.

    Args:
        events: as in StudyRecords.
        data: as in StudyRecords.
    """
    runs = evaluated_runs(events)
    present = set(store.own("predictions"))
    names = {run: predictions_name(run) for run in runs.trial if predictions_name(run) in present}
    contents = dict(zip(names, store.read_many(list(names.values())), strict=True))
    known = {PurePosixPath(name).stem: seen for name, seen in store.sums().items() if is_of_a_run(name)}
    return read_evaluated(runs, contents, data, known)


def _read(store: Store) -> StudyRecords:
    known = store.sums()  # before the files: what it names is there by then
    settings = parse_settings(store.path("study.yaml"), store.read_whole("study.yaml"))
    if store.exists("finished.yaml"):
        parse_settings(store.path("finished.yaml"), store.read_whole("finished.yaml"))
    _refuse(store, file_complaints(_names(store)))
    single = {name: store.read_whole(name) for name in SINGLE if store.exists(name)}
    contents = {folder: store.contents(folder) for folder in OWN_NAMES if folder != "predictions"}
    data = store.parsed({name: single[name] for name in single if name == "data.json"}, DataInfo)
    environment = parse_environment(store.path("environment.json"), single.get("environment.json", b"{}"))
    later = [parse_environment(store.path(name), content) for name, content in contents["environments"].items()]
    looks = store.parsed_looks(contents["looks"])
    read = {name: content for folder in (single, *contents.values()) for name, content in folder.items()}
    study = Parsed(
        settings=settings,
        data=data.get("data.json"),
        events=store.parsed_events(contents["records"]),
        phases=store.parsed(contents["phases"], PhaseEvent),
        features=store.parsed(contents["features"], FeatureCost),
        looks=looks,
        look_digests={name: look_digest(look) for name, look in looks.items()},
        predicted=tuple(store.own("predictions")),
        digests={name: digest(content) for name, content in read.items()},
        known={name: seen for name, seen in known.items() if not is_of_a_run(name)},
    )
    _refuse(store, complaints(study))
    return StudyRecords(
        location=store.location,
        settings=settings,
        data=study.data,
        environment=environment,
        phases=tuple(study.phases.values()),
        features=tuple(study.features.values()),
        events=event_table(in_time(study.events.values())),
        predictions=pd.DataFrame(columns=list(PREDICTION_COLUMNS)),
        looks=tuple(looks.values()),
        later_environments=tuple(later),
        digests=study.digests,
    )


def _refuse(store: Store, found: Iterator[Complaint]) -> None:
    for name, problem in found:
        raise RecordsError(f"{store.path(name)}: {problem}")


def _names(store: Store) -> list[str]:
    return [name for folder in OWN_NAMES for name in store.own(folder)]


def _directory(location: str) -> str:
    """The study directory that a user means, perhaps by its study.yaml; `~` is the home directory."""
    if "://" in location:
        return location.removesuffix("/study.yaml")
    path = Path(os.path.expanduser(location))
    return str(path.parent if path.name == "study.yaml" and path.is_file() else path)
