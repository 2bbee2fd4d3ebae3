"""Reading a file of predictions: CSV with commas, semicolons or tabs, also gzipped, or Parquet.

In text nothing is guessed: `01` is not 1, and `None`, `NA` and `null` are names of classes like any other. A field
without anything in it is a gap.
"""

from __future__ import annotations

import csv
import gzip
import io
import warnings
import zlib
from collections import Counter
from pathlib import Path

import pandas as pd
import pyarrow as pa

from analysis.records.errors import RecordsError

SEPARATORS = {".csv": (",", ";", "\t"), ".tsv": ("\t",)}
UNREADABLE = (OSError, ValueError, EOFError, csv.Error, zlib.error, pa.ArrowException, pd.errors.ParserWarning)
FORMS = ".csv, .tsv (also .gz) or .parquet"


def is_predictions_file(path: str) -> bool:
    """Whether a name is that of a file of predictions."""
    return _suffix(path) in (*SEPARATORS, ".parquet")


def read_file(path: str) -> pd.DataFrame:
    """The table in a file: from Parquet as it is, from text with every column but p_* as text.

    Raises:
        RecordsError: no such file, another kind of file, or one that cannot be read.
    """
    if not is_predictions_file(path):
        raise RecordsError(f"{path}: neither a study directory nor a table of predictions; give a {FORMS} file")
    try:
        return pd.read_parquet(path) if _suffix(path) == ".parquet" else _read_text(path)
    except FileNotFoundError:
        raise RecordsError(f"{path}: no such file; give a {FORMS} file of predictions") from None
    except UNREADABLE as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise RecordsError(f"{path}: cannot be read ({reason})") from error


def _suffix(path: str) -> str:
    return Path(path.lower().removesuffix(".gz")).suffix


def _read_text(path: str) -> pd.DataFrame:
    content = Path(path).read_bytes()
    text = (gzip.decompress(content) if path.lower().endswith(".gz") else content).decode("utf-8-sig")
    first = next(iter(text.splitlines()), "")
    separator = _separator(first, SEPARATORS[_suffix(path)])
    header = [name.strip() for name in next(csv.reader([first], delimiter=separator), [])]
    repeated = [name for name, count in Counter(header).items() if count > 1]
    if repeated:  # pandas would call the second one by another name
        raise RecordsError(f"{path}: column {repeated[0]!r} is there more than once; leave one")
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the header would lose their ends
        table: pd.DataFrame = pd.read_csv(
            io.StringIO(text),
            sep=separator,
            decimal="," if separator == ";" else ".",  # a comma that does not separate columns is that of a fraction
            header=0,
            names=header,
            dtype={name: str for name in header if not name.startswith("p_")},
            keep_default_na=False,
            na_values=[""],
            index_col=False,
        )
    return table


def _separator(header: str, separators: tuple[str, ...]) -> str:
    return max(separators, key=header.count)
