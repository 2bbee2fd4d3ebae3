"""One table of all trials and final runs, as Parquet or CSV: the trial table, and a column for each hyperparameter."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import pandas as pd

from analysis.records.cells import as_csv
from analysis.records.reading import StudyRecords
from analysis.records.schema import HyperparameterValue
from analysis.records.storage import Storage
from analysis.records.trials import trial_table
from trainables.errors import InputError

TEXT = ("trial", "approach", "phase", "origin", "status", "reason")
WHOLE = ("replicate", "index", "seed", "steps")


@dataclass(frozen=True)
class TableTarget:
    """A file on a disk or in an object store, written whole.

    Args:
        path: a path or URI that ends in `.parquet` or `.csv`.
        replace: whether it may be there already.
    """

    path: str
    replace: bool = False

    def check(self, records: StudyRecords) -> None:
        storage, name = self._place()
        if PurePosixPath(name).suffix not in (".parquet", ".csv"):
            raise InputError(f"{self.path}: neither .parquet nor .csv; a table is written as one of these")
        if storage.exists(name) and not self.replace:
            raise InputError(f"{self.path}: is there already; give another file, or --replace to write it anew")

    def write(self, records: StudyRecords) -> str:
        storage, name = self._place()
        table = wide_table(records.events)
        storage.write_bytes(name, _encoded(table, PurePosixPath(name).suffix))
        return f"{self.path}: {len(table):,} trials and final runs"

    def _place(self) -> tuple[Storage, str]:
        folder, _, name = self.path.rpartition("/")
        return Storage(folder or ("/" if self.path.startswith("/") else "."), patience_s=0), name


def wide_table(events: pd.DataFrame) -> pd.DataFrame:
    """`trial_table` with `params.<name>` columns in place of `params`, missing where a trial has no such one.

    A hyperparameter that is a number in one trial and a word in another, such as an SVM's gamma, becomes text.
    """
    trials = trial_table(events)
    kinds = {name: "string" if name in TEXT else "int64" if name in WHOLE else "float64" for name in trials}
    names = list(dict.fromkeys(name for params in trials["params"] for name in params or {}))
    columns = {f"params.{name}": _column([(params or {}).get(name) for params in trials["params"]]) for name in names}
    fixed = trials.drop(columns="params")
    return fixed.astype({name: kinds[name] for name in fixed}).assign(**columns)


def _column(values: Sequence[HyperparameterValue | None]) -> pd.Series:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return pd.Series(values, dtype="boolean")
    if kinds == {int}:
        return pd.Series(values, dtype="Int64")
    if kinds <= {int, float}:
        return pd.Series(values, dtype="float64")
    return pd.Series([None if value is None else str(value) for value in values], dtype="string")


def _encoded(table: pd.DataFrame, suffix: str) -> bytes:
    if suffix == ".csv":
        return as_csv(table)
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()
