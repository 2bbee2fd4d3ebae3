"""A study none of whose processes lives to a first result, for real."""

from __future__ import annotations

import re

import pytest
import yaml

from analysis.records.store import Store
from tests.support.commands import machine
from tests.support.study_files import ONE_SLOT, small_study

DEADLY = """
import os, signal
from benchmarks.no_op import NoOp

class Deadly(NoOp):
    def step(self):
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_a_study_whose_every_process_dies_at_its_start_ends_with_the_cause_in_one_line(tmp_path):
    """It would go on with its third trial, and its thirtieth."""
    mine = {"approach": "deadly:Deadly", "image_size": [8, 8], "space": {"guess": {"uniform": [0.0, 0.9]}}}
    study = small_study(approaches={"mine": mine}, backbones={}, slot=ONE_SLOT)
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    (tmp_path / "deadly.py").write_text(DEADLY)
    with machine(tmp_path) as here:
        told = here.transfer_study("run", "study.yaml", "--out", "out")
    assert re.fullmatch(
        r"no trial comes to a result: \d+ processes in a row ended before; the last time, its process was killed or "
        r"crashed \(memory ran out, a signal, or a fault in native code\); "
        r"mend that, and `transfer-study resume` goes on",
        told.complaint,
    )
    failed = [event for event in Store(str(tmp_path / "out")).trial_events() if event.event != "started"]
    assert len(failed) <= 1, "one may have been started again sooner than the other"
