"""Seconds of a study file: numbers, and durations as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.records.seconds import LONGEST_S, SHORTEST_S, read_seconds


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (90, 90),
        (0.5, 0.5),
        ("90s", 90),
        ("10min", 600),
        ("2h", 7200),
        ("1h30min", 5400),
        ("1 h 30 min", 5400),
        ("1.5h", 5400),
        ("1d", 86400),
        ("1d2h3min4.5s", 93784.5),
    ],
)
def test_a_duration_is_read_in_seconds(written, seconds):
    assert read_seconds(written) == seconds


@given(st.integers(0, 1000), st.integers(0, 10_000), st.integers(0, 10_000))
def test_hours_minutes_and_seconds_add_up(hours, minutes, seconds):
    total = 3600 * hours + 60 * minutes + seconds
    if total:
        assert read_seconds(f"{hours}h{minutes}min{seconds}s") == total


@pytest.mark.parametrize(
    "written", ["", " ", "10", "10m", "min", "h", "1:30", "30min1h", "1h1h", "-1h", "many", "1e3s", "1" * 20_000, "١s"]
)
def test_text_that_is_no_duration_is_refused_with_what_one_looks_like(written):
    with pytest.raises(
        ValueError, match="a number of seconds, or a duration such as 90s or 1h30min, but got"
    ) as caught:
        read_seconds(written)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    "written", [float("inf"), float("nan"), -1, 0, 1e308, 10**400, 2 * LONGEST_S, SHORTEST_S / 2, "99999d"]
)
def test_seconds_beyond_every_study_are_refused(written):
    with pytest.raises(ValueError, match=r"input should be|needs"):
        read_seconds(written)
