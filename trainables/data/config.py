"""A kind of data set: the model of what a study file says about it, and how it is read. One file is one source.

Those that a study file can name are found at the end, each by its word; nothing here names one.
"""

from __future__ import annotations

import inspect
import pkgutil
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from trainables.data.splits import SPLITS, Split, SplitIndex, complete
from trainables.errors import DataError, shown
from trainables.finding import Door

PACKAGE = "trainables.data"
Switch = Literal["allow_duplicates", "allow_shared_groups", "skip_corrupt"]


@dataclass(frozen=True)
class LeftOut:
    """Files of one kind that are not in the data: why, how many, and the name of one."""

    why: str
    count: int
    first: str


@dataclass(frozen=True)
class Contents:
    """What a source holds; none of its pictures need be opened for it.

    Raises:
        DataError: it contradicts itself: a label without a class, two images of one name, and the like.

    Attributes:
        name: where it comes from, in words; with it begin the errors about it.
        classes: their names, in the order of the labels.
        parts: the splits that it comes with; all is `train` where it comes undivided.
        left_out: files that lie there and are not in it.
    """

    name: str
    classes: tuple[str, ...]
    parts: Mapping[Split, SplitIndex]
    left_out: tuple[LeftOut, ...] = ()

    def __post_init__(self) -> None:
        for split, part in self.parts.items():
            if problem := _contradiction(part, len(self.classes)):
                raise DataError(f"{self.name}: split '{split}' with {problem}; mend `read` of the source")
        every = [self.classes, *(names for part in self.parts.values() for names in (part.ids, part.groups or ()))]
        if strange := next((name for names in every for name in names if not _is_utf8(name)), None):
            raise DataError(f"{shown(self.name)}: the name '{shown(strange)}' is not UTF-8; mend `read` of the source")
        names = Counter(name for part in self.parts.values() for name in part.ids)
        if names and (most := names.most_common(1)[0])[1] > 1:
            raise DataError(f"{self.name}: two images are called '{shown(most[0])}'; mend `read` of the source")


