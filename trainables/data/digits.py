"""The 1,797 handwritten digits that come with scikit-learn (Alpaydin & Kaynak 1998): nothing to download."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from trainables.data.config import Contents, DataSource
from trainables.data.images import ArrayPicture
from trainables.data.splits import SPLITS, SplitIndex, stratified

SMALLEST_CLASS = 174  # images of the digit 8


class DigitsData(DataSource):
    """The 1,797 handwritten digits that come with scikit-learn, 8 x 8 pixels; most of them are the test split.

    Attributes:
        train_per_class, valid_per_class: images of each digit in the training and validation splits.
        split_seed: seed of the division.
        resplit: divide the training and validation images anew for each replicate; the test images stay.
    """

    source: Literal["digits"] = "digits"
    train_per_class: int = Field(10, ge=1)
    valid_per_class: int = Field(20, ge=1)
    split_seed: int = Field(0, ge=0, lt=2**32)
    resplit: bool = False

    @model_validator(mode="after")
    def _leaves_something_to_test_on(self) -> DigitsData:
        taken = self.train_per_class + self.valid_per_class
        if taken >= SMALLEST_CLASS:
            raise ValueError(f"train_per_class + valid_per_class is {taken}; below {SMALLEST_CLASS}")
        return self

    def read(self) -> Contents:
        """The digits, divided by class: 17 gray levels stretched to 0 ... 255."""
        from sklearn.datasets import load_digits  # slow to import

        digits = load_digits()
        gray = np.rint(digits.images * (255 / 16)).astype(np.uint8)  # (1797, 8, 8)
        names = tuple(f"digit-{i:04d}" for i in range(len(gray)))
        pictures = tuple(ArrayPicture(image, name) for image, name in zip(gray, names, strict=True))
        whole = SplitIndex(names, digits.target.astype(np.int64), pictures)
        counts = (self.train_per_class, self.valid_per_class)
        divided = stratified(whole.labels, lambda _: counts, self.split_seed)
        parts = {split: whole.take(positions) for split, positions in zip(SPLITS, divided, strict=True)}
        return Contents("scikit-learn's digits", tuple("0123456789"), parts)
