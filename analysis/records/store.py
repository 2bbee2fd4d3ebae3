"""The files of a study: their schema, writing them, reading them back, checking them.

A study directory is the truth. Every event of every trial is one small JSON object of its own, written once and
never appended to, so that the directory may lie on a disk, on NFS or in an object store. The ledger and the report
are derived from these files alone; this module knows neither torch nor Ray.

    study.yaml               the study file, complete and resolved
    data.json                DataInfo
    environment.json         free-form: commit, versions, hardware, seeds
    features/<key>.json      FeatureCost, one for each frozen backbone used
    phases/<n>-....json      PhaseEvent
    records/<trial>/<n>-<event>.json   TrialEvent
    predictions/<run>.parquet          one final run: approach, seed, image, group, label, prediction, p_0 ... p_<C-1>
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Literal, TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from analysis.records.errors import RecordsError
from analysis.records.storage import Storage, first_line

HyperparameterValue = bool | int | float | str
Phase = Literal["prepare", "search", "final", "report"]
EventName = Literal["started", "validated", "heartbeat", "finished", "cut", "diverged", "failed", "lost", "evaluated"]
FeatureRule = Literal["first_use", "every_trial", "free"]
ENDINGS = frozenset({"finished", "cut", "diverged", "failed"})
PREDICTION_COLUMNS = ("approach", "seed", "image", "group", "label", "prediction")


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")


class TrialEvent(_Record):
    """One event of one trial or final run. Seconds are slot-seconds unless the name says otherwise.

    Attributes:
        trial: the trial's name, unique in the study, e.g. `fine_tune-r0-0003` or `fine_tune-r0-seed2`.
        order: number of this event within its trial, from 0.
        event: `started` and `validated` are moments of a trial; `heartbeat` says how much has been charged between
            validations; `finished`, `cut` (stopped at its allowance), `diverged` (non-finite loss) and `failed` end it;
            `lost` closes an attempt that a crash interrupted, so that the trial goes on in another; `evaluated` ends a
            final run whose predictions are written.
        time: seconds since 1970 at which the record was written.
        approach: the name the study file gives the approach.
        phase: `search` or `final`.
        replicate: which repetition of the whole search, from 0.
        index: number of the trial within its approach and replicate, from 0; in the final phase the number of the seed,
            counted on over the replicates.
        seed: the seed of everything random in this trial.
        params: the hyperparameters (on `started`).
        origin: `published`: the study file's configuration; `suggested`: the sampler's; `incumbent`: a final run.
        conditioned_on: how many results the sampler had seen when it suggested these hyperparameters.
        allowance_s: what the trial may charge; reserved when it starts.
        charged_s: charged so far, over all attempts of this trial.
        overshoot_s: worked past the allowance; its result is thrown away, and it is not charged.
        uncharged_s: spent in this trial on what is not charged (building the network, checkpoints, waiting).
        lost_s: worked, then lost to a crash; not charged.
        epoch: epochs trained, fractional when the trial was cut inside one.
        steps: steps (batches) trained.
        lr: learning rate of the last step, where there is one.
        train_loss, train_accuracy: means since the last validation.
        valid_loss, valid_accuracy: on the validation split, just now. The loss is null for hard decisions.
        best_accuracy, best_at_s: of the best validated state so far, and the charged seconds at which it was reached.
        test_accuracy: on the test split (on `evaluated` only).
        probabilities: where the columns p_* of the predictions come from (on `evaluated` only).
        reason: why a trial failed or was lost.
        host: the machine it ran on.
        device: `cpu`, or the name of the GPU.
    """

    trial: str
    order: int = Field(ge=0)
    event: EventName
    time: float = Field(default_factory=time.time)
    approach: str
    phase: Literal["search", "final"]
    replicate: int = 0
    index: int = Field(ge=0)
    seed: int = 0
    params: dict[str, HyperparameterValue] | None = None
    origin: Literal["published", "suggested", "incumbent"] | None = None
    conditioned_on: int | None = None
    allowance_s: float = 0.0
    charged_s: float = 0.0
    overshoot_s: float = 0.0
    uncharged_s: float = 0.0
    lost_s: float = 0.0
    epoch: float = 0.0
    steps: int = 0
    lr: float | None = None
    train_loss: float | None = None
    train_accuracy: float | None = None
    valid_loss: float | None = None
    valid_accuracy: float | None = None
    best_accuracy: float | None = None
    best_at_s: float | None = None
    test_accuracy: float | None = None
    probabilities: Literal["softmax", "calibrated_on_validation", "none"] | None = None
    reason: str | None = None
    host: str | None = None
    device: str | None = None


class PhaseEvent(_Record):
    """A phase of the study begins, is resized or ends, or an approach runs out of configurations before its budget.

    Attributes:
        slots: how many trials can run at once from here on (on `started`; on `resized`, when nodes have come or gone).
        approach, replicate, reason: on `exhausted`, who ran out, and of what.
    """

    phase: Phase
    event: Literal["started", "resized", "finished", "exhausted"]
    time: float = Field(default_factory=time.time)
    slots: int | None = None
    approach: str | None = None
    replicate: int | None = None
    reason: str | None = None


class FeatureCost(_Record):
    """What one frozen backbone cost: extracted once, charged to every approach that uses it.

    Attributes:
        cost_s: slot-seconds that extracting the training and validation features took when it was done.
        cached: whether this study found them in the cache; the recorded cost is charged all the same.
        approaches: the approaches that use them.
    """

    key: str
    backbone: str
    image_size: tuple[int, int]
    cost_s: float = Field(ge=0)
    cached: bool
    approaches: tuple[str, ...]


class DataInfo(_Record):
    """The data set as the study saw it.

    Attributes:
        fingerprint: SHA-256 over every image's identifier, label, split and content at the sizes asked for.
        classes: names of the classes, in the order of their indices.
        train, valid, test: images per split.
        counts: per split, images of each class in that order.
        grouped: whether test images carry a group (then the group is the unit of the statistics).
        skipped: files left out because they are no readable image (`skip_corrupt`).
        duplicates: identical images found in more than one split.
    """

    source: str
    fingerprint: str
    classes: tuple[str, ...]
    train: int
    valid: int
    test: int
    counts: dict[str, tuple[int, ...]]
    grouped: bool = False
    skipped: tuple[str, ...] = ()
    duplicates: int = 0


class SignificanceSettings(_Record):
    """`alpha`: level of the tests, in (0, 1). `margin`: accuracies closer than this count as equivalent."""

    alpha: float = Field(0.05, gt=0, lt=1)
    margin: float = Field(0.01, gt=0, lt=1)


class BudgetSettings(_Record):
    """`search_seconds`: charged for each approach and replicate. `trial_seconds`: the most one trial may charge."""

    search_seconds: float = Field(gt=0, allow_inf_nan=False)
    trial_seconds: float = Field(gt=0, allow_inf_nan=False)


class StudySettings(BaseModel):
    """The part of study.yaml that the analysis needs; everything else in the file is ignored here."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    name: str
    approaches: dict[str, dict[str, Any]]
    budget: BudgetSettings
    significance: SignificanceSettings = SignificanceSettings()
    feature_cost: FeatureRule = "first_use"
    replicates: int = 1


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


