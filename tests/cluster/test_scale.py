"""The benchmark of what a trial costs beside its training still measures whole studies."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.cluster
ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 240


def test_a_study_of_trials_that_do_nothing_is_measured_and_told_in_one_row(tmp_path):
    with tempfile.TemporaryDirectory(prefix="r", dir="/tmp", ignore_cleanup_errors=True) as ray:
        own = {"PYTHONPATH": str(ROOT), "TRANSFER_STUDY_CACHE": str(tmp_path), "RAY_TMPDIR": ray}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        done = subprocess.run(
            [sys.executable, str(ROOT / "benchmarks" / "scale.py"), "--trials", "30", "--slots", "2"],
            env=kept | own,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    header, row = done.stdout.splitlines()
    assert header.split()[:2] == ["trials", "slots"]
    trials, slots, per_second, *_ = row.split()
    assert (trials, slots) == ("30", "2")
    assert float(per_second) > 0
