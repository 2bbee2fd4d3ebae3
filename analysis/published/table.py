"""The rows of a published table: from options of the command line, or from a small CSV or YAML file.

Values are read as text, since the last digit of an accuracy says how it was rounded: 0.860 is not 0.86.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

import yaml
from pydantic import ValidationError

from analysis.published.rows import PublishedRow, PublishedTable, Split, analyse
from trainables.errors import InputError

COLUMNS = tuple(PublishedRow.model_fields)


def rows_of_options(accuracies: Sequence[str], images: int | None, split: str | None) -> list[PublishedRow]:
    """One row for each accuracy, named by its number.

    Raises:
        InputError: no images, or a value that cannot be used.
    """
    if images is None:
        raise InputError("--images is missing: on how many images were these accuracies measured?")
    rows = enumerate(accuracies, start=1)
    return [_row({"name": f"approach {n}", "accuracy": text}, images, split, f"--accuracy {text}") for n, text in rows]


def read_rows(path: Path, images: int | None, split: str | None) -> list[PublishedRow]:
    """The rows of a file; `images` and `split` hold for those that do not say.

    A CSV file has a header with `name`, `accuracy` and, if need be, other columns of a `PublishedRow`; a YAML file is a
    list of mappings with these keys.

    Raises:
        InputError: the file cannot be read as such.
    """
    readers = {".csv": _read_csv, ".yaml": _read_yaml, ".yml": _read_yaml}
    if path.suffix.lower() not in readers:
        raise InputError(f"{path}: not a .csv, .yaml or .yml file")
    try:
        given = readers[path.suffix.lower()](path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    return [_row(values, images, split, f"{path}, row {number}") for number, values in enumerate(given, start=1)]


def compared(rows: Sequence[PublishedRow], alpha: float) -> PublishedTable:
    """Compare the rows.

    Raises:
        InputError: they cannot be compared; see `analysis.published.rows.analyse`.
    """
    try:
        return analyse(rows, alpha=alpha)
    except ValueError as error:
        raise InputError(str(error)) from error


def _read_csv(path: Path) -> list[dict[str, object]]:
    with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets write a byte-order mark
        return [dict(row) for row in csv.DictReader(file, restkey="", skipinitialspace=True)]


def _read_yaml(path: Path) -> list[dict[str, object]]:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # every value stays text
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not YAML ({' '.join(str(error).split())})") from error
    if not isinstance(content, list) or not all(isinstance(row, Mapping) for row in content):
        raise InputError(f"{path}: not a list of rows, each with a name and an accuracy")
    return [dict(row) for row in content]


def _row(values: Mapping[str, object], images: int | None, split: str | None, where: str) -> PublishedRow:
    given = {key: value for key, value in values.items() if value not in ("", None)}
    defaults = {"images": images, "split": split}
    try:
        return PublishedRow.model_validate({key: v for key, v in defaults.items() if v is not None} | given)
    except ValidationError as error:
        raise InputError(f"{where}: {_problem(error)}") from error


def _problem(error: ValidationError) -> str:
    """The first problem in one line."""
    first = max(error.errors(), key=lambda found: found["type"] == "extra_forbidden")  # a misspelt column explains
    column = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        unknown = f"unknown column {column!r}" if column else "more values than the header has columns"
        return f"{unknown}; known are {', '.join(COLUMNS)}"
    if first["type"] == "missing":
        return f"{column} is missing" + (" here and as --images" if column == "images" else "")
    if column == "split":
        return f"split {first['input']!r} is not one of {', '.join(get_args(Split))}"
    return f"{column} {first['input']!r}: {first['msg'][0].lower()}{first['msg'][1:]}"
