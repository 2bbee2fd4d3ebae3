"""The classes of a table of predictions: the values that occur, and what shows that they were written in two ways.

A class written in two ways makes right answers wrong, and the report would call the approach that was hurt by it the
worse one. So what looks like that is refused by name.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.records.errors import RecordsError

MOST_CLASSES = 10_000  # a confusion matrix of more does not fit the memory of a laptop
WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})(\.0+)?")


@dataclass(frozen=True)
class Classes:
    """Labels and predictions as indices of `names`, which are the classes that occur, numbers in their order."""

    names: tuple[str, ...]
    labels: NDArray[np.int64] = field(repr=False)
    predicted: NDArray[np.int64] = field(repr=False)


def read_classes(table: pd.DataFrame, with_probabilities: Sequence[str]) -> Classes:
    """The classes of a table with the columns approach, label and prediction.

    Args:
        with_probabilities: names of the classes that have a column of probabilities.

    Raises:
        RecordsError: labels and predictions are of different kinds; a class is a negative number, infinite, or written
            in two ways; an approach counts from 1; or there are too many of them.
    """
    labels, predicted = (_as_text(table[name]) for name in ("label", "prediction"))
    whole = [_all_whole(column) for column in (labels, predicted)]
    if whole[0] != whole[1]:
        raise RecordsError(
            f"label {labels.iloc[0]!r} and prediction {predicted.iloc[0]!r} are of different kinds; "
            "give class indices (0, 1, ...) in both columns, or names of classes in both"
        )
    if all(whole):
        labels, predicted = (column.str.replace(r"\.0+$", "", regex=True) for column in (labels, predicted))
    occurring = {*labels.unique(), *predicted.unique(), *with_probabilities}
    _refuse_too_many(occurring)
    names = sorted(occurring, key=int) if all(map(WHOLE.fullmatch, occurring)) else sorted(occurring)
    approaches = table["approach"].astype(str)
    _refuse_twins(names, approaches, labels, predicted)
    index = pd.Index(names)
    found = Classes(tuple(names), index.get_indexer(labels), index.get_indexer(predicted))
    if all(whole):
        _refuse_negative(names)
        _refuse_counting_from_one(found, approaches)
    return found


def _as_text(column: pd.Series) -> pd.Series:
    """Classes as text; 3 is the class 3, whether the column holds numbers, categories or text."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    infinite = column.isin([np.inf, -np.inf])
    if infinite.any():
        row = infinite.idxmax()
        raise RecordsError(f"column {column.name!r} is {column[row]} in row {row}; give a class")
    codes, values = pd.factorize(column)
    texts = np.array([str(value) for value in values], dtype=object)
    return pd.Series(texts[codes], index=column.index, dtype=object)


def _all_whole(column: pd.Series) -> bool:
    return all(map(WHOLE.fullmatch, column.unique()))


def _refuse_too_many(occurring: Iterable[str]) -> None:
    count = len(set(occurring))
    if count > MOST_CLASSES:
        raise RecordsError(
            f"{count:,} classes occur, and at most {MOST_CLASSES:,} can be compared; "
            "are the columns 'label' and 'prediction' classes?"
        )


def _refuse_negative(names: Sequence[str]) -> None:
    if int(names[0]) < 0:
        raise RecordsError(
            f"class {names[0]}; class indices are 0, 1, ...; leave out runs without an answer for every image"
        )


def _refuse_twins(names: Sequence[str], approaches: pd.Series, labels: pd.Series, predicted: pd.Series) -> None:
    """Classes that differ by case or blanks alone are one class, unless one approach's labels know both (a and A)."""
    alike: dict[str, list[str]] = defaultdict(list)
    for name in names:
        alike["".join(name.split()).casefold()].append(name)
    for twins in (twins for twins in alike.values() if len(twins) > 1):
        known = labels.isin(twins)
        known_to_all = pd.Series(labels[known]).groupby(approaches[known]).nunique()
        if (known_to_all == len(twins)).any():
            continue
        rare = min(twins, key=lambda twin: int((labels == twin).sum()))
        other = next(twin for twin in twins if twin != rare)
        rows = (labels == rare) | (predicted == rare)
        where = f" ({approaches[rows].iloc[0]}, row {rows.idxmax()})" if rows.any() else " (a column of probabilities)"
        raise RecordsError(
            f"the classes {rare!r}{where} and {other!r} differ by case or blanks alone; write each class in one way"
        )


def _refuse_counting_from_one(found: Classes, approaches: pd.Series) -> None:
    """An approach whose predictions are one above the labels: hardly ever right, and right when one is taken off.

    Its highest class is then one that no label has; an approach that always names one class may look like it otherwise.
    """
    values = np.array([int(name) for name in found.names])
    label, predicted = values[found.labels], values[found.predicted]
    for name in approaches.unique():
        own = (approaches == name).to_numpy()
        given, shifted = (float((predicted[own] - by == label[own]).mean()) for by in (0, 1))
        moved = predicted[own].min() > label[own].min() and predicted[own].max() == label[own].max() + 1
        if moved and shifted > max(0.25, 2 * given):
            raise RecordsError(
                f"{name} counts its classes from 1: {100 * given:.1f} % of its predictions are the label, and "
                f"{100 * shifted:.1f} % are one above it; count as the labels do, whose lowest is {label.min()}"
            )
