"""Predictions of runs that were made elsewhere: one table, CSV or Parquet, checked and put into this project's form.

Columns: approach, seed, image, label, prediction; group where images come in groups; probabilities p_<class> of every
class or of none. Labels are class indices (0, 1, ...; then p_0, p_1, ...) or names of classes (then p_<name>).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from analysis.records.errors import RecordsError
from analysis.records.predictions import PREDICTION_COLUMNS, check_predictions

NEEDED = tuple(name for name in PREDICTION_COLUMNS if name != "group")
FORMS = ".csv or .parquet"


@dataclass(frozen=True)
class PredictionTable:
    """Predictions as in analysis/records/predictions.py, labels and predictions as indices, p_0 ... p_<C-1> in order.

    Attributes:
        source: where it was read.
        classes: (C,) names of the classes.
        grouped: whether images carry groups.
    """

    source: str
    predictions: pd.DataFrame = field(repr=False)
    classes: tuple[str, ...]
    grouped: bool


def read_table(path: str) -> PredictionTable:
    """Read and check a table of predictions.

    Raises:
        RecordsError: no such file, or as `as_table`.
    """
    return as_table(_read(path), source=path)


def as_table(frame: pd.DataFrame, *, source: str) -> PredictionTable:
    """Check a table of predictions; `source` is what messages call it, and they count its rows from 1.

    Raises:
        RecordsError: no such table, a column is missing, has gaps or is there twice, labels and predictions are of
            different kinds, a row is there twice, or probabilities are none.
    """
    table = frame.set_axis(range(1, len(frame) + 1))
    _check_columns(source, table)
    if table.empty:
        raise RecordsError(f"{source}: no rows; give one for each run and test image")
    for name in NEEDED:
        gaps = table[name].isna()
        if gaps.any():
            raise RecordsError(f"{source}: column {name!r} is empty in row {gaps.idxmax()}; fill it")
    grouped = "group" in table and not table["group"].isna().all()
    if grouped and table["group"].isna().any():
        row = table["group"].isna().idxmax()
        raise RecordsError(f"{source}: column 'group' is empty in row {row}; give every image a group, or none")
    return _checked(source, table, grouped)


def _check_columns(source: str, table: pd.DataFrame) -> None:
    missing = [repr(name) for name in NEEDED if name not in table]
    if missing:
        lacking = f"no column{'s' if len(missing) > 1 else ''} {', '.join(missing)}"
        raise RecordsError(f"{source}: {lacking}; needed are {', '.join(NEEDED)} (has {_some(table)})")
    repeated = table.columns[table.columns.duplicated()]
    if len(repeated):
        raise RecordsError(f"{source}: column {repeated[0]!r} is there more than once; leave one")


def _read(path: str) -> pd.DataFrame:
    suffix = Path(path).suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise RecordsError(f"{path}: neither a study directory nor a table of predictions; give a {FORMS} file")
    try:
        return pd.read_csv(path) if suffix == ".csv" else pd.read_parquet(path)
    except FileNotFoundError:
        raise RecordsError(f"{path}: no such file; give a {FORMS} file of predictions") from None
    except (OSError, ValueError, pa.ArrowException) as error:  # pandas' parser errors are ValueErrors
        raise RecordsError(f"{path}: cannot be read ({str(error).strip().splitlines()[0]})") from error


def _checked(source: str, table: pd.DataFrame, grouped: bool) -> PredictionTable:
    labels, predicted, classes, columns = _classes(source, table)
    kept = {
        "approach": table["approach"].astype(str),
        "seed": _seeds(table["seed"]),
        "image": table["image"].astype(str),
        "group": table["group"].astype(str) if grouped else None,
        "label": labels,
        "prediction": predicted,
    }
    probabilities = {f"p_{c}": _numbers(source, table, name) for c, name in enumerate(columns)}
    predictions = pd.DataFrame(kept | probabilities, index=table.index)
    try:
        check_predictions(predictions)
    except RecordsError as error:
        raise RecordsError(f"{source}: {error}") from None
    return PredictionTable(source, predictions, classes, grouped)


def _classes(source: str, table: pd.DataFrame) -> tuple[pd.Series, pd.Series, tuple[str, ...], list[str]]:
    """Labels and predictions as indices, the classes' names, and the columns of their probabilities."""
    given = [str(name) for name in table.columns if str(name).startswith("p_")]
    labels, predicted = (_plain(source, table[name]) for name in ("label", "prediction"))
    numeric = [_is_whole(column) for column in (labels, predicted)]
    if numeric[0] != numeric[1]:
        raise RecordsError(
            f"{source}: label {labels.iloc[0]!r} and prediction {predicted.iloc[0]!r} are of different kinds; "
            "give class indices (0, 1, ...) in both columns, or names of classes in both"
        )
    if all(numeric):
        lowest, highest = int(min(labels.min(), predicted.min())), int(max(labels.max(), predicted.max()))
        if lowest < 0:
            raise RecordsError(f"{source}: class {lowest}; class indices are 0, 1, ...")
        names = [str(c) for c in range(max(highest + 1, len(given)))]
        return labels.astype(int), predicted.astype(int), tuple(names), _columns(source, given, names)
    names = sorted({*labels.astype(str).unique(), *predicted.astype(str).unique(), *(n[2:] for n in given)})
    index = {name: c for c, name in enumerate(names)}
    codes = [column.astype(str).map(index).astype(int) for column in (labels, predicted)]
    return codes[0], codes[1], tuple(names), _columns(source, given, names)


def _columns(source: str, given: Sequence[str], names: Sequence[str]) -> list[str]:
    if not given:
        return []
    lacking = [name for name in names if f"p_{name}" not in given]
    if lacking:
        raise RecordsError(
            f"{source}: probabilities of {len(given)} classes, but no column 'p_{lacking[0]}'; give one for each of "
            f"the classes {', '.join(names[:5])}{' ...' if len(names) > 5 else ''}, or none"
        )
    return [f"p_{name}" for name in names]


def _numbers(source: str, table: pd.DataFrame, name: str) -> pd.Series:
    numbers = pd.to_numeric(table[name], errors="coerce")
    wrong = numbers.isna() & table[name].notna()
    if wrong.any():
        raise RecordsError(f"{source}: {table[name][wrong.idxmax()]!r} in column {name!r} is no number")
    return numbers


def _plain(source: str, column: pd.Series) -> pd.Series:
    """Classes as what a category stands for: 3 is the class index 3, whether the column is categorical or not."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    infinite = column.isin([np.inf, -np.inf])
    if infinite.any():
        row = infinite.idxmax()
        raise RecordsError(f"{source}: column {column.name!r} is {column[row]} in row {row}; give a class")
    return column


def _is_whole(column: pd.Series) -> bool:
    if pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column):
        return False
    return bool((column == np.floor(column)).all())


def _seeds(column: pd.Series) -> pd.Series:
    """Whole numbers stay numbers, so that seed 10 comes after seed 9; anything else is a name."""
    return column.astype(int) if _is_whole(column) else column.astype(str)


def _some(table: pd.DataFrame) -> str:
    names = [str(name) for name in table.columns]
    return ", ".join(names[:8]) + (" ..." if len(names) > 8 else "")
