"""Splits: the images of each, the seeded division of what comes undivided, and images that are there twice.

Whole groups are divided (an image without a group is one of its own), class by class, so that every class reaches every
split even where a class has few images.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from trainables.data.image_cache import Facts
from trainables.data.images import Picture
from trainables.errors import DataError, shown

Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")
FEWEST_GROUPS = 3  # of test images: from fewer no variance between groups can be estimated that is worth the name


@dataclass(frozen=True)
class SplitIndex:
    """The images of one split, in a fixed order.

    Attributes:
        ids: stable names, relative to the data set, with `/` between folders; unique in the data set.
        labels: (N,) int64 class indices.
        pictures: where the pixels come from.
        groups: the group of each image, or None where the data set has no groups.
    """

    ids: tuple[str, ...]
    labels: np.ndarray
    pictures: tuple[Picture, ...] = field(repr=False)
    groups: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, positions: Sequence[int] | np.ndarray) -> SplitIndex:
        """The images at these positions, in this order."""
        return SplitIndex(
            ids=tuple(self.ids[i] for i in positions),
            labels=self.labels[positions],
            pictures=tuple(self.pictures[i] for i in positions),
            groups=None if self.groups is None else tuple(self.groups[i] for i in positions),
        )


def complete(
    parts: Mapping[Split, SplitIndex], classes: Sequence[str], *, valid: float, test: float, seed: int
) -> dict[Split, SplitIndex]:
    """Divide off `train` whatever of valid and test does not come with the data set.

    Of the n groups of a class, round(fraction * n) go to the new split, at least one. A group belongs to the class
    that most of its images have.

    Args:
        valid, test: shares of the undivided groups that go to each, in (0, 1).

    Raises:
        DataError: there are no images to divide, or a class has too few images, or groups, to be in every split.
    """
    fractions: dict[Split, float] = {"valid": valid, "test": test}
    missing: list[Split] = [split for split in fractions if split not in parts]
    if not missing:
        return {split: parts[split] for split in SPLITS}
    train = parts["train"]
    if not len(train):
        raise DataError(f"no images in the split 'train' to take {' and '.join(missing)} from; add some of every class")
    unit_of, unit_labels = _units(train)

    def counts(n: int) -> list[int]:
        return [max(1, round(fractions[split] * n)) for split in missing]

    _refuse_small_classes(unit_labels, counts, classes, "image" if train.groups is None else "group")
    *drawn, rest = stratified(unit_labels, counts, seed)
    units: dict[Split, np.ndarray] = {"train": rest, **dict(zip(missing, drawn, strict=True))}
    new = {split: train.take(np.flatnonzero(np.isin(unit_of, chosen))) for split, chosen in units.items()}
    found = {**parts, **new}
    return {split: found[split] for split in SPLITS}


@dataclass(frozen=True)
class Duplicate:
    """Two images that are the same, pixel for pixel."""

    split_a: Split
    id_a: str
    split_b: Split
    id_b: str


@dataclass(frozen=True)
class Division:
    """Training and validation images of one replicate, as positions in both splits, one behind the other."""

    train: np.ndarray
    valid: np.ndarray


def redivide(train: SplitIndex, valid: SplitIndex, classes: Sequence[str], seed: int) -> Division:
    """Divide training and validation images anew, by class and by whole groups, in the proportions that they have.

    Raises:
        DataError: a class has only one image, or group, in both together, or would be missing from one of them.
    """
    both = _joined(train, valid)
    unit_of, unit_labels = _units(both)
    validating, all_of_class = (np.bincount(part.labels, minlength=len(classes)) for part in (valid, both))
    generator = np.random.RandomState(seed)
    drawn = []
    for label in np.unique(unit_labels):
        units = np.flatnonzero(unit_labels == label)
        if len(units) < 2:
            unit = "image" if both.groups is None else "group"
            raise DataError(
                f"class '{shown(classes[label])}' has one {unit} in training and validation together, too few to "
                f"divide them anew; add {unit}s, or set resplit: false"
            )
        wanted = min(len(units) - 1, max(1, round(validating[label] / all_of_class[label] * len(units))))
        drawn.append(generator.permutation(units)[:wanted])
    chosen = np.isin(unit_of, np.concatenate(drawn))
    for part, into in ((both.labels[~chosen], "training"), (both.labels[chosen], "validation")):
        lacking = np.setdiff1d(np.intersect1d(train.labels, valid.labels), part)
        if len(lacking):  # a class that is a minority in all its groups goes with the others
            raise DataError(
                f"class '{shown(classes[lacking[0]])}' has no image in {into} where training and validation are "
                "divided anew; its groups are of other classes mostly: change groups, or set resplit: false"
            )
    return Division(np.flatnonzero(~chosen), np.flatnonzero(chosen))


def stratified(labels: np.ndarray, counts: Callable[[int], Sequence[int]], seed: int) -> list[np.ndarray]:
    """Draw positions without replacement, class by class.

    Args:
        labels: (N,) class indices.
        counts: from the size n of a class, how many of it go to each list.

    Returns:
        One sorted array of positions for each count, and the positions left over as the last.
    """
    generator = np.random.RandomState(seed)  # unlike default_rng's, its stream is frozen for good (NumPy's NEP 19)
    pieces = []
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        pieces.append(np.split(members, np.cumsum(counts(len(members)))))
    return [np.sort(np.concatenate(piece)) for piece in zip(*pieces, strict=True)]


def in_two_splits(splits: Mapping[Split, SplitIndex], facts: Mapping[str, Facts]) -> tuple[Duplicate, ...]:
    """Images that are also in an earlier split, in the order train, valid, test; each with the first such image.

    Two images are the same when their RGB pixels are, at their own size and upright (compared by SHA-1): a copy under
    another name, in another lossless format, or with other metadata is found; one compressed anew is not.
    """
    first: dict[tuple[int, int, str], tuple[Split, str]] = {}
    found = []
    for split in SPLITS:
        for name in splits[split].ids:
            earlier, other = first.setdefault(facts[name].pixels, (split, name))
            if earlier != split:
                found.append(Duplicate(earlier, other, split, name))
    return tuple(found)


def in_two_classes(splits: Mapping[Split, SplitIndex], facts: Mapping[str, Facts]) -> tuple[Duplicate, ...]:
    """Images that an earlier one equals, of whichever split, with another label; each with the first such image."""
    first: dict[tuple[int, int, str], tuple[int, Split, str]] = {}
    found = []
    for split in SPLITS:
        for name, label in zip(splits[split].ids, splits[split].labels.tolist(), strict=True):
            given, earlier, other = first.setdefault(facts[name].pixels, (label, split, name))
            if given != label:
                found.append(Duplicate(earlier, other, split, name))
    return tuple(found)


def refuse_few_groups(test: SplitIndex, source: str) -> None:
    """Refuse test images of one or two groups.

    Raises:
        DataError: it is so.
    """
    groups = sorted(set(test.groups or ()))
    if 0 < len(groups) < FEWEST_GROUPS:
        belong = "one group" if len(groups) == 1 else f"{len(groups)} groups"
        raise DataError(
            f"{shown(source)}: all test images belong to {belong} ('{shown(groups[0], 40)}'); the group is "
            f"the unit of the statistics, so at least {FEWEST_GROUPS} are needed: change groups"
        )


def _joined(one: SplitIndex, other: SplitIndex) -> SplitIndex:
    return SplitIndex(
        ids=one.ids + other.ids,
        labels=np.concatenate([one.labels, other.labels]),
        pictures=one.pictures + other.pictures,
        groups=None if one.groups is None or other.groups is None else one.groups + other.groups,
    )


def _units(part: SplitIndex) -> tuple[np.ndarray, np.ndarray]:
    """The unit of each image, (N,), and the class of each unit, (U,)."""
    if part.groups is None:
        return np.arange(len(part)), part.labels
    from scipy import sparse  # takes a while to import, and the process of a trial divides nothing

    names, unit_of = np.unique(part.groups, return_inverse=True)
    images = sparse.csr_array((np.ones(len(part)), (unit_of, part.labels)))  # (U, C), mostly zeros
    return unit_of, np.asarray(images.argmax(axis=1)).reshape(len(names))


def _refuse_small_classes(
    unit_labels: np.ndarray, counts: Callable[[int], Sequence[int]], classes: Sequence[str], unit: str
) -> None:
    for label, n in zip(*np.unique(unit_labels, return_counts=True), strict=True):
        needed = 1 + len(counts(n))
        if sum(counts(n)) >= n:
            raise DataError(
                f"class '{shown(classes[label])}' has {n} {unit}{'s' if n > 1 else ''}, too few to be in each of the "
                f"{needed} splits made here; add {unit}s, lower valid_fraction or test_fraction, or leave the class out"
            )
