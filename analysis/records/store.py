"""The files of a study: writing them, reading them back, checking them.

A study directory is the truth. Every event of every trial is one small JSON object of its own, written once and
never appended to, so that the directory may lie on a disk, on NFS or in an object store. The ledger and the report
are derived from these files alone; this module knows neither torch nor Ray.

    study.yaml               the study file, complete and resolved
    data.json                DataInfo
    code.zip                 code of approaches from outside the program, where there are any
    environment.json         free-form: commit, versions, hardware, seeds
    environments/<n>.json    the same of a later session, where it was another
    features/<key>.json      FeatureCost, one for each frozen backbone used
    phases/<n>-....json      PhaseEvent
    finished.yaml            study.yaml as it was when all it asks for had last been done
    looks/<n>-....json       LookEvent, one for each look at the results of finished final runs
    records/<trial>/<n>-<event>.json   TrialEvent
    predictions/<run>.parquet          one final run: approach, seed, image, group, label, prediction, p_0 ... p_<C-1>
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from analysis.records import yaml_text
from analysis.records.errors import RecordsError
from analysis.records.predictions import PREDICTION_COLUMNS, check_predictions
from analysis.records.schema import (
    SCHEMA_VERSION,
    DataInfo,
    FeatureCost,
    LookEvent,
    PhaseEvent,
    Record,
    StudySettings,
    TrialEvent,
)
from analysis.records.storage import Storage, first_line
from analysis.records.trials import superseded, trial_table


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


R = TypeVar("R", bound=Record)
RESTORE = "restore it from a copy of the study"
BEFORE_VERSIONS = 1  # the schema of a record that does not say which
LEAVE_OUT = "delete it, and its trial goes on from the record before it"


class Store(Storage):
    """The files of one study, written and read as what they are."""

    def write_record(self, name: str, record: Record) -> None:
        """Write one record, after reading back what would be written.

        Raises:
            RecordsError: nobody could read it: a number that must be finite is not, for example.
        """
        content = record.model_dump_json(exclude_none=True).encode()
        self._parsed(name, content, type(record), "it is not written; please report this as a fault of the program")
        self.write_bytes(name, content)

    def read_record(self, name: str, kind: type[R], *, mend: str = RESTORE) -> R:
        """Read one record; `mend` says what to do where it is damaged.

        Raises:
            RecordsError: it is missing, cannot be read, is no such record, or one of a later schema version.
        """
        return self._parsed(name, self.read_bytes(name), kind, mend)

    def write_trial_event(self, event: TrialEvent) -> None:
        self.write_record(f"records/{event.trial}/{event.order:04d}-{event.event}.json", event)

    def write_phase_event(self, event: PhaseEvent) -> None:
        number = len(self.names("phases", ".json"))
        self.write_record(f"phases/{number:04d}-{event.phase}-{event.event}.json", event)

    def write_look(self, look: LookEvent) -> None:
        """Write a look, unless the one before counted the same runs: another report may have written it just now.

        Two that write at the same moment write the same file.
        """
        known, counted = self.looks(), sorted(look.counted)
        if known and sorted(known[-1].counted) == counted:
            return
        digest = hashlib.sha256("\n".join(counted).encode()).hexdigest()
        self.write_record(f"looks/{len(known) + 1:04d}-{digest[:8]}.json", look)

    def trial_events(self) -> list[TrialEvent]:
        """All trial events, in the order they were written.

        Raises:
            RecordsError: one is damaged; a trial's last record may be deleted, as if it had not been written yet.
        """
        names = self.names("records", ".json")
        last = {PurePosixPath(name).parent: name for name in names}  # sorted, so the last of each trial stays
        mends = dict.fromkeys(last.values(), LEAVE_OUT)
        contents = zip(names, self.read_many(names), strict=True)
        events = [self._parsed(name, content, TrialEvent, mends.get(name, RESTORE)) for name, content in contents]
        return sorted(events, key=lambda event: (event.time, event.trial, event.order))

    def phase_events(self) -> list[PhaseEvent]:
        return [self.read_record(name, PhaseEvent) for name in self.names("phases", ".json")]

    def looks(self) -> list[LookEvent]:
        return [self.read_record(name, LookEvent) for name in self.names("looks", ".json")]

    def feature_costs(self) -> list[FeatureCost]:
        return [self.read_record(name, FeatureCost) for name in self.names("features", ".json")]

    def write_predictions(self, run: str, predictions: pd.DataFrame) -> None:
        """Write the predictions of one final run, checked first (see `check_predictions`)."""
        check_predictions(predictions)
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pandas(predictions, preserve_index=False), sink)
        self.write_bytes(f"predictions/{run}.parquet", sink.getvalue().to_pybytes())

    def predictions(self) -> pd.DataFrame:
        """All final runs' predictions in one frame; empty, with the columns, where there are none yet.

        Raises:
            RecordsError: a file is no Parquet file, or what it holds is no table of predictions; the message names it.
        """
        names = self.names("predictions", ".parquet")
        tables = [self._table(name, content) for name, content in zip(names, self.read_many(names), strict=True)]
        if not tables:
            return pd.DataFrame(columns=list(PREDICTION_COLUMNS))
        joined: pd.DataFrame = pa.concat_tables(tables, promote_options="permissive").to_pandas()
        return joined

    def _parsed(self, name: str, content: bytes, kind: type[R], mend: str) -> R:
        try:
            record = kind.model_validate_json(content)
        except ValidationError as error:
            self._refuse_later(name, content)
            problem = _first_problem(error)
            raise RecordsError(f"{self.path(name)}: not a {kind.__name__} ({problem}); {mend}") from error
        versioned = "schema_version" in record.model_fields_set
        return record if versioned else record.model_copy(update={"schema_version": BEFORE_VERSIONS})

    def _refuse_later(self, name: str, content: bytes) -> None:
        """A record of a later version cannot be judged by this schema, so its version is the first thing to say."""
        version = _schema_version(content)
        if version > SCHEMA_VERSION:
            raise RecordsError(
                f"{self.path(name)}: written in schema version {version}, and this program reads versions up to "
                f"{SCHEMA_VERSION}; install a newer transfer-study"
            )

    def _table(self, name: str, content: bytes) -> pa.Table:
        try:
            table = pq.read_table(pa.BufferReader(content)).replace_schema_metadata()
            check_predictions(table.to_pandas())
        except (pa.ArrowException, OSError) as error:
            raise RecordsError(f"{self.path(name)}: not a Parquet file ({first_line(error)})") from error
        except RecordsError as error:
            raise RecordsError(f"{self.path(name)}: {error}; {RESTORE}") from None
        return table


def existing_study(location: str) -> Store:
    """The files of a study that is there.

    Raises:
        RecordsError: there is none.
    """
    store = Store(location)
    if "://" not in location and not Path(location).exists():
        raise RecordsError(f"{location}: no such directory; give the directory of a study")
    if not store.exists("study.yaml"):
        raise RecordsError(f"{location}: not a study directory (no study.yaml in it); give the directory of a study")
    return store


def read_study(location: str) -> StudyRecords:
    """Read a study directory, given as a path, or as that of its study.yaml, or as a URI.

    Raises:
        RecordsError: it is no study directory, or one of its files is damaged; the message names the file.
    """
    store = existing_study(_directory(str(location)))
    events = store.trial_events()
    table = pd.DataFrame([event.model_dump() for event in events], columns=list(TrialEvent.model_fields))
    return StudyRecords(
        location=store.location,
        settings=_read_settings(store),
        data=store.read_record("data.json", DataInfo) if store.exists("data.json") else None,
        environment=_read_environment(store) if store.exists("environment.json") else {},
        phases=tuple(store.phase_events()),
        features=tuple(store.feature_costs()),
        events=table,
        predictions=_counting(store.predictions(), trial_table(table)),
        looks=tuple(store.looks()),
        later_environments=tuple(_read_environment(store, name) for name in store.names("environments", ".json")),
    )


def _counting(predictions: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """The predictions without those of final runs that do not count any more."""
    gone = trials[trials.trial.isin(superseded(trials))]
    if gone.empty:
        return predictions
    runs = pd.MultiIndex.from_frame(predictions[["approach", "seed"]])
    return predictions[~runs.isin(list(zip(gone.approach, gone["index"], strict=True)))].reset_index(drop=True)


def _directory(location: str) -> str:
    """The study directory that a user means, perhaps by its study.yaml; `~` is the home directory."""
    if "://" in location:
        return location.removesuffix("/study.yaml")
    path = Path(os.path.expanduser(location))
    return str(path.parent if path.name == "study.yaml" and path.is_file() else path)


def _read_settings(store: Store) -> StudySettings:
    try:
        return StudySettings.model_validate(yaml_text.load(store.read_bytes("study.yaml")))
    except yaml_text.YAMLTextError as error:
        raise RecordsError(f"{store.path('study.yaml')}: not a study file ({error})") from error
    except ValidationError as error:
        raise RecordsError(f"{store.path('study.yaml')}: not a study file ({_first_problem(error)})") from error


def _read_environment(store: Store, name: str = "environment.json") -> dict[str, Any]:
    try:
        environment = json.loads(store.read_bytes(name))
    except ValueError as error:
        raise RecordsError(f"{store.path(name)}: not JSON ({first_line(error)})") from error
    if not isinstance(environment, dict):
        found = type(environment).__name__
        raise RecordsError(f"{store.path(name)}: a {found}, where names with values belong; {RESTORE}")
    return environment


def _schema_version(content: bytes) -> int:
    """What a file says that is perhaps no record at all; 0 where it says nothing."""
    try:
        version = json.loads(content)["schema_version"]
    except (ValueError, TypeError, KeyError):
        return 0
    return version if isinstance(version, int) else 0


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"]) or "the file"
    return f"{where}: {problem['msg']}"
