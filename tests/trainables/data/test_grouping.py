"""What the names of files tell: times, bursts, and what their images have in common."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date

import numpy as np
import pytest

from trainables.data.grouping import days, propose_groups, taken_at
from trainables.data.images import ArrayPicture
from trainables.data.splits import SplitIndex


def part(names: list[str], groups: tuple[str, ...] | None = None) -> SplitIndex:
    """Images of the classes that their folders name."""
    classes = sorted({name.split("/")[0] for name in names})
    labels = np.array([classes.index(name.split("/")[0]) for name in names], dtype=np.int64)
    blank = ArrayPicture(np.zeros((1, 1), dtype=np.uint8), "blank")
    return SplitIndex(tuple(names), labels, (blank,) * len(names), groups)


def bursts(count: int, form: str) -> list[str]:
    """Two photographs of each minute, three seconds apart, of one class."""
    return [f"ferry/{form.format(minute=minute, second=s)}.jpg" for minute in range(count) for s in (10, 13)]


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("ferry/20130412_064059_20202.jpg", "2013-04-12 06:40:59"),
        ("2013-04-12 06.40.59.png", "2013-04-12 06:40:59"),
        ("IMG_20130412T064059.jpg", "2013-04-12 06:40:59"),
        ("20131512_064059.jpg", None),
        ("0001.jpg", None),
        ("00010101000000.png", None),
        ("98765432109876543210.jpg", None),
    ],
)
def test_times_are_read_from_names(name, moment):
    assert str(taken_at(name)) == str(moment)


@pytest.mark.parametrize("form", ["20130412_06{minute:02}{second}_7", "2013-04-12 06.{minute:02}.{second}"])
def test_bursts_are_proposed_as_groups_of_a_minute(form):
    found = propose_groups(part(bursts(20, form)))
    assert (found.groups, found.largest) == (20, 2)
    assert "40 of 40 were taken within 10 s of another of their class" in found.why
    matches = Counter(re.search(found.expression, name).group() for name in bursts(20, form))
    assert set(matches.values()) == {2}


def test_photographs_far_apart_are_left_alone():
    names = [f"ferry/20130412_{hour:02}{minute}000.jpg" for hour in range(24) for minute in range(6)]
    assert propose_groups(part(names)) is None


def test_what_numbered_names_have_in_common_is_proposed():
    names = [f"{kind}/boat{boat}_{i:03}.jpg" for kind in "ab" for boat in range(4) for i in range(5)]
    found = propose_groups(part([name.replace("boat", f"{name[0]}-boat") for name in names]))
    assert (found.groups, found.largest) == (8, 5)


@pytest.mark.parametrize(
    "names",
    [
        [f"ferry/IMG_{i:04}.jpg" for i in range(30)],
        [f"{kind}/{kind}_{i}.jpg" for kind in ("ferry", "barge") for i in range(9)],
        [f"ferry/{i}.jpg" for i in range(30)],
        [],
    ],
)
def test_mere_counting_is_no_group(names):
    assert propose_groups(part(names)) is None


def test_nothing_is_proposed_where_there_are_groups():
    names = bursts(20, "20130412_06{minute:02}{second}")
    assert propose_groups(part(names, groups=tuple(names))) is None


def test_days_are_known_where_every_name_tells():
    names = ["a/20130412_064059.jpg", "a/20130410_064059.jpg"]
    assert days(part(names)) == (date(2013, 4, 10), date(2013, 4, 12))
    assert days(part([*names, "a/x.jpg"])) == ()
    assert days(part([])) == ()
