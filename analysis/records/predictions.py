"""The predictions of final runs: which columns a table of them has, what is checked of one, and its file.

A file is Parquet whose pages have checksums, so that a byte that has changed on the way is found when it is read.
"""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.records.errors import RecordsError

PREDICTION_COLUMNS = ("approach", "seed", "image", "group", "label", "prediction")
WHOLE_NUMBERS = ("seed", "label", "prediction")
TEXTS = ("approach", "image")
MOST_ROWS = 10**8
MOST_COLUMNS = 10_000  # a table with more is none of predictions


def parquet_of(predictions: pd.DataFrame) -> bytes:
    """A table of predictions as the bytes of a file, checked first (see `check_predictions`)."""
    _check_kinds(predictions)
    check_predictions(predictions)
    sink = pa.BufferOutputStream()
    table = pa.Table.from_pandas(predictions, preserve_index=False)
    pq.write_table(table, sink, write_page_checksum=True)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def read_parquet(content: bytes, *, rows: int | None = None) -> pa.Table:
    """A table of predictions from the bytes of its file, checked (see `check_predictions`).

    Args:
        content: of the file; whatever that is, it executes nothing.
        rows: how many there must be, where that is known; nothing is decoded of a table with others.

    Raises:
        RecordsError: it is no Parquet file, has been damaged, or holds no such table.
    """
    try:
        file = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True, arrow_extensions_enabled=False)
        found, columns = file.metadata.num_rows, file.metadata.num_columns
    except Exception as error:  # pyarrow says nowhere what it raises on bytes that are no such file
        raise RecordsError(f"not a Parquet file, or a damaged one ({_cause(error)})") from error
    if found > MOST_ROWS:
        raise RecordsError(f"{found:,} rows, which no test split has")
    if rows is not None and found != rows:
        raise RecordsError(f"{found:,} rows, and the test split has {rows:,} images")
    if columns > MOST_COLUMNS:
        raise RecordsError(f"{columns:,} columns; needed are {', '.join(PREDICTION_COLUMNS)}")
    try:
        table = file.read().replace_schema_metadata()
        frame = table.to_pandas()
    except Exception as error:  # as above
        raise RecordsError(f"not a Parquet file, or a damaged one ({_cause(error)})") from error
    _check_kinds(frame)
    check_predictions(frame)
    return table


def check_predictions(predictions: pd.DataFrame) -> None:
    """Check one table of predictions.

    Raises:
        RecordsError: a column is missing, a pair (approach, seed, image) occurs twice, or the
            probabilities of a row are none.
    """
    _check_columns(predictions)
    repeated = predictions.duplicated(["approach", "seed", "image"])
    if repeated.any():
        row = predictions.loc[repeated.idxmax()]
        raise RecordsError(f"predictions hold {row.approach}, seed {row.seed}, image {row.image!r} more than once")
    columns = probability_columns(predictions)
    if columns:
        _check_probabilities(predictions[columns])


def _check_columns(predictions: pd.DataFrame) -> None:
    if missing := [name for name in PREDICTION_COLUMNS if name not in predictions]:
        raise RecordsError(f"predictions lack the column {missing[0]!r}; needed are {', '.join(PREDICTION_COLUMNS)}")
    if not predictions.columns.is_unique:
        raise RecordsError("predictions hold a column twice")


def _check_kinds(predictions: pd.DataFrame) -> None:
    """What a study's own files hold; tables that people bring may have names for seeds, and more."""
    _check_columns(predictions)
    for name in WHOLE_NUMBERS:
        if not pd.api.types.is_integer_dtype(predictions[name].dtype):
            raise RecordsError(f"predictions hold {name}s that are no whole numbers ({predictions[name].dtype})")
        if len(predictions) and predictions[name].min() < 0:
            raise RecordsError(f"predictions hold the {name} {predictions[name].min()}; they are counted from 0")
    for name in TEXTS:
        if not predictions[name].map(lambda value: isinstance(value, str)).all():
            raise RecordsError(f"predictions hold {name}s that are no text")
    if not predictions["group"].map(lambda value: isinstance(value, str) or value is None or value != value).all():
        raise RecordsError("predictions hold groups that are no text")
    columns = probability_columns(predictions)
    if columns != [f"p_{index}" for index in range(len(columns))]:
        raise RecordsError(f"predictions have the column {columns[-1]!r:.40} among {len(columns)} of probabilities")
    if other := next((name for name in columns if not pd.api.types.is_float_dtype(predictions[name].dtype)), None):
        raise RecordsError(f"predictions hold no numbers in {other} ({predictions[other].dtype})")


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
    columns = [name for name in predictions.columns if name.startswith("p_") and name[2:].isdecimal()]
    return sorted(columns, key=lambda name: int(name[2:]))


def _cause(error: Exception) -> str:
    """In a few words; some of pyarrow's messages are pages long."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return line[:100]
