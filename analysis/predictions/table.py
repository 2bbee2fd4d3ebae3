"""Predictions of runs that were made elsewhere: one table, checked and put into this project's form.

Columns: approach, seed, image, label, prediction; group where images come in groups; probabilities p_<class> of every
class or of none. Labels are class indices (0, 1, ...; then p_0, p_1, ...) or names of classes (then p_<name>); the
classes are those that occur in any of these columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from analysis.predictions.classes import WHOLE, read_classes
from analysis.predictions.files import read_file
from analysis.predictions.names import shown, some
from analysis.predictions.probabilities import contradictions, renormalised
from analysis.records.errors import RecordsError
from analysis.records.predictions import PREDICTION_COLUMNS, check_predictions

NEEDED = tuple(name for name in PREDICTION_COLUMNS if name != "group")
OTHER_NAMES = {  # of columns, as scikit-learn, Keras and others write them
    "approach": ("model", "method", "algorithm", "classifier"),
    "seed": ("run", "fold", "repeat", "random_state"),
    "image": ("file", "filename", "path", "image_id", "id"),
    "label": ("y_true", "y", "target", "truth", "true", "true_label", "ground_truth", "class"),
    "prediction": ("y_pred", "pred", "predicted", "y_hat", "predicted_label", "predicted_class"),
}
NESTED = (list, tuple, dict, set, frozenset, bytes, np.ndarray)


@dataclass(frozen=True)
class PredictionTable:
    """Predictions as in analysis/records/predictions.py, labels and predictions as indices, p_0 ... p_<C-1> in order.

    Attributes:
        source: where it was read.
        classes: (C,) names of the classes.
        grouped: whether images carry groups.
        notes: what was done to the table, or is odd in it; a sentence each.
    """

    source: str
    predictions: pd.DataFrame = field(repr=False)
    classes: tuple[str, ...]
    grouped: bool
    notes: tuple[str, ...] = ()


def read_table(path: str) -> PredictionTable:
    """Read and check a table of predictions.

    Raises:
        RecordsError: no such file, or as `as_table`.
    """
    return as_table(read_file(path), source=path)


def as_table(frame: pd.DataFrame, *, source: str) -> PredictionTable:
    """Check a table of predictions; `source` is what messages call it, and they count its rows from 1.

    Raises:
        RecordsError: no such table, a column is missing, has gaps or is there twice, labels and predictions are no
            classes (see `read_classes`), a row is there twice, or probabilities are none.
    """
    table = frame.set_axis(range(1, len(frame) + 1))
    named = shown(source, 120)
    _check_columns(named, table)
    if table.empty:
        raise RecordsError(f"{named}: no rows; give one for each run and test image")
    _refuse_nested(named, table)
    for name in NEEDED:
        gaps = table[name].isna()
        if gaps.any():
            raise RecordsError(f"{named}: column {name!r} is empty in row {gaps.idxmax()}; fill it")
    grouped = "group" in table and not table["group"].isna().all()
    if grouped and table["group"].isna().any():
        row = table["group"].isna().idxmax()
        raise RecordsError(f"{named}: column 'group' is empty in row {row}; give every image a group, or none")
    return _checked(source, table, grouped)


def _check_columns(source: str, table: pd.DataFrame) -> None:
    missing = [repr(name) for name in NEEDED if name not in table]
    if missing:
        lacking = f"no column{'s' if len(missing) > 1 else ''} {', '.join(missing)}"
        meant = [f"rename '{other}' to '{name}'" for name, other in _meant(table)]
        mend = ", ".join(meant) or f"has {some(list(table.columns))}"
        raise RecordsError(f"{source}: {lacking}; needed are {', '.join(NEEDED)} ({mend})")
    repeated = table.columns[table.columns.duplicated()]
    if len(repeated):
        raise RecordsError(f"{source}: column '{shown(repeated[0])}' is there more than once; leave one")


def _meant(table: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Columns that are needed and missing, each with one that is there under another of its usual names."""
    for name in (name for name in NEEDED if name not in table):
        there = [column for column in table if str(column).strip().casefold() in (name, *OTHER_NAMES[name])]
        yield from ((name, shown(column)) for column in there[:1])


def _refuse_nested(source: str, table: pd.DataFrame) -> None:
    for name in (name for name in table if name in PREDICTION_COLUMNS or str(name).startswith("p_")):
        if table[name].dtype.kind == "O" and not isinstance(table[name].dtype, pd.StringDtype):
            problem = next(((row, found) for row, value in table[name].items() if (found := _no_value(value))), None)
            if problem:
                where = f"column '{shown(name)}' holds {problem[1]} in row {problem[0]}"
                raise RecordsError(f"{source}: {where}; give one value a row")


def _no_value(value: object) -> str | None:
    """What a cell holds that is neither a number nor text, in words."""
    if isinstance(value, NESTED):
        return f"a {type(value).__name__}"
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return "text that is not UTF-8"
    return None


def _checked(source: str, table: pd.DataFrame, grouped: bool) -> PredictionTable:
    given = [str(name) for name in table.columns if str(name).startswith("p_")]
    try:
        classes = read_classes(table, [name.removeprefix("p_") for name in given])
        columns = [f"p_{name}" for name in classes.names] if given else []
        _refuse_lacking(columns, given, classes.names)
        p = pd.DataFrame({f"p_{c}": _numbers(table[name]) for c, name in enumerate(columns)}, index=table.index)
        p, rounded = renormalised(p) if given else (p, None)
        kept = {
            "approach": table["approach"].astype(str),
            "seed": _seeds(table["seed"]),
            "image": table["image"].astype(str),
            "group": table["group"].astype(str) if grouped else None,
            "label": classes.labels,
            "prediction": classes.predicted,
        }
        predictions = pd.DataFrame(kept | dict(p), index=table.index)
        check_predictions(predictions)
    except RecordsError as error:
        raise RecordsError(f"{shown(source, 120)}: {shown(error, 178)}") from None
    odd = contradictions(p, classes.predicted, predictions["approach"]) if given else []
    return PredictionTable(source, predictions, classes.names, grouped, (*([rounded] if rounded else []), *odd))


def _refuse_lacking(wanted: Sequence[str], given: Sequence[str], names: Sequence[str]) -> None:
    lacking = [name for name in wanted if name not in given]
    if lacking:
        raise RecordsError(
            f"probabilities of {len(given):,} classes, but no column '{shown(lacking[0], 25)}'; give one for each of "
            f"the classes {some(names, 15)}, or none"
        )


def _numbers(column: pd.Series) -> pd.Series:
    written = column.str.replace(",", ".") if pd.api.types.is_string_dtype(column) else column
    try:
        found = pd.to_numeric(written, errors="coerce")
        values = np.full(len(column), np.nan) if np.iscomplexobj(found) else found.to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError, OverflowError):  # a kind of value that is none, or too large a one
        values = np.full(len(column), np.nan)
    numbers = pd.Series(values, index=column.index)
    wrong = numbers.isna() & column.notna()
    if wrong.any():
        raise RecordsError(f"'{shown(column[wrong.idxmax()])}' in column '{shown(column.name)}' is no number")
    return numbers


def _seeds(column: pd.Series) -> pd.Series:
    """Whole numbers are numbers, so that seed 10 comes after seed 9; anything else is a name."""
    text = column.astype(str)
    whole = all(map(WHOLE.fullmatch, text.unique()))
    return text.str.replace(r"\.0+$", "", regex=True).astype(int) if whole else text
