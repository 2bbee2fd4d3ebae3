"""What names tell: of files, groups and times (images that are not independent of each other); of classes, their twins.

Frames of one boat, slices of one patient and a burst of one camera resemble each other. Names often show it: by a time,
or by a number behind what they have in common. What is found here is proposed, never set.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from pathlib import PurePosixPath

import numpy as np

from trainables.data.splits import SplitIndex

TIME = re.compile(r"(?<!\d)(\d{4})-?(\d\d)-?(\d\d)[T_ -]?(\d\d)[-.:_]?(\d\d)(?=[-.:_]?(\d\d)(?!\d{3}))")
NUMBERED = r"^(.+?)\D*\d+\.\w+$"  # what comes before the last number of a name
PHOTOGRAPHED = range(1970, 2100)  # years; other digits are a counter's
NEAR_S = 10.0
FEWEST_IMAGES, FEWEST_GROUPS_A_CLASS = 10, 2


@dataclass(frozen=True)
class ProposedGroups:
    """A value for `groups`, and what it does to a split.

    Attributes:
        expression: regular expression, as `FolderData.groups` takes it.
        why: what the names show.
        groups, largest: how many groups the images form, and the images of the largest.
    """

    expression: str
    why: str
    groups: int
    largest: int


def propose_groups(part: SplitIndex) -> ProposedGroups | None:
    """Groups that the names of a split's files suggest; None where they suggest none, or the split has groups."""
    if part.groups is not None:
        return None
    return next(filter(None, (_by_time(part), _by_number(part))), None)


def days(part: SplitIndex) -> tuple[date, ...]:
    """The days on which the images were taken, if all their names say when; else none."""
    taken = [taken_at(name) for name in part.ids]
    return tuple(sorted({moment.date() for moment in taken if moment})) if all(taken) else ()


def taken_at(name: str) -> datetime | None:
    """When an image was taken, if its file is named like 20130412_064059 or 2013-04-12 06.40.59."""
    found = TIME.search(PurePosixPath(name).name)
    if found is None:
        return None
    try:
        moment = datetime(*map(int, found.groups()))  # type: ignore[arg-type]
    except ValueError:  # digits, but of no time
        return None
    return moment if moment.year in PHOTOGRAPHED else None


def alike(names: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Names that differ by capitals, blanks or the way of writing accents alone, those of one kind together."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for name in names:
        kinds["".join(unicodedata.normalize("NFKC", name).split()).casefold()].append(name)
    return tuple(tuple(twins) for twins in kinds.values() if len(twins) > 1)


def _by_time(part: SplitIndex) -> ProposedGroups | None:
    taken = [taken_at(name) for name in part.ids]
    near = sum(_near_another(zip(taken, part.labels.tolist(), strict=True)))
    if not all(taken) or near < FEWEST_IMAGES:
        return None
    minute = TIME.search(PurePosixPath(part.ids[0]).name)
    assert minute is not None, "every name holds a time"
    pieces = re.findall(r"\d+|\D+", minute.group())
    expression = "".join(rf"\d{{{len(piece)}}}" if piece.isdigit() else re.escape(piece) for piece in pieces)
    why = f"{near:,} of {len(part):,} were taken within {NEAR_S:g} s of another of their class"
    return _proposal(part.ids, expression, f"{why}; this makes a group of each minute")


def _near_another(images: Iterable[tuple[datetime | None, int]]) -> Iterator[bool]:
    """For each image of known time, whether another of its class was taken within NEAR_S."""
    of_class: dict[int, list[float]] = defaultdict(list)
    for moment, label in images:
        if moment is not None:
            of_class[label].append(moment.timestamp())
    for moments in map(sorted, of_class.values()):
        gaps = [np.inf, *(later - earlier for earlier, later in pairwise(moments)), np.inf]
        yield from (min(before, after) <= NEAR_S for before, after in pairwise(gaps))


def _by_number(part: SplitIndex) -> ProposedGroups | None:
    found = _proposal(part.ids, NUMBERED, "names differ in their last number alone")
    if found is None or found.groups < FEWEST_GROUPS_A_CLASS * len(np.unique(part.labels)):
        return None
    return found


def _proposal(names: Sequence[str], expression: str, why: str) -> ProposedGroups | None:
    """None where a name does not match, or most images would be alone in their group."""
    matches = [re.search(expression, PurePosixPath(name).name) for name in names]
    if not names or not all(matches):
        return None
    sizes = Counter(match.group(1) if match.re.groups else match.group() for match in matches if match)
    if len(sizes) < 2 or len(names) / len(sizes) < 1.5:
        return None
    return ProposedGroups(expression, why, len(sizes), max(sizes.values()))
