"""The benchmark of what a trial costs beside its training still measures whole studies."""

from __future__ import annotations

import pytest

from tests.cluster.nodes import HERE, script

pytestmark = pytest.mark.cluster


def test_a_study_of_trials_that_do_nothing_is_measured_and_told_in_one_row(tmp_path):
    benchmark = HERE.parents[1] / "benchmarks" / "scale.py"
    told = script(benchmark, "--trials", 30, "--slots", 2, TRANSFER_STUDY_CACHE=str(tmp_path))
    header, row = told.splitlines()
    assert header.split()[:2] == ["trials", "slots"]
    trials, slots, per_second, *_ = row.split()
    assert (trials, slots) == ("30", "2")
    assert float(per_second) > 0
