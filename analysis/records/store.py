"""The files of a study: writing them, reading them back, checking them.

A study directory is the truth. Every event of every trial is one small JSON object of its own, written once and
never appended to, so that the directory may lie on a disk, on NFS or in an object store. The ledger and the report
are derived from these files alone; this module knows neither torch nor Ray.

    study.yaml               the study file, complete and resolved
    data.json                DataInfo
    code.zip                 code of approaches from outside the program, where there are any
    environment.json         free-form: commit, versions, hardware, seeds
    features/<key>.json      FeatureCost, one for each frozen backbone used
    phases/<n>-....json      PhaseEvent
    records/<trial>/<n>-<event>.json   TrialEvent
    predictions/<run>.parquet          one final run: approach, seed, image, group, label, prediction, p_0 ... p_<C-1>
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from pydantic import ValidationError

from analysis.records.errors import RecordsError
from analysis.records.predictions import PREDICTION_COLUMNS, check_predictions
from analysis.records.schema import DataInfo, FeatureCost, PhaseEvent, Record, StudySettings, TrialEvent
from analysis.records.storage import Storage, first_line


@dataclass(frozen=True)
class StudyRecords:
    """Everything a study left, read into memory.

    Attributes:
        events: one row per TrialEvent, its attributes as columns, in the order of `time`.
        predictions: one row per final run and test image: approach, seed (the `index` of the run's events, its number
            within the approach over all replicates), image, group, label, prediction,
            p_0 ... p_<C-1> (probabilities; missing where an approach gives none).
    """

    location: str
    settings: StudySettings
    data: DataInfo | None
    environment: dict[str, Any]
    phases: tuple[PhaseEvent, ...]
    features: tuple[FeatureCost, ...]
    events: pd.DataFrame
    predictions: pd.DataFrame = field(repr=False)


R = TypeVar("R", bound=Record)
RESTORE = "restore it from a copy of the study"
LEAVE_OUT = "delete it, and its trial goes on from the record before it"


class Store(Storage):
    """The files of one study, written and read as what they are."""

    def write_record(self, name: str, record: Record) -> None:
        self.write_bytes(name, record.model_dump_json(exclude_none=True).encode())

    def read_record(self, name: str, kind: type[R], *, mend: str = RESTORE) -> R:
        """Read one record; `mend` says what to do where it is damaged.

        Raises:
            RecordsError: it is missing, cannot be read, or is no such record.
        """
        return self._parsed(name, self.read_bytes(name), kind, mend)

    def write_trial_event(self, event: TrialEvent) -> None:
        self.write_record(f"records/{event.trial}/{event.order:04d}-{event.event}.json", event)

    def write_phase_event(self, event: PhaseEvent) -> None:
        number = len(self.names("phases", ".json"))
        self.write_record(f"phases/{number:04d}-{event.phase}-{event.event}.json", event)

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

    def feature_costs(self) -> list[FeatureCost]:
        return [self.read_record(name, FeatureCost) for name in self.names("features", ".json")]

    def write_predictions(self, run: str, predictions: pd.DataFrame) -> None:
        """Write the predictions of one final run, checked first (see `check_predictions`)."""
        check_predictions(predictions)
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pandas(predictions, preserve_index=False), sink)
        self.write_bytes(f"predictions/{run}.parquet", sink.getvalue().to_pybytes())

    def predictions(self) -> pd.DataFrame:
        """All final runs' predictions in one frame; empty, with the columns, where there are none yet."""
        names = self.names("predictions", ".parquet")
        tables = [self._table(name, content) for name, content in zip(names, self.read_many(names), strict=True)]
        if not tables:
            return pd.DataFrame(columns=list(PREDICTION_COLUMNS))
        joined: pd.DataFrame = pa.concat_tables(tables, promote_options="permissive").to_pandas()
        return joined

    def _parsed(self, name: str, content: bytes, kind: type[R], mend: str) -> R:
        try:
            return kind.model_validate_json(content)
        except ValidationError as error:
            problem = _first_problem(error)
            raise RecordsError(f"{self.path(name)}: not a {kind.__name__} ({problem}); {mend}") from error

    def _table(self, name: str, content: bytes) -> pa.Table:
        try:
            return pq.read_table(pa.BufferReader(content)).replace_schema_metadata()
        except (pa.ArrowException, OSError) as error:
            raise RecordsError(f"{self.path(name)}: not a Parquet file ({first_line(error)})") from error


def existing_study(location: str) -> Store:
    """The files of a study that is there.

    Raises:
        RecordsError: there is none.
    """
    store = Store(location)
    if not store.exists("study.yaml"):
        raise RecordsError(f"{location}: not a study directory (no study.yaml in it); give the directory of a study")
    return store


def read_study(location: str) -> StudyRecords:
    """Read a study directory, given as a path or a URI.

    Raises:
        RecordsError: it is no study directory, or one of its files is damaged; the message names the file.
    """
    store = existing_study(location)
    events = store.trial_events()
    return StudyRecords(
        location=str(location),
        settings=_read_settings(store),
        data=store.read_record("data.json", DataInfo) if store.exists("data.json") else None,
        environment=_read_environment(store),
        phases=tuple(store.phase_events()),
        features=tuple(store.feature_costs()),
        events=pd.DataFrame([event.model_dump() for event in events], columns=list(TrialEvent.model_fields)),
        predictions=store.predictions(),
    )


def _read_settings(store: Store) -> StudySettings:
    try:
        return StudySettings.model_validate(yaml.safe_load(store.read_bytes("study.yaml")))
    except yaml.YAMLError as error:
        raise RecordsError(f"{store.path('study.yaml')}: not a study file ({first_line(error)})") from error
    except ValidationError as error:
        raise RecordsError(f"{store.path('study.yaml')}: not a study file ({_first_problem(error)})") from error


def _read_environment(store: Store) -> dict[str, Any]:
    if not store.exists("environment.json"):
        return {}
    try:
        environment: dict[str, Any] = json.loads(store.read_bytes("environment.json"))
    except ValueError as error:
        raise RecordsError(f"{store.path('environment.json')}: not JSON ({first_line(error)})") from error
    return environment


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"]) or "the file"
    return f"{where}: {problem['msg']}"
