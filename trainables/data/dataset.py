"""Data sets: opened, divided into train, valid and test, checked, and decoded to uint8 arrays.

    dataset = open_dataset(FolderData(path="data/boats"))   # or another source; see config.py
    dataset.check()
    images = dataset.images("train", (120, 400))   # (N, 120, 400, 3) uint8
    labels = dataset.splits["train"].labels        # (N,) int64

Opening decodes every image once at its own size (`facts`), so damaged files and identical images are known before any
training, and recalls the result from the cache afterwards. Where it is told the sizes that will be wanted, the images
are resized to these while they are in memory.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from trainables.data.config import Contents, DataSource, LeftOut, Switch
from trainables.data.grouping import alike
from trainables.data.image_cache import Facts, Wanted, decoded, inspect
from trainables.data.splits import (
    SPLITS,
    Division,
    Duplicate,
    Split,
    SplitIndex,
    in_two_classes,
    in_two_splits,
    redivide,
    refuse_few_groups,
)
from trainables.errors import DataError, InputError, one_line, shown

FEWEST_GREYS = 64  # of the 256 that 16-bit images are scaled to: 14 bits of values are enough for that


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Labelled images in three splits.

    Attributes:
        config, source: what the study file says about it, and where it comes from, in words.
        classes: their names, in the order of the labels.
        splits: identifiers, labels and groups of each split.
        facts: size and digest of each image, by identifier.
        skipped: identifiers of the files left out because they are not readable (`skip_corrupt`).
        left_out: other files that lie there and are not in the data.
    """

    config: DataSource
    source: str
    classes: tuple[str, ...]
    splits: dict[Split, SplitIndex]
    facts: Mapping[str, Facts] = field(repr=False)
    skipped: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    _decoded: dict[tuple[Split, tuple[int, int]], tuple[np.ndarray, str]] = field(default_factory=dict, repr=False)

    @property
    def counts(self) -> dict[Split, tuple[int, ...]]:
        """In each split, images of each class."""
        lengths = {split: np.bincount(part.labels, minlength=len(self.classes)) for split, part in self.splits.items()}
        return {split: tuple(int(n) for n in length) for split, length in lengths.items()}

    @property
    def duplicates(self) -> tuple[Duplicate, ...]:
        """Images that are in an earlier split as well."""
        return in_two_splits(self.splits, self.facts)

    @property
    def contradictions(self) -> tuple[Duplicate, ...]:
        """Images that are in another class as well."""
        return in_two_classes(self.splits, self.facts)

    @property
    def depth(self) -> tuple[int, int] | None:
        """The lowest and highest value of all images with 16 bits a value; None where there are none."""
        lowest = [seen.lowest for seen in self.facts.values() if seen.lowest is not None]
        highest = [seen.highest for seen in self.facts.values() if seen.highest is not None]
        return (min(lowest), max(highest)) if lowest else None

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
                than three groups in the test split, 16-bit images of which few greys would be left, or, unless the
                configuration allows it (`allow_duplicates`, `allow_shared_groups`), an image or a group that is in more
                than one split, or an image in two classes.
        """
        if len(self.classes) < 2:
            only = shown(self.classes[0])
            raise DataError(f"{shown(self.source)}: one class only, '{only}'; a comparison needs at least two")
        for split, part in self.splits.items():
            if not len(part):
                raise DataError(f"{shown(self.source)}: no images in the split '{split}'; add some of every class")
        self._refuse_missing_classes()
        refuse_few_groups(self.splits["test"], self.source)
        self._refuse_few_greys()
        if not self.config.allows("allow_shared_groups"):
            self._refuse_shared_groups()
        if not self.config.allows("allow_duplicates"):
            self._refuse_duplicates()
            self._refuse_contradictions()

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
            lacking = f"class '{shown(partial[0], 30)}' has no images in {' and '.join(absent)}{more}"
            twins = next((twins for twins in alike(self.classes) if partial[0] in twins), ())
            if other := next((name for name in twins if name != partial[0]), None):
                raise DataError(f"{shown(self.source)}: {lacking}, but '{shown(other, 30)}' has; write it in one way")
            raise DataError(
                f"{shown(self.source)}: {lacking}; every class must be in every split: add images, or leave it out"
            )

    def _refuse_few_greys(self) -> None:
        lowest, highest = self.depth or (0, 65535)
        greys = highest // 257 - lowest // 257 + 1
        if greys < FEWEST_GREYS:
            raise DataError(
                f"{shown(self.source)}: its 16-bit images have values from {lowest:,} to {highest:,} only, {greys} of "
                "the 256 greys that they are scaled to; write them with 8 bits, all scaled by that range"
            )

    def _refuse_shared_groups(self) -> None:
        where: dict[str, list[Split]] = {}
        for split in SPLITS:
            for group in sorted(set(self.splits[split].groups or ())):
                where.setdefault(group, []).append(split)
        shared = [group for group, splits in where.items() if len(splits) > 1]
        if shared:
            raise DataError(
                f"{shown(self.source)}: {_many(shared, 'group')} in more than one split, first "
                f"'{shown(shared[0], 25)}' in {' and '.join(where[shared[0]])}; keep each in one split, change groups"
                f"{_or_allow(self.config, 'allow_shared_groups')}"
            )

    def _refuse_duplicates(self) -> None:
        if found := self.duplicates:
            raise DataError(
                f"{shown(self.source)}: {_many(found, 'image')} in more than one split, first {_pair(found[0])}; "
                f"remove one of each two{_or_allow(self.config, 'allow_duplicates')}"
            )

    def _refuse_contradictions(self) -> None:
        if found := self.contradictions:
            raise DataError(
                f"{shown(self.source)}: {_many(found, 'image')} in two classes, first {_pair(found[0])}; "
                f"remove the wrong one{_or_allow(self.config, 'allow_duplicates')}"
            )


def open_checked(config: DataSource, replicates: int, sizes: Iterable[tuple[int, int]] = ()) -> Dataset:
    """Open a data set for a study, refused if no fair comparison can be made on it.

    Args:
        replicates: of the search, for each of which the data may be divided anew.
        sizes: as for `open_dataset`.
    """
    dataset = open_dataset(config, sizes)
    dataset.check()
    dataset.divisions(replicates)  # refuses what cannot be divided anew
    return dataset


def open_dataset(config: DataSource, sizes: Iterable[tuple[int, int]] = ()) -> Dataset:
    """Read a data set and divide it where it comes undivided; `Dataset.check` says whether a study can use it.

    Args:
        sizes: (height, width) at which its images will be wanted, so that each is decoded for all of them at once.

    Raises:
        DataError: missing files, no images, an unreadable image, too few images of a class to divide, or whatever goes
            wrong in a source that somebody else has written.
    """
    contents = _read(config)
    parts, facts, skipped = _readable(contents.parts, config, _wanted(contents, config, sizes))
    if not facts:
        none = f"no readable image among its {len(skipped)} files"
        raise DataError(f"{shown(contents.name)}: {none}; give a folder of images")
    return Dataset(
        config=config,
        source=contents.name,
        classes=contents.classes,
        splits=config.divided(parts, contents.classes),
        facts=facts,
        skipped=skipped,
        left_out=contents.left_out,
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


def _wanted(contents: Contents, config: DataSource, sizes: Iterable[tuple[int, int]]) -> list[Wanted]:
    """What will be asked of the cache if every image is readable; nothing where the images cannot be divided."""
    chosen = sorted(set(sizes))
    try:
        splits = config.divided(contents.parts, contents.classes) if chosen else {}
    except DataError:  # which is raised again when the images have been read
        return []
    return [
        Wanted(dict(zip(part.ids, part.pictures, strict=True)), size, f"{contents.name}, {split}")
        for size in chosen
        for split, part in splits.items()
    ]


def _readable(
    parts: Mapping[Split, SplitIndex], config: DataSource, wanted: Sequence[Wanted]
) -> tuple[dict[Split, SplitIndex], dict[str, Facts], tuple[str, ...]]:
    pictures = {name: picture for part in parts.values() for name, picture in zip(part.ids, part.pictures, strict=True)}
    facts, reasons = inspect(pictures, wanted)
    if reasons and not config.allows("skip_corrupt"):
        name, why = next(iter(reasons.items()))
        more = f" and {len(reasons) - 1} more" if len(reasons) > 1 else ""
        raise DataError(f"{shown(pictures[name])}{more}: not a readable image ({why}); {config.unreadable_mend}")
    kept = {split: [i for i, name in enumerate(part.ids) if name in facts] for split, part in parts.items()}
    return {split: parts[split].take(positions) for split, positions in kept.items()}, facts, tuple(reasons)


def _pair(found: Duplicate) -> str:
    return f"{shown(found.id_a, 35)} = {shown(found.id_b, 35)}"


def _many(found: Sequence[object], thing: str) -> str:
    return f"1 {thing} is" if len(found) == 1 else f"{len(found)} {thing}s are"


def _or_allow(config: DataSource, switch: Switch) -> str:
    return f", or set {switch}: true" if config.offers(switch) else ""
