"""The driver of a long study, by a small part of one."""

from __future__ import annotations

import pytest

from tests.cluster.growth import HEADER
from tests.cluster.nodes import HERE, script

pytestmark = pytest.mark.cluster
FIRST, LAST = 100, 300
# 70 to 79 in four runs; 129 where Tune does not forget its averages. Counted to the last one: the megabytes that the
# system gives come in steps, of the size of what 200 trials need.
OBJECTS_PER_TRIAL = 100


def test_the_driver_of_a_study_grows_by_what_it_must_remember_and_opens_no_more_files_or_threads(tmp_path):
    told = script(HERE / "growth.py", FIRST, LAST, TRANSFER_STUDY_CACHE=str(tmp_path))
    header, *rows = told.splitlines()
    assert header == HEADER
    first, last = (dict(zip(header.split("  "), map(int, row.split()), strict=True)) for row in rows)
    assert last["objects"] - first["objects"] < OBJECTS_PER_TRIAL * (LAST - FIRST)
    assert last["open files"] <= first["open files"] + 5
    assert last["threads"] <= first["threads"] + 5
