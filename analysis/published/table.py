"""A published table, read and analysed: of every row only the accuracy and the number of images are known.

The rows come from options of the command line, or from a small CSV or YAML file. Two rows measured on the same images
call for a paired test, and accuracies do not tell which images each row got right. So every statement is made for all
tables of pairs that the accuracies allow, and for all counts of correct images that their rounding allows. Nothing here
speaks of other seeds: a row is one trained network.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt
from pathlib import Path
from typing import Literal, get_args

from pydantic import ValidationError
from scipy import stats

from analysis.published.counts import Paired, Unpaired, paired, unpaired
from analysis.published.rows import Accuracy, PublishedRow, Split, accuracy_of
from analysis.records import yaml_text
from analysis.records.errors import PublishedTableError, shown

PairVerdict = Literal["different_splits", "not_significant", "depends", "significant"]
COLUMNS = tuple(PublishedRow.model_fields)


@dataclass(frozen=True, kw_only=True)
class PublishedPair:
    """Two rows, the better one first.

    Attributes:
        difference: accuracy of a minus that of b, at the nearest counts.
        order_open: the rounding allows that b is as good as a, or better.
        unpaired: None where the splits differ: no test compares two rows then.
        paired: None where the splits or the numbers of images differ.
        verdict: whether the difference is significant, over all that is not known: the pairing and the rounding.
        seed_sd: the standard deviation of the accuracy over seeds with which two seeds of a single approach would
            differ by this much or more with a probability of the level.
    """

    a: Accuracy
    b: Accuracy
    difference: float
    order_open: bool
    unpaired: Unpaired | None
    paired: Paired | None
    verdict: PairVerdict
    seed_sd: float


@dataclass(frozen=True)
class PublishedTable:
    """All rows and all pairs. `level` is alpha over the number of pairs that can be tested (Bonferroni).

    Holm's correction needs the order of the p-values, and here they are known as ranges only.
    """

    accuracies: tuple[Accuracy, ...]
    pairs: tuple[PublishedPair, ...]
    tested: int
    alpha: float
    level: float


def rows_of_options(accuracies: Sequence[str], images: int | None, split: str | None) -> list[PublishedRow]:
    """One row for each accuracy, named by its number.

    Raises:
        PublishedTableError: no images, or a value that cannot be used.
    """
    if images is None:
        raise PublishedTableError("--images is missing: on how many images were these accuracies measured?")
    rows = enumerate(accuracies, start=1)
    return [_row({"name": f"approach {n}", "accuracy": text}, images, split, f"--accuracy {text}") for n, text in rows]


def read_rows(path: Path, images: int | None, split: str | None) -> list[PublishedRow]:
    """The rows of a file; `images` and `split` hold for those that do not say.

    A CSV file has a header with `name`, `accuracy` and, if need be, other columns of a `PublishedRow`; a YAML file is a
    list of mappings with these keys.

    Raises:
        PublishedTableError: the file cannot be read as such.
    """
    if path.exists() and not path.is_file():  # a pipe would be read for ever
        raise PublishedTableError(f"{path}: not an ordinary file; give a .csv, .yaml or .yml file")
    readers = {".csv": _read_csv, ".yaml": _read_yaml, ".yml": _read_yaml}
    if path.suffix.lower() not in readers:
        raise PublishedTableError(f"{path}: not a .csv, .yaml or .yml file")
    try:
        given = readers[path.suffix.lower()](path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PublishedTableError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    return [_row(values, images, split, f"{path}, row {number}") for number, values in enumerate(given, start=1)]


def analyse(rows: Sequence[PublishedRow], *, alpha: float = 0.05) -> PublishedTable:
    """Compare every pair of rows.

    Raises:
        PublishedTableError: fewer than two rows, two of one name, an alpha that is not between 0 and 0.5, a loss
            without the number of classes, or an accuracy that is none or that no whole number of correct images gives.
    """
    _refuse_incomparable(rows, alpha)
    accuracies = tuple(accuracy_of(row, alpha=alpha) for row in rows)
    couples = list(combinations(accuracies, 2))
    tested = sum(not _splits_differ(a, b) for a, b in couples)
    level = alpha / max(1, tested)
    pairs = tuple(compare_rows(a, b, alpha=alpha, level=level) for a, b in couples)
    return PublishedTable(accuracies, pairs, tested, alpha, level)


def compare_rows(a: Accuracy, b: Accuracy, *, alpha: float, level: float) -> PublishedPair:
    """Compare two rows, given in whichever order: intervals at 1 - alpha, tests at `level`."""
    if b.counts.share > a.counts.share:
        a, b = b, a
    difference = a.counts.share - b.counts.share
    comparable = not _splits_differ(a, b)
    apart = unpaired(a.counts, b.counts, alpha=alpha, level=level) if comparable else None
    same = comparable and a.row.images == b.row.images
    together = paired(a.counts, b.counts, level=level) if same else None
    return PublishedPair(
        a=a,
        b=b,
        difference=difference,
        order_open=b.counts.may_reach(a.counts),
        unpaired=apart,
        paired=together,
        verdict=_verdict(apart, together, level),
        seed_sd=difference / (sqrt(2) * float(stats.norm.isf(level / 2))),
    )


def _read_csv(path: Path) -> list[dict[str, object]]:
    with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets write a byte-order mark
        return [dict(row) for row in csv.DictReader(file, restkey="", skipinitialspace=True)]


def _read_yaml(path: Path) -> list[dict[str, object]]:
    with path.open("rb") as file:
        text = file.read(yaml_text.MOST_BYTES + 1)
    try:
        content = yaml_text.load(text, as_text=True)  # accuracies with all their digits
    except yaml_text.YAMLTextError as error:
        raise PublishedTableError(f"{path}: {error}") from error
    if not isinstance(content, list) or not all(isinstance(row, Mapping) for row in content):
        raise PublishedTableError(f"{path}: not a list of rows, each with a name and an accuracy")
    return [dict(row) for row in content]


def _row(values: Mapping[str, object], images: int | None, split: str | None, where: str) -> PublishedRow:
    given = {key: value for key, value in values.items() if value not in ("", None)}
    defaults = {"images": images, "split": split}
    try:
        return PublishedRow.model_validate({key: v for key, v in defaults.items() if v is not None} | given)
    except ValidationError as error:
        raise PublishedTableError(f"{where}: {_problem(error)}") from error


def _problem(error: ValidationError) -> str:
    """The first problem in one line."""
    first = max(error.errors(), key=lambda found: found["type"] == "extra_forbidden")  # a misspelt column explains
    column = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        unknown = f"unknown column {shown(column)}" if column else "more values than the header has columns"
        return f"{unknown}; known are {', '.join(COLUMNS)}"
    if first["type"] == "missing":
        return f"{column} is missing" + (" here and as --images" if column == "images" else "")
    if column == "split":
        return f"split {shown(first['input'])} is not one of {', '.join(get_args(Split))}"
    return f"{column} {shown(first['input'])}: {first['msg'][0].lower()}{first['msg'][1:]}"


def _refuse_incomparable(rows: Sequence[PublishedRow], alpha: float) -> None:
    repeated = [name for name, count in Counter(row.name for row in rows).items() if count > 1]
    if repeated:
        raise PublishedTableError(f"{repeated[0]}: more than one row has that name; give each its own")
    if len(rows) < 2:
        raise PublishedTableError(f"two accuracies or more are needed to compare, but got {len(rows)}")
    if not 0 < alpha < 0.5:
        raise PublishedTableError(f"`0 < alpha < 0.5` must hold, but got alpha {alpha:g}")
    without = [row.name for row in rows if row.one_hot_loss is not None and row.classes is None]
    if without:
        raise PublishedTableError(f"{without[0]}: one_hot_loss without classes; say how many classes the data set has")


def _splits_differ(a: Accuracy, b: Accuracy) -> bool:
    """Whether both say their split, and not the same."""
    return a.row.split is not None and b.row.split is not None and a.row.split != b.row.split


def _verdict(apart: Unpaired | None, together: Paired | None, level: float) -> PairVerdict:
    if apart is None:
        return "different_splits"
    lowest = together.lowest.p_mid if together else apart.p_lowest
    highest = together.highest.p_mid if together else apart.p_highest
    if highest < level:
        return "significant"
    return "not_significant" if lowest >= level else "depends"
