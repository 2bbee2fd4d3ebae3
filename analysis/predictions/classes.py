"""The classes of a table of predictions: the values that occur, and what shows that they were written in two ways.

A class written in two ways makes right answers wrong, and the report would call the approach that was hurt by it the
worse one. So what looks like that is refused by name.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.predictions.names import shown
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
            in two ways; an approach counts from another number than the labels; or there are too many of them.
    """
    labels, predicted = (_as_text(table[name]) for name in ("label", "prediction"))
    whole = [_all_whole(column) for column in (labels, predicted)]
    if whole[0] != whole[1]:
        raise RecordsError(
            f"label '{shown(labels.iloc[0], 20)}' and prediction '{shown(predicted.iloc[0], 20)}' are of different "
            "kinds; give class indices (0, 1, ...) in both columns, or names of classes in both"
        )
    if all(whole):
        labels, predicted = (column.map(_whole) for column in (labels, predicted))
        _refuse_names(with_probabilities)
    occurring = {*labels.unique(), *predicted.unique(), *with_probabilities}
    _refuse_too_many(occurring)
    names = sorted(occurring, key=int) if all(map(WHOLE.fullmatch, occurring)) else sorted(occurring)
    approaches = table["approach"].astype(str)
    _refuse_twins(names, approaches, labels, predicted)
    index = pd.Index(names)
    found = Classes(tuple(names), index.get_indexer(labels), index.get_indexer(predicted))
    if all(whole):
        _refuse_negative(names)
        _refuse_other_counting(found, approaches)
    return found


def _as_text(column: pd.Series) -> pd.Series:
    """Classes as text; 3 is the class 3, whether the column holds numbers, categories or text."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    codes, values = pd.factorize(column)
    for value in values:
        if isinstance(value, float) and np.isinf(value):
            row = (column == value).idxmax()
            raise RecordsError(f"column {column.name!r} is {value} in row {row}; give a class")
    texts = np.array([str(value) for value in values], dtype=object)
    return pd.Series(texts[codes], index=column.index, dtype=object)


def _all_whole(column: pd.Series) -> bool:
    return all(map(WHOLE.fullmatch, column.unique()))


def _whole(text: str) -> str:
    """3.0 is the class 3, and -0.0, to which programs round, the class 0."""
    return str(int(text.partition(".")[0]))


def _refuse_names(with_probabilities: Sequence[str]) -> None:
    strange = [name for name in with_probabilities if not WHOLE.fullmatch(name)]
    if strange:
        raise RecordsError(
            f"column 'p_{shown(strange[0], 30)}' is of no class where labels and predictions are numbers; rename it, "
            "or give the probabilities of class 0 in p_0"
        )


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
        alike[_plain(name)].append(name)
    for twins in (twins for twins in alike.values() if len(twins) > 1):
        known = labels.isin(twins)
        known_to_all = pd.Series(labels[known]).groupby(approaches[known]).nunique()
        if (known_to_all == len(twins)).any():
            continue
        rare = min(twins, key=lambda twin: int((labels == twin).sum()))
        other = next(twin for twin in twins if twin != rare)
        rows = (labels == rare) | (predicted == rare)
        whose = shown(approaches[rows].iloc[0], 30) if rows.any() else ""
        where = f" ({whose}, row {rows.idxmax()})" if whose else " (a column of probabilities)"
        raise RecordsError(
            f"the classes '{shown(rare, 30)}'{where} and '{shown(other, 30)}' differ by case or blanks alone; write "
            "each class in one way"
        )


def _plain(name: str) -> str:
    """Without capitals, blanks, signs that are not seen (a zero-width space), and with accents written in one way."""
    seen = "".join(sign for sign in unicodedata.normalize("NFKC", name) if unicodedata.category(sign) != "Cf")
    return "".join(seen.split()).casefold()


def _refuse_other_counting(found: Classes, approaches: pd.Series) -> None:
    """An approach whose predictions are one above the labels, or one below: hardly ever right, but right when shifted.

    Its highest class is then one that no label has, or it names three classes or more and never the first; an approach
    that always names one class may look like it otherwise.
    """
    values = np.array([int(name) for name in found.names])
    label, predicted = values[found.labels], values[found.predicted]
    for name in approaches.unique():
        own = (approaches == name).to_numpy()
        for sign, counts, where in ((1, "from 1", "above"), (-1, "from one lower", "below")):
            named, true = sign * predicted[own], sign * label[own]  # those below are those above in the mirror
            given, shifted = (float((named - by == true).mean()) for by in (0, 1))
            several = len(np.unique(named)) > 2 and shifted > 0.5
            moved = named.min() > true.min() and (named.max() == true.max() + 1 or several)
            if moved and shifted > max(0.25, 2 * given):
                raise RecordsError(
                    f"{shown(name, 25)} counts its classes {counts}: {100 * given:.1f} % of its predictions are the "
                    f"label, and {100 * shifted:.1f} % are one {where} it; count as the labels do, from {label.min()}"
                )
