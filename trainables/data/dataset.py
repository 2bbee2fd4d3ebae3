"""Data sets: opened, divided into train, valid and test, checked, and decoded to uint8 arrays.

    dataset = open_dataset(FolderData(path="data/boats"))   # or another source; see config.py
    dataset.check()
    images = dataset.images("train", (120, 400))   # (N, 120, 400, 3) uint8
    labels = dataset.splits["train"].labels        # (N,) int64

Opening decodes every image once at its own size (`facts`), so damaged files and identical images are known before any
training, and recalls the result from the cache afterwards.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from trainables.data.config import Contents, DataSource, Switch
from trainables.data.grouping import ProposedGroups, days, propose_groups
from trainables.data.image_cache import Facts, decoded, inspect
from trainables.data.splits import SPLITS, Division, Split, SplitIndex, redivide
from trainables.errors import DataError, InputError, one_line

FEWEST_GROUPS = 3  # of test images: from fewer no variance between groups can be estimated that is worth the name


@dataclass(frozen=True)
class ImageSizes:
    """Sizes of images as (height, width) in pixels: up to three `common` ones with their counts, and the extremes."""

    common: tuple[tuple[tuple[int, int], int], ...]
    smallest: tuple[int, int]
    largest: tuple[int, int]


@dataclass(frozen=True)
class Duplicate:
    """An image of one split that is, pixel for pixel, also in an earlier one."""

    split_a: Split
    id_a: str
    split_b: Split
    id_b: str


@dataclass(frozen=True, kw_only=True)
class DatasetDescription:
    """A data set in figures.

    Attributes:
        images: images in each split.
        counts: in each split, images of each class, in the order of `classes`.
        largest_share: in each split, the share of its largest class: the accuracy of always answering that one.
        image_sizes: before they are resized.
        groups: groups in each split, or None where the data set has none.
        proposed_groups: groups that the names of the test images suggest where the data set has none.
        test_days: the days of the test images, where their names tell.
        duplicates: images that are in an earlier split as well.
        skipped: files left out because they are not readable.
    """

    source: str
    classes: tuple[str, ...]
    images: dict[Split, int]
    counts: dict[Split, tuple[int, ...]]
    largest_share: dict[Split, float]
    image_sizes: ImageSizes
    groups: dict[Split, int] | None
    proposed_groups: ProposedGroups | None
    test_days: tuple[date, ...]
    duplicates: tuple[Duplicate, ...]
    skipped: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Labelled images in three splits.

    Attributes:
        config: what the study file says about it.
        source: where it comes from, in words.
        classes: their names, in the order of the labels.
        splits: identifiers, labels and groups of each split.
        facts: size and digest of each image, by identifier.
        skipped: identifiers of the files left out because they are not readable (`skip_corrupt`).
    """

    config: DataSource
    source: str
    classes: tuple[str, ...]
    splits: dict[Split, SplitIndex]
    facts: Mapping[str, Facts] = field(repr=False)
    skipped: tuple[str, ...] = ()
    _decoded: dict[tuple[Split, tuple[int, int]], tuple[np.ndarray, str]] = field(default_factory=dict, repr=False)

    @property
    def counts(self) -> dict[Split, tuple[int, ...]]:
        """In each split, images of each class."""
        lengths = {split: np.bincount(part.labels, minlength=len(self.classes)) for split, part in self.splits.items()}
        return {split: tuple(int(n) for n in length) for split, length in lengths.items()}

    @property
    def image_sizes(self) -> ImageSizes:
        """Sizes of all images before they are resized."""
        counts = Counter((facts.height, facts.width) for facts in self.facts.values())
        by_area = sorted(counts, key=lambda size: (size[0] * size[1], size))
        return ImageSizes(tuple(counts.most_common(3)), by_area[0], by_area[-1])

    def images(self, split: Split, size: tuple[int, int]) -> np.ndarray:
        """The images of a split at one size, decoded once and then read from the cache.

        Args:
            size: (height, width) in pixels.

        Returns:
            (N, height, width, 3) uint8 RGB in the order of the split's identifiers; memory-mapped and read-only. The
            same array every time.

        Raises:
            DataError: an image has become unreadable, or the cache cannot be written.
        """
        return self._sealed(split, size)[0]

    def fingerprint(self, sizes: Iterable[tuple[int, int]]) -> str:
        """SHA-256 over every image's identifier, label, split and pixels at these sizes.

        The same images give the same fingerprint on every machine, wherever they lie there.
        """
        content = {
            "classes": self.classes,
            "splits": {split: [part.ids, part.labels.tolist()] for split, part in self.splits.items()},
            "pixels": {str(size): [self._sealed(split, size)[1] for split in SPLITS] for size in sorted(set(sizes))},
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def divisions(self, replicates: int) -> tuple[Division, ...]:
        """What each replicate trains on and is validated on, where they are divided anew for each; else nothing.

        The first replicate has the splits as they are; the others are the same on every machine.

        Raises:
            DataError: a class has too few images, or groups, to be divided.
        """
        seed, train, valid = self.config.redivided_with, self.splits["train"], self.splits["valid"]
        if seed is None:
            return ()
        first = Division(np.arange(len(train)), np.arange(len(train), len(train) + len(valid)))
        seeds = np.random.SeedSequence(seed).generate_state(replicates)[1:]
        return (first, *(redivide(train, valid, self.classes, int(one)) for one in seeds))

    def check(self) -> None:
        """Refuse what no fair comparison can be made on.

        Raises:
            DataError: fewer than two classes, a split without images, a class that is not in every split, fewer
                than three groups in the test split, or, unless the configuration allows it (`allow_duplicates`,
                `allow_shared_groups`), an image or a group that is in more than one split.
        """
        if len(self.classes) < 2:
            raise DataError(f"{self.source}: one class only, '{self.classes[0]}'; a comparison needs at least two")
        for split, part in self.splits.items():
            if not len(part):
                raise DataError(f"{self.source}: no images in the split '{split}'; add some of every class")
        self._refuse_missing_classes()
        self._refuse_few_groups()
        if not self.config.allows("allow_shared_groups"):
            self._refuse_shared_groups()
        if not self.config.allows("allow_duplicates"):
            self._refuse_duplicates()

    def _sealed(self, split: Split, size: tuple[int, int]) -> tuple[np.ndarray, str]:
        if (split, size) not in self._decoded:
            part = self.splits[split]
            pictures = dict(zip(part.ids, part.pictures, strict=True))
            mapped, seal = decoded(pictures, size, data=f"{self.source}, {split}")
            # A plain array over the mapped file: pickle hands it over as a buffer, so that one copy in an object store
            # serves all workers, where a np.memmap would be copied into each. And one array, not one for each call:
            # pickle knows what it has stored already by the object.
            self._decoded[split, size] = np.asarray(mapped), seal
        return self._decoded[split, size]

    def _refuse_missing_classes(self) -> None:
        counts = self.counts
        partial = [name for i, name in enumerate(self.classes) if not all(counts[split][i] for split in SPLITS)]
        if partial:
            label = self.classes.index(partial[0])
            absent = [split for split in SPLITS if not counts[split][label]]
            more = f" (and {len(partial) - 1} more such classes)" if len(partial) > 1 else ""
            raise DataError(
                f"{self.source}: class '{partial[0]}' has no images in {' and '.join(absent)}{more}; "
                "every class must be in every split: add images, or leave the class out"
            )

    def _refuse_few_groups(self) -> None:
        groups = sorted(set(self.splits["test"].groups or ()))
        if 0 < len(groups) < FEWEST_GROUPS:
            belong = "one group" if len(groups) == 1 else f"{len(groups)} groups"
            raise DataError(
                f"{self.source}: all test images belong to {belong} ('{groups[0]}'); the group is the unit of the "
                f"statistics, so at least {FEWEST_GROUPS} are needed: change groups"
            )

    def _refuse_shared_groups(self) -> None:
        where: dict[str, list[Split]] = {}
        for split in SPLITS:
            for group in sorted(set(self.splits[split].groups or ())):
                where.setdefault(group, []).append(split)
        shared = [group for group, splits in where.items() if len(splits) > 1]
        if shared:
            groups = "1 group is" if len(shared) == 1 else f"{len(shared)} groups are"
            raise DataError(
                f"{self.source}: {groups} in more than one split, first '{shared[0]}' in "
                f"{' and '.join(where[shared[0]])}; keep each in one split, change groups"
                f"{_or_allow(self.config, 'allow_shared_groups')}"
            )

    def _refuse_duplicates(self) -> None:
        if found := duplicates(self):
            images = "1 image is" if len(found) == 1 else f"{len(found)} images are"
            raise DataError(
                f"{self.source}: {images} in more than one split, first {found[0].id_a} = {found[0].id_b}; "
                f"remove one of each two{_or_allow(self.config, 'allow_duplicates')}"
            )


def open_dataset(config: DataSource) -> Dataset:
    """Read a data set and divide it where it comes undivided; `Dataset.check` says whether a study can use it.

    Raises:
        DataError: missing files, no images, an unreadable image, too few images of a class to divide, or whatever goes
            wrong in a source that somebody else has written.
    """
    contents = _read(config)
    parts, facts, skipped = _readable(contents.parts, config)
    if not facts:
        raise DataError(f"{contents.name}: no readable image among its {len(skipped)} files; give a folder of images")
    return Dataset(
        config=config,
        source=contents.name,
        classes=contents.classes,
        splits=config.divided(parts, contents.classes),
        facts=facts,
        skipped=skipped,
    )


def duplicates(dataset: Dataset) -> tuple[Duplicate, ...]:
    """Images that are also in an earlier split, in the order train, valid, test; each with the first such image.

    Two images are the same when their RGB pixels are, at their own size and upright (compared by SHA-1): a copy under
    another name, in another lossless format, or with other metadata is found; one compressed anew is not.
    """
    first: dict[Facts, tuple[Split, str]] = {}
    found = []
    for split in SPLITS:
        for name in dataset.splits[split].ids:
            earlier, other = first.setdefault(dataset.facts[name], (split, name))
            if earlier != split:
                found.append(Duplicate(earlier, other, split, name))
    return tuple(found)


def describe(dataset: Dataset) -> DatasetDescription:
    """The data set in figures, whether or not a study can use it."""
    counts = dataset.counts
    groups = {split: len(set(part.groups or ())) for split, part in dataset.splits.items()}
    return DatasetDescription(
        source=dataset.source,
        classes=dataset.classes,
        images={split: len(part) for split, part in dataset.splits.items()},
        counts=counts,
        largest_share={split: max(per_class) / max(1, sum(per_class)) for split, per_class in counts.items()},
        image_sizes=dataset.image_sizes,
        groups=groups if dataset.splits["train"].groups is not None else None,
        proposed_groups=propose_groups(dataset.splits["test"]) if dataset.config.offers("groups") else None,
        test_days=days(dataset.splits["test"]),
        duplicates=duplicates(dataset),
        skipped=dataset.skipped,
    )


def _read(config: DataSource) -> Contents:
    try:
        return config.read()
    except InputError:
        raise
    except Exception as error:  # whatever somebody else's class does
        raise DataError(
            f"{config.source}: {type(config).__name__}.read fails ({one_line(error)}); mend it, or what it reads"
        ) from error


def _readable(
    parts: Mapping[Split, SplitIndex], config: DataSource
) -> tuple[dict[Split, SplitIndex], dict[str, Facts], tuple[str, ...]]:
    pictures = {name: picture for part in parts.values() for name, picture in zip(part.ids, part.pictures, strict=True)}
    facts, reasons = inspect(pictures)
    if reasons and not config.allows("skip_corrupt"):
        name, why = next(iter(reasons.items()))
        more = f" and {len(reasons) - 1} more" if len(reasons) > 1 else ""
        raise DataError(f"{pictures[name]}{more}: not a readable image ({why}); {config.unreadable_mend}")
    kept = {split: [i for i, name in enumerate(part.ids) if name in facts] for split, part in parts.items()}
    return {split: parts[split].take(positions) for split, positions in kept.items()}, facts, tuple(reasons)


def _or_allow(config: DataSource, switch: Switch) -> str:
    return f", or set {switch}: true" if config.offers(switch) else ""
