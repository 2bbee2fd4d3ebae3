"""What can be said of a published table, where of every row only the accuracy and the number of images are known.

Two rows measured on the same images call for a paired test, and accuracies do not tell which images each row got right.
So every statement is made for all tables of pairs that the accuracies allow, and for all counts of correct images that
their rounding allows. Nothing here speaks of other seeds: a row is one trained network.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import combinations
from math import ceil, floor, sqrt
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from scipy import stats

from analysis.published.counts import Counts, Paired, Unpaired, paired, unpaired
from analysis.statistics.wilson import wilson

Split = Literal["train", "valid", "test"]
PairVerdict = Literal["different_splits", "not_significant", "depends", "significant"]

# Accuracies with more digits were often printed from 32-bit floats, which are right to seven digits.
FINEST = Fraction(1, 10**7)


class PublishedRow(BaseModel):
    """One row of the table.

    Attributes:
        name: unique in the table.
        accuracy: as printed, since its last digit says how it was rounded: `0.860`, or `86.0%`.
        images: how many images it was measured on.
        split: which images these are; None where the table does not say.
        one_hot_loss: cross-entropy of decisions without probabilities, as printed; None where the table gives none.
        classes: of the data set; needed with a `one_hot_loss`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)
    name: str = Field(min_length=1)
    accuracy: str
    images: int = Field(ge=1)
    split: Split | None = None
    one_hot_loss: Decimal | None = Field(None, ge=0)
    classes: int | None = Field(None, ge=2)


@dataclass(frozen=True)
class Accuracy:
    """A row, the counts of correct images it may stand for, and Wilson's interval of the nearest at 1 - alpha."""

    row: PublishedRow
    counts: Counts
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
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
    pairs: tuple[Comparison, ...]
    tested: int
    alpha: float
    level: float


def analyse(rows: Sequence[PublishedRow], *, alpha: float = 0.05) -> PublishedTable:
    """Compare every pair of rows.

    Raises:
        ValueError: fewer than two rows, two of one name, an alpha that is not between 0 and 0.5, a loss without the
            number of classes, or an accuracy that is none or that no whole number of correct images gives. The message
            is one line.
    """
    repeated = [name for name, count in Counter(row.name for row in rows).items() if count > 1]
    if repeated:
        raise ValueError(f"{repeated[0]}: more than one row has that name; give each its own")
    if len(rows) < 2:
        raise ValueError(f"two accuracies or more are needed to compare, but got {len(rows)}")
    if not 0 < alpha < 0.5:
        raise ValueError(f"`0 < alpha < 0.5` must hold, but got alpha {alpha:g}")
    without = [row.name for row in rows if row.one_hot_loss is not None and row.classes is None]
    if without:
        raise ValueError(f"{without[0]}: one_hot_loss without classes; say how many classes the data set has")
    accuracies = tuple(_accuracy(row, alpha) for row in rows)
    couples = list(combinations(accuracies, 2))
    tested = sum(not _splits_differ(a, b) for a, b in couples)
    level = alpha / max(1, tested)
    pairs = tuple(compare(a, b, alpha=alpha, level=level) for a, b in couples)
    return PublishedTable(accuracies, pairs, tested, alpha, level)


def compare(a: Accuracy, b: Accuracy, *, alpha: float, level: float) -> Comparison:
    """Compare two rows, given in whichever order: intervals at 1 - alpha, tests at `level`."""
    if b.counts.share > a.counts.share:
        a, b = b, a
    difference = a.counts.share - b.counts.share
    comparable = not _splits_differ(a, b)
    apart = unpaired(a.counts, b.counts, alpha=alpha, level=level) if comparable else None
    same = comparable and a.row.images == b.row.images
    together = paired(a.counts, b.counts, level=level) if same else None
    return Comparison(
        a,
        b,
        difference,
        order_open=b.counts.may_reach(a.counts),
        unpaired=apart,
        paired=together,
        verdict=_verdict(apart, together, level),
        seed_sd=difference / (sqrt(2) * float(stats.norm.isf(level / 2))),
    )


def compatible_counts(accuracy: str, images: int) -> Counts:
    """All k with k / images equal to the accuracy after rounding to its digits. A tie may have gone either way.

    Raises:
        ValueError: it is no accuracy, or no k gives it.
    """
    value, half = _share(accuracy)
    fewest = max(0, ceil((value - half) * images))
    most = min(images, floor((value + half) * images))
    if fewest > most:
        below, above = floor(value * images), ceil(value * images)
        raise ValueError(
            f"no number of correct images out of {images:,} gives {accuracy}: {below:,} give {below / images:.6f} and"
            f" {above:,} give {above / images:.6f}; correct the accuracy or the number of images"
        )
    return Counts(fewest, round(value * images), most, images)


def _share(accuracy: str) -> tuple[Fraction, Fraction]:
    """An accuracy as a share, and half a unit of its last digit."""
    found = re.fullmatch(r"(\d+|\d*\.(\d+))\s*(%?)", accuracy.strip(), re.ASCII)
    unit = Fraction(1, 100 if found and found[3] else 1)
    if not found or Fraction(found[1]) * unit > 1:
        raise ValueError(f"{accuracy!r} is no accuracy; write a share, as in 0.861, or a percentage, as in 86.1%")
    half = unit / (2 * 10 ** len(found[2] or ""))
    return Fraction(found[1]) * unit, max(half, FINEST)


def _accuracy(row: PublishedRow, alpha: float) -> Accuracy:
    try:
        counts = compatible_counts(row.accuracy, row.images)
    except ValueError as error:
        raise ValueError(f"{row.name}: {error}") from error
    return Accuracy(row, counts, *wilson(counts.share, row.images, float(stats.norm.isf(alpha / 2))))


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
