"""A data set in figures, whether or not a study can use it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from trainables.data.config import LeftOut
from trainables.data.dataset import Dataset
from trainables.data.grouping import ProposedGroups, alike, days, propose_groups
from trainables.data.image_cache import Facts
from trainables.data.splits import Duplicate, Split
from trainables.errors import shown


@dataclass(frozen=True)
class ImageSizes:
    """Sizes of images as (height, width) in pixels: up to three `common` ones with their counts, and the extremes."""

    common: tuple[tuple[tuple[int, int], int], ...]
    smallest: tuple[int, int]
    largest: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class DatasetDescription:
    """A data set in figures.

    Attributes:
        images: images in each split.
        counts: in each split, images of each class, in the order of `classes`.
        largest_share: in each split, the share of its largest class: the accuracy of always answering that one.
        image_sizes: before they are resized.
        depth: the lowest and highest value of the images with 16 bits a value; None where there are none.
        groups: groups in each split, or None where the data set has none.
        proposed_groups: groups that the names of the test images suggest where the data set has none.
        test_days: the days of the test images, where their names tell.
        duplicates: images that are in an earlier split as well.
        contradictions: images that are in another class as well.
        alike: classes whose names differ by case, blanks or the way of writing accents alone.
        skipped: files left out because they are not readable.
        left_out: files that lie there and are not in the data.
    """

    source: str
    classes: tuple[str, ...]
    images: dict[Split, int]
    counts: dict[Split, tuple[int, ...]]
    largest_share: dict[Split, float]
    image_sizes: ImageSizes
    depth: tuple[int, int] | None
    groups: dict[Split, int] | None
    proposed_groups: ProposedGroups | None
    test_days: tuple[date, ...]
    duplicates: tuple[Duplicate, ...]
    contradictions: tuple[Duplicate, ...]
    alike: tuple[tuple[str, ...], ...]
    skipped: tuple[str, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def oddities(self) -> list[str]:
        """What somebody who knows the data should look at, a sentence each."""
        told = [f"Left out, {one.why}: {one.count:,}, first {one.first}" for one in self.left_out]
        if self.skipped:
            told.append(f"Left out as not readable: {len(self.skipped):,}, first {shown(self.skipped[0])}")
        if self.contradictions:
            first = self.contradictions[0]
            pair = f"{shown(first.id_a)} = {shown(first.id_b)}"
            told.append(f"Identical images in more than one class: {len(self.contradictions):,}, first {pair}")
        if self.alike:
            names = " and ".join(f"'{shown(name, 40)}'" for name in self.alike[0])
            told.append(f"Classes whose names differ by capitals, blanks or accents alone: {names}")
        if self.depth:
            lowest, highest = self.depth
            told.append(f"16-bit images with values from {lowest:,} to {highest:,} of 65,535, scaled to 8 bits")
        return told


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
        image_sizes=_image_sizes(dataset.facts),
        depth=dataset.depth,
        groups=groups if dataset.splits["train"].groups is not None else None,
        proposed_groups=propose_groups(dataset.splits["test"]) if dataset.config.offers("groups") else None,
        test_days=days(dataset.splits["test"]),
        duplicates=dataset.duplicates,
        contradictions=dataset.contradictions,
        alike=alike(dataset.classes),
        skipped=dataset.skipped,
        left_out=dataset.left_out,
    )


def _image_sizes(facts: Mapping[str, Facts]) -> ImageSizes:
    counts = Counter((seen.height, seen.width) for seen in facts.values())
    by_area = sorted(counts, key=lambda size: (size[0] * size[1], size))
    return ImageSizes(tuple(counts.most_common(3)), by_area[0], by_area[-1])
