"""Images reach each node once, whatever the number of trials: measured on two nodes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.cluster
HERE = Path(__file__).resolve().parent
TRIALS = 8
TRAIN_BYTES = 700 * 100 * 100 * 3  # and 50 of these images again to validate on
PATIENCE_S = 240


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> dict:
    with tempfile.TemporaryDirectory(prefix="r", dir="/tmp", ignore_cleanup_errors=True) as ray:
        own = {"PYTHONPATH": str(HERE.parents[1]), "RAY_TMPDIR": ray, "RAY_USAGE_STATS_ENABLED": "0"}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        done = subprocess.run(
            [sys.executable, str(HERE / "share_images.py"), str(tmp_path_factory.mktemp("shared")), str(TRIALS)],
            env=kept | own,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    found: dict = json.loads(done.stdout.splitlines()[-1])
    return found


def test_all_trials_train_either_way(told):
    for case in ("fits", "too_large"):
        assert len(told[case]["ended"]) == TRIALS
        assert set(told[case]["ended"]) <= {"finished", "cut"}


def test_what_fits_is_copied_once_to_the_object_store_of_each_node(told):
    for created in told["fits"]["created"]:
        assert TRAIN_BYTES <= created < 1.1 * TRAIN_BYTES
    assert told["fits"]["cached"] == [0, 0]


def test_what_does_not_fit_is_copied_once_to_the_cache_of_each_node(told):
    for cached in told["too_large"]["cached"]:
        assert TRAIN_BYTES <= cached < 1.1 * TRAIN_BYTES
    assert max(told["too_large"]["created"]) < 0.1 * TRAIN_BYTES
