"""What a study file may say about its data: one model for each kind of source, told apart by `source`."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

SMALLEST_DIGIT_CLASS = 174  # images of the digit 8 in scikit-learn's load_digits


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Divided(_Model):
    """How to divide what comes undivided: by class, and the same way for the same seed on every machine.

    Attributes:
        allow_duplicates: accept identical images in more than one split.
        valid_fraction: share of the undivided images that go to validation, where no validation split comes with them.
        test_fraction: the same for the test split.
        split_seed: seed of the division.
    """

    allow_duplicates: bool = False
    valid_fraction: float = Field(0.15, gt=0, lt=1)
    test_fraction: float = Field(0.2, gt=0, lt=1)
    split_seed: int = Field(0, ge=0, lt=2**32)

    @model_validator(mode="after")
    def _leaves_something_to_train_on(self) -> _Divided:
        if self.valid_fraction + self.test_fraction >= 1:
            raise ValueError(f"valid_fraction + test_fraction is {self.valid_fraction + self.test_fraction:g}; below 1")
        return self


class FolderData(_Divided):
    """A folder of images: train/valid/test with one folder a class in each, or one folder of class folders.

    Attributes:
        path: the folder.
        groups: regular expression searched in each file's name; what it finds (its first group, if it has one) names
            the group of the image, for example the boat or the patient. The group is the unit of the statistics, so the
            test split needs two at least. What is divided here is divided by whole groups.
        allow_shared_groups: accept groups that have images in more than one split, where the splits come with the
            data. What was learnt of a group in training then helps in the test.
        skip_corrupt: leave out files that are no readable image, instead of refusing them.
    """

    source: Literal["folder"] = "folder"
    path: str
    groups: str | None = None
    allow_shared_groups: bool = False
    skip_corrupt: bool = False

    @field_validator("groups")
    @classmethod
    def _is_a_regular_expression(cls, groups: str | None) -> str | None:
        try:
            re.compile(groups or "")
        except re.error as error:
            raise ValueError(f"not a regular expression ({error})") from error
        return groups


class DigitsData(_Model):
    """The 1,797 handwritten digits that come with scikit-learn, 8 x 8 pixels; most of them are the test split.

    Attributes:
        train_per_class, valid_per_class: images of each digit in the training and validation splits.
        split_seed: seed of the division.
    """

    source: Literal["digits"] = "digits"
    train_per_class: int = Field(10, ge=1)
    valid_per_class: int = Field(20, ge=1)
    split_seed: int = Field(0, ge=0, lt=2**32)

    @model_validator(mode="after")
    def _leaves_something_to_test_on(self) -> DigitsData:
        taken = self.train_per_class + self.valid_per_class
        if taken >= SMALLEST_DIGIT_CLASS:
            raise ValueError(f"train_per_class + valid_per_class is {taken}; below {SMALLEST_DIGIT_CLASS}")
        return self


class TorchvisionData(_Divided):
    """A classification data set of torchvision, by the name of its class, with the splits it comes with.

    Attributes:
        name: for example CIFAR10, FashionMNIST, EuroSAT, Flowers102.
        root: the folder that torchvision keeps it in.
        download: download what is not under `root`.
    """

    source: Literal["torchvision"] = "torchvision"
    name: str
    root: str
    download: bool = False


DataConfig = Annotated[FolderData | DigitsData | TorchvisionData, Field(discriminator="source")]