class DataSource(BaseModel, ABC):
    """A kind of data set that comes divided into train, valid and test. Its fields are the keys of the section `data`.

    A source that declares one of these fields lets the user allow what is refused otherwise (all are false by default):
    `allow_duplicates`, identical images in more than one split or class; `allow_shared_groups`, groups in more than one
    split; `skip_corrupt`, leaving out files that are no readable image.

    Attributes:
        source: what the study file calls this class. A class of this folder gives it its word, as `Literal["word"] =
            "word"`; any other leaves it alone. It is then the class's address, whatever word an entry point has for it:
            the machine where the study goes on may not know the word.
        unreadable_mend: what to do about images that cannot be read, for the error that names the first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    source: str
    unreadable_mend: ClassVar[str] = "fetch the data set again"

    @property
    def redivided_with(self) -> int | None:
        """Seed with which training and validation are divided anew for each replicate; None where they stay.

        A source with the fields `resplit` and `split_seed` leaves it to the study file.
        """
        return int(getattr(self, "split_seed", 0)) if getattr(self, "resplit", False) else None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """A subclass goes by a word only where it gives itself one: it does not inherit that of its base."""
        own = inspect.get_annotations(cls)
        if "source" not in own:
            cls.__annotations__ = {**own, "source": "str"}
        super().__init_subclass__(**kwargs)

    @model_validator(mode="before")
    @classmethod
    def _goes_by_its_address(cls, given: object) -> object:
        if isinstance(given, Mapping) and cls.model_fields["source"].is_required():
            return {**given, "source": f"{cls.__module__}:{cls.__qualname__}"}
        return given

    @abstractmethod
    def read(self) -> Contents:
        """List the images.

        Raises:
            DataError: files are missing or cannot be used.
        """

    def divided(self, parts: Mapping[Split, SplitIndex], classes: Sequence[str]) -> dict[Split, SplitIndex]:
        """All three splits, from those that were read.

        Raises:
            DataError: one is missing, or cannot be made.
        """
        if missing := [split for split in SPLITS if split not in parts]:
            raise DataError(f"{self.source}: comes without the split '{missing[0]}'; its class must be a DividedSource")
        return {split: parts[split] for split in SPLITS}

    def allows(self, switch: Switch) -> bool:
        """Whether the study file says so; never where the source has no such field."""
        return bool(getattr(self, switch, False))

    def offers(self, switch: Switch | Literal["groups"]) -> bool:
        """Whether the study file may say so; or name groups, which not every source has."""
        return switch in type(self).model_fields


class DividedSource(DataSource):
    """A source that may come undivided. It is divided by class, the same way for the same seed on every machine.

    Attributes:
        allow_duplicates: accept identical images in more than one split, or in two classes.
        valid_fraction: share of the undivided images that go to validation, where no validation split comes with them.
        test_fraction: the same for the test split.
        split_seed: seed of the division.
        resplit: divide the training and validation images anew for each replicate, so that the luck of that division is
            part of the uncertainty; the test images stay.
    """

    allow_duplicates: bool = False
    valid_fraction: float = Field(0.15, gt=0, lt=1)
    test_fraction: float = Field(0.2, gt=0, lt=1)
    split_seed: int = Field(0, ge=0, lt=2**32)
    resplit: bool = False

    @model_validator(mode="after")
    def _leaves_something_to_train_on(self) -> DividedSource:
        if self.valid_fraction + self.test_fraction >= 1:
            raise ValueError(f"valid_fraction + test_fraction is {self.valid_fraction + self.test_fraction:g}; below 1")
        return self

    def divided(self, parts: Mapping[Split, SplitIndex], classes: Sequence[str]) -> dict[Split, SplitIndex]:
        """All three splits: what is missing of valid and test is divided off train."""
        return complete(parts, classes, valid=self.valid_fraction, test=self.test_fraction, seed=self.split_seed)


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _contradiction(part: SplitIndex, classes: int) -> str | None:
    counts = {"id": len(part.ids), "label": len(part.labels), "picture": len(part.pictures)}
    if part.groups is not None:
        counts["group"] = len(part.groups)
    if len(set(counts.values())) > 1:
        return ", ".join(f"{count} {what}{'s' if count != 1 else ''}" for what, count in counts.items())
    labels = np.asarray(part.labels)
    if len(labels) and (labels.ndim != 1 or labels.dtype.kind not in "iu"):
        return f"labels of shape {labels.shape} and type {labels.dtype}, not a whole number for each image"
    outside = labels[(labels < 0) | (labels >= classes)]
    return f"label {outside[0]}, but {classes} classes" if len(outside) else None


def sources() -> dict[str, type[DataSource]]:
    """The sources that have a word: first those of this folder, then those of the entry points.

    Raises:
        DataError: an entry point leads to no data source.
    """
    words = dict.fromkeys([*SOURCES.built_in(), *SOURCES.declared()])
    return {word: SOURCES.find(word) for word in words}


@cache
def _of_this_folder() -> dict[str, type[DataSource]]:
    folder = Path(__file__).parent
    modules = [import_module(f"{PACKAGE}.{found.name}") for found in pkgutil.iter_modules([str(folder)])]
    kinds = [kind for module in modules for kind in SOURCES.all_in(module)]
    words = {kind.model_fields["source"].default: kind for kind in kinds}
    return {word: kind for word, kind in words.items() if isinstance(word, str)}


def _unfit(kind: object) -> str | None:
    if not isinstance(kind, type) or not issubclass(kind, DataSource):
        return f"no subclass of {PACKAGE}.config.DataSource"
    return f"lacks {', '.join(sorted(kind.__abstractmethods__))}" if inspect.isabstract(kind) else None


SOURCES: Door[DataSource] = Door(
    folder="trainables/data",
    group="transfer_study.data_sources",
    contract="trainables/data/config.py",
    built_in=lambda: list(_of_this_folder()),
    load=lambda word: _of_this_folder()[word],
    unfit=_unfit,
    error=DataError,
)
