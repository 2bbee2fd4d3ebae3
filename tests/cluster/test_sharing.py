"""Images reach each node once, whatever the number of trials: measured on two nodes."""

from __future__ import annotations

import json

import pytest

from tests.cluster.nodes import HERE, script

pytestmark = pytest.mark.cluster
TRIALS = 8
TRAIN_BYTES = 700 * 100 * 100 * 3  # and 50 of these images again to validate on


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> dict:
    printed = script(HERE / "share_images.py", tmp_path_factory.mktemp("shared"), TRIALS, RAY_USAGE_STATS_ENABLED="0")
    found: dict = json.loads(printed.splitlines()[-1])
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
