"""The rows of a published table as they were printed, and the counts of correct images that they may stand for.

Accuracies are kept as text: their last digit says how they were rounded, so 0.860 is not 0.86.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from scipy import stats

from analysis.published.counts import Counts
from analysis.records.errors import PublishedTableError
from analysis.statistics.wilson import wilson

Split = Literal["train", "valid", "test"]

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


def accuracy_of(row: PublishedRow, *, alpha: float = 0.05) -> Accuracy:
    """What a row's accuracy stands for.

    Raises:
        PublishedTableError: it is no accuracy, or no whole number of correct images gives it.
    """
    try:
        counts = compatible_counts(row.accuracy, row.images)
    except ValueError as error:
        raise PublishedTableError(f"{row.name}: {error}") from error
    return Accuracy(row, counts, *wilson(counts.share, row.images, float(stats.norm.isf(alpha / 2))))


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
