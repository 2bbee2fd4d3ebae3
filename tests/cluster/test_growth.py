"""The driver of a long study, by the thousandth part of one."""

from __future__ import annotations

import pytest

from tests.cluster.growth import HEADER
from tests.cluster.nodes import HERE, script

pytestmark = pytest.mark.cluster
FIRST, LAST = 150, 450
PER_TRIAL_MB = 0.03  # 0.065 before Tune was made to forget its averages; a gigabyte in 24 hours


def test_the_driver_of_a_study_grows_by_what_it_must_remember_and_opens_no_more_files_or_threads(tmp_path):
    told = script(HERE / "growth.py", FIRST, LAST, TRANSFER_STUDY_CACHE=str(tmp_path))
    header, *rows = told.splitlines()
    assert header == HEADER
    (_, first_mb, first_files, first_threads), (_, last_mb, files, threads) = (map(int, row.split()) for row in rows)
    assert last_mb - first_mb < PER_TRIAL_MB * (LAST - FIRST)
    assert files <= first_files + 5
    assert threads <= first_threads + 5
