"""Reading a file of predictions: CSV with commas, semicolons or tabs, also gzipped, or Parquet.

In text nothing is guessed: `01` is not 1, and `None`, `NA` and `null` are names of classes like any other. A field
without anything in it is a gap.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import re
import stat
import warnings
import zlib
from collections import Counter
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from analysis.predictions.names import shown
from analysis.records.errors import RecordsError

SEPARATORS = {".csv": (",", ";", "\t"), ".tsv": ("\t",)}
UNREADABLE = (OSError, ValueError, EOFError, csv.Error, zlib.error, pa.ArrowException, pd.errors.ParserWarning)
FORMS = ".csv, .tsv (also .gz) or .parquet"
MOST_BYTES = 4 << 30  # of text, and of what a packed file unpacks to
MOST_RATIO, LEAST_BYTES = 200, 64 << 20  # a table unpacks to ten or thirty times its size, a bomb to a thousand
MOST_ROWS = 100_000_000


def is_predictions_file(path: str) -> bool:
    """Whether a name is that of a file of predictions."""
    return _suffix(path) in (*SEPARATORS, ".parquet")


def read_file(path: str) -> pd.DataFrame:
    """The table in a file: from Parquet as it is, from text with every column but p_* as text.

    Raises:
        RecordsError: no such file, another kind of file, or one that cannot be read.
    """
    if not is_predictions_file(path):
        raise RecordsError(
            f"{shown(path, 120)}: neither a study directory nor a table of predictions; give a {FORMS} file"
        )
    try:
        return _read_parquet(path) if _suffix(path) == ".parquet" else _read_text(path)
    except FileNotFoundError:
        raise RecordsError(f"{shown(path, 120)}: no such file; give a {FORMS} file of predictions") from None
    except UnicodeDecodeError as error:
        raise RecordsError(f"{shown(path, 120)}: not UTF-8 ({shown(error)}); save it as UTF-8") from error
    except UNREADABLE as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise RecordsError(f"{shown(path, 120)}: cannot be read ({shown(reason, 120)}); write it again") from error


def _suffix(path: str) -> str:
    return Path(path.lower().removesuffix(".gz")).suffix


def _read_parquet(path: str) -> pd.DataFrame:
    _refuse_no_file(path)
    rows = parquet.read_metadata(path).num_rows if os.path.isfile(path) else 0
    if rows > MOST_ROWS:  # a few bytes can stand for any number of them
        raise RecordsError(f"{shown(path, 120)}: {rows:,} rows, and at most {MOST_ROWS:,} can be read; leave some out")
    table = parquet.read_table(path, page_checksum_verification=True)
    table.validate(full=True)  # text that is not UTF-8 would be found when it is used
    frame: pd.DataFrame = table.to_pandas()
    return frame


def _read_text(path: str) -> pd.DataFrame:
    text = _unpacked(path).decode("utf-8-sig")
    first = re.match(r"[^\r\n]*", text)[0]  # type: ignore[index]  # it matches always
    separator = _separator(first, SEPARATORS[_suffix(path)])
    header = [name.strip() for name in next(csv.reader([first], delimiter=separator), [])]
    repeated = [name for name, count in Counter(header).items() if count > 1]
    if repeated:  # pandas would call the second one by another name
        raise RecordsError(f"{shown(path, 120)}: column '{shown(repeated[0])}' is there more than once; leave one")
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


def _unpacked(path: str) -> bytes:
    _refuse_no_file(path)
    size, most = os.path.getsize(path), MOST_BYTES
    if path.lower().endswith(".gz"):
        most = min(most, max(LEAST_BYTES, MOST_RATIO * size))
        with gzip.open(path) as stream:
            content = stream.read(most + 1)
    else:
        content = Path(path).read_bytes() if size <= most else b""
    if max(size, len(content)) > most:
        raise RecordsError(f"{shown(path, 120)}: more than {most >> 20:,} MiB of text; give a smaller file, or Parquet")
    return content


def _refuse_no_file(path: str) -> None:
    """To read a pipe or a device is to wait for ever."""
    if os.path.exists(path) and not (stat.S_ISREG(mode := os.stat(path).st_mode) or stat.S_ISDIR(mode)):
        raise RecordsError(f"{shown(path, 120)}: a pipe, socket or device; give a {FORMS} file")


def _separator(header: str, separators: tuple[str, ...]) -> str:
    return max(separators, key=header.count)