R = TypeVar("R", bound=_Record)
RESTORE = "restore it from a copy of the study"
LEAVE_OUT = "delete it, and its trial goes on from the record before it"


class Store(Storage):
    """The files of one study, written and read as what they are."""

    def write_record(self, name: str, record: _Record) -> None:
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


def check_predictions(predictions: pd.DataFrame) -> None:
    """Check one table of predictions.

    Raises:
        RecordsError: a column is missing, a pair (approach, seed, image) occurs twice, or a row of probabilities
            does not sum to one.
    """
    missing = [name for name in PREDICTION_COLUMNS if name not in predictions]
    if missing:
        raise RecordsError(f"predictions lack the column {missing[0]!r}; needed are {', '.join(PREDICTION_COLUMNS)}")
    repeated = predictions.duplicated(["approach", "seed", "image"])
    if repeated.any():
        row = predictions.loc[repeated.idxmax()]
        raise RecordsError(f"predictions hold {row.approach}, seed {row.seed}, image {row.image!r} more than once")
    columns = probability_columns(predictions)
    if columns:
        _check_probabilities(predictions[columns])


def _check_probabilities(p: pd.DataFrame) -> None:
    gaps = p.isna()
    partly = gaps.any(axis=1) & ~gaps.all(axis=1)
    if partly.any():
        raise RecordsError(f"probabilities of row {partly.idxmax()} are given for some classes only; give all or none")
    outside = (p < 0) | (p > 1 + 1e-6)
    if outside.any(axis=None):
        row, column = outside.stack().idxmax()
        raise RecordsError(f"{column} of row {row} is {p.loc[row, column]:.4g}; a probability lies in [0, 1]")
    off = (p.sum(axis=1, skipna=False) - 1).abs() > 1e-3  # false where an approach gives none
    if off.any():
        total = float(p.loc[off.idxmax()].sum())
        raise RecordsError(f"probabilities of row {off.idxmax()} sum to {total:.4f}; they must sum to 1")


def probability_columns(predictions: pd.DataFrame) -> list[str]:
    """The columns p_0, p_1, ... in the order of the class index."""
    columns = [name for name in predictions.columns if name.startswith("p_") and name[2:].isdigit()]
    return sorted(columns, key=lambda name: int(name[2:]))


IDENTITY = ("approach", "phase", "replicate", "index", "seed", "origin", "params")
SECONDS = ("overshoot_s", "uncharged_s", "lost_s")
SCORES = ("best_accuracy", "best_at_s", "test_accuracy")
TRIAL_COLUMNS = (
    *("trial", *IDENTITY, "status", "reason", "allowance_s", "charged_s", "refunded_s"),
    *(*SECONDS, "epoch", "steps", *SCORES, "started", "ended"),
)


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


def feature_charges(features: Iterable[FeatureCost], rule: FeatureRule) -> dict[str, float]:
    """Seconds that each approach owes once for its frozen features.

    Only the rule `first_use` owes them here: under `every_trial` they are part of each trial's own `charged_s`, under
    `free` nobody pays.
    """
    return costs_by_approach(features) if rule == "first_use" else {}


def costs_by_approach(features: Iterable[FeatureCost]) -> dict[str, float]:
    """Seconds that the frozen features of each approach cost, whoever pays for them."""
    costs: dict[str, float] = {}
    for feature in features:
        for approach in feature.approaches:
            costs[approach] = costs.get(approach, 0.0) + feature.cost_s
    return costs


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"]) or "the file"
    return f"{where}: {problem['msg']}"
